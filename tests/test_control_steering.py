"""What people ask of a job, resolved: names to ids, and what makes no sense refused with a sentence."""

from __future__ import annotations

import pytest

from mesh.control.steering import BadTerms, Steering
from mesh.control.terms import JobChange, JobTerms
from mesh.errors import BadFrameSet
from mesh.model.ids import JobId, NodeId
from mesh.model.policy import FrameOrder, JobPolicy
from mesh.node.errors import UnknownJob, UnknownNode
from mesh.sched.events import ActOnJob
from mesh.wire.jobs import EditName

OWN = tuple(range(1, 25))
ME, ADA, JOB, LAYOUT = NodeId(b"m" * 32), NodeId(b"a" * 32), JobId(b"j" * 32), JobId(b"l" * 32)


def find_node(text: str) -> NodeId:
    if text != "ada":
        raise UnknownNode(text=text)
    return ADA


def find_job(text: str) -> JobId:
    if text != "layout":
        raise UnknownJob(text=text)
    return LAYOUT


STEERING = Steering(ME, find_node, find_job)


def test_terms_become_a_policy_with_ids_for_names() -> None:
    terms = JobTerms(
        2, "film", ("gpu", "gpu"), ("local", "ada", "local"), 4, FrameOrder.SCATTERED, ("layout",), True, 9
    )
    assert STEERING.policy(terms) == JobPolicy(
        2, "film", ("gpu",), (ME, ADA), 4, FrameOrder.SCATTERED, (LAYOUT,), True, 9
    )
    assert STEERING.policy(JobTerms()) == JobPolicy()


def test_each_thing_to_change_is_one_edit() -> None:
    change = JobChange(3, "film", (), ("ada",), "1-3,4", ("layout",), exclude=("local",), include=("ada",))
    assert STEERING.edits(JOB, change, OWN) == [
        ActOnJob(JOB, EditName.PRIORITY, number=3),
        ActOnJob(JOB, EditName.CATEGORY, words=("film",)),
        ActOnJob(JOB, EditName.TAGS),
        ActOnJob(JOB, EditName.ON, nodes=(ADA,)),
        ActOnJob(JOB, EditName.LIMIT, words=("1-4",)),
        ActOnJob(JOB, EditName.AFTER, words=(LAYOUT.hex(),)),
        ActOnJob(JOB, EditName.EXCLUDED, ME, 1),
        ActOnJob(JOB, EditName.EXCLUDED, ADA, 2),
    ]


@pytest.mark.parametrize(
    ("terms", "error", "reason"),
    [
        (JobTerms(priority=0), BadTerms, "from 1 to 1000, not 0"),
        (JobTerms(category="a\nb"), BadTerms, "printable"),
        (JobTerms(tags=("x" * 33,)), BadTerms, "1 to 32 characters"),
        (JobTerms(chunk=-1), BadTerms, "-1 frames"),
        (JobTerms(on=("nobody",)), UnknownNode, "No node is called 'nobody'"),
        (JobTerms(after=("nothing",)), UnknownJob, "No job is called 'nothing'"),
    ],
)
def test_terms_that_make_no_sense_are_refused(terms: JobTerms, error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        STEERING.policy(terms)


@pytest.mark.parametrize(
    ("frames", "error"), [("5-1", BadFrameSet), (",".join(str(3 * n**2) for n in range(300)), BadTerms)]
)
def test_a_limit_must_be_a_short_frame_set(frames: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        STEERING.edits(JOB, JobChange(frames=frames), OWN)


def test_a_limit_to_frames_that_the_job_has_not_is_refused() -> None:
    with pytest.raises(BadTerms, match="it has no frame of 900-910, but 1-24"):
        STEERING.edits(JOB, JobChange(frames="900-910"), OWN)
    assert STEERING.edits(JOB, JobChange(frames="20-910"), OWN) != []


def test_a_change_of_nothing_is_refused() -> None:
    with pytest.raises(BadTerms, match="nothing was asked"):
        STEERING.edits(JOB, JobChange(), OWN)


def test_a_job_cannot_come_after_itself_or_after_very_many() -> None:
    with pytest.raises(BadTerms, match="after itself"):
        STEERING.edits(LAYOUT, JobChange(after=("layout",)), OWN)
    middle = JobId(b"n" * 32)
    chain = {LAYOUT: (middle,), middle: (JOB,), JOB: ()}
    steering = Steering(ME, find_node, find_job, chain.__getitem__)
    with pytest.raises(BadTerms, match="comes after it"):
        steering.edits(JOB, JobChange(after=("layout",)), OWN)
    with pytest.raises(BadTerms, match="at most 64 jobs"):
        STEERING.edits(JOB, JobChange(after=("layout",) * 65), OWN)
    assert STEERING.edits(JOB, JobChange(after=()), OWN) == [ActOnJob(JOB, EditName.AFTER)]
