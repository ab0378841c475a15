"""What retry says it does, by what there was to try again."""

from __future__ import annotations

import pytest

from mesh.cli.jobs import _again
from mesh.model.status import JobState
from tests.fake_service import job_status


@pytest.mark.parametrize(
    ("failed", "words"),
    [
        (0, "has no failed frame; what only nodes have that are gone is rendered again."),
        (1, "tries 1 failed frame again, and what only nodes have that are gone."),
        (3, "tries 3 failed frames again, and what only nodes have that are gone."),
    ],
)
def test_retry_says_what_is_tried_again(failed: int, words: str) -> None:
    assert _again(job_status(state=JobState.FAILED, frames_failed=failed)) == words
