"""What a node answers to what cannot be done, and to names that nobody has."""

from __future__ import annotations

import pytest

from mesh.control.node_service import _OVER
from mesh.control.service import JobAction
from mesh.model.status import JobState
from mesh.node.errors import JobHasEnded, UnknownJob, UnknownNode


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (JobState.DONE, "film is done already; there is nothing left to cancel."),
        (JobState.FAILED, "film has failed already; there is nothing left to cancel."),
        (JobState.CANCELLED, "film is cancelled already; there is nothing left to cancel."),
    ],
)
def test_an_ended_job_says_how_it_ended(state: JobState, words: str) -> None:
    assert state in _OVER[JobAction.CANCEL]
    assert str(JobHasEnded("film", state, "cancel")) == words


def test_a_failed_job_can_be_tried_again_and_not_be_cancelled_or_paused() -> None:
    allowed = [action for action in JobAction if JobState.FAILED not in _OVER[action]]
    assert allowed == [JobAction.RESUME, JobAction.RETRY]


def test_a_slip_in_a_name_is_answered_with_the_name_that_was_meant() -> None:
    assert str(UnknownJob("stil-life", ("comp", "still-life", "still-life"))) == (
        "No job is called 'stil-life'. Did you mean still-life? `mesh jobs` lists those this node knows."
    )
    assert str(UnknownNode("rendr1", ("render1", "render2"))) == (
        "No node is called 'rendr1'. Did you mean render1 or render2? `mesh nodes` lists those there are."
    )


def test_a_name_like_no_other_is_answered_with_where_names_are_listed() -> None:
    assert str(UnknownJob("x", ("comp",))) == "No job is called 'x'. `mesh jobs` lists those this node knows."
