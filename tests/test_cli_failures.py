"""What people are told when frames fail: once, together, in order, and with what to do next."""

from __future__ import annotations

import pytest

from mesh.cli.logs import _alike
from mesh.cli.reports import Closing, LineReport
from mesh.control.collection import Looked
from mesh.control.service import AttemptEntry
from mesh.model.frames import frames_in_words
from mesh.model.ids import Digest, JobId
from mesh.model.status import JobState
from mesh.node.journal import Journal
from mesh.node.narrator import Narrator
from mesh.sched.news import FrameFailed
from tests.fake_service import event, job_status, mesh_status

JOB = JobId(bytes(range(32)))


def attempt(frame: int, **changes: object) -> AttemptEntry:
    facts: dict[str, object] = {
        "frame": frame,
        "start": 0,
        "stop": 40,
        "of_buckets": 40,
        "node": "two",
        "seconds": 0.0,
        "failure": "a damaged image",
        "log": None,
        "forgiven": False,
    }
    return AttemptEntry(**{**facts, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("frames", "words"), [([7], "frame 7"), ([3, 1, 2], "frames 1-3"), ([1, 2, 3, 9], "frames 1-3,9")]
)
def test_frames_are_told_as_a_set(frames: list[int], words: str) -> None:
    assert frames_in_words(frames) == words


def test_frames_that_failed_alike_are_told_together() -> None:
    tried = (
        attempt(1),
        attempt(2),
        attempt(3, node="one"),
        attempt(4, log=Digest(bytes(32))),
        attempt(5, start=8),
        attempt(6, start=8),
        attempt(7),
    )
    frames = [[one.frame for one in group] for group in _alike(tried)]
    assert frames == [[1, 2, 7], [3], [4], [5], [6]]


def test_successful_attempts_are_told_one_by_one() -> None:
    tried = (attempt(1, failure=None), attempt(1, failure=None))
    assert [len(group) for group in _alike(tried)] == [1, 1]


def test_a_frame_given_up_names_the_command_that_tells_why() -> None:
    journal = Journal()
    narrator = Narrator(journal, lambda _node: "two", lambda _job: "film", lambda _job: 40)
    narrator.tell(FrameFailed(JOB, 12, "a damaged image"))
    (said,) = journal.newest(5)
    assert said.text == "frame 12 of film is given up; see: mesh logs 0001-0203 12"


def test_lines_never_go_back_in_time(capsys: pytest.CaptureFixture[str]) -> None:
    """Given an event that another node saw before the last line was printed, then it is told under that line's time."""
    report = LineReport("renders", 24)
    job = job_status()
    report.update(Looked(job, mesh_status(), 0))
    report.note("frame 1 written")
    report.update(Looked(job, mesh_status(events=(event(1, "render2 died"),)), 0))
    stamps = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()]
    assert len(stamps) == 2
    assert stamps == sorted(stamps)


def test_a_job_with_failed_frames_ends_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    job = job_status(
        done=21, state=JobState.FAILED, frames_failed=3, failures=("frames 1-3 on two: damaged",)
    )
    LineReport("renders", 24).close(Closing(job, 21, "renders", 12.0))
    said = capsys.readouterr().out
    assert f"still-life ({job.short}) has failed: 21 frames written to renders, 3 failed, in 12 s." in said
    assert "frames 1-3 on two: damaged" in said
    assert f"mesh logs {job.short}" in said
    assert f"mesh retry {job.short}" in said


def test_a_job_that_is_done_ends_without_advice(capsys: pytest.CaptureFixture[str]) -> None:
    LineReport("renders", 24).close(Closing(job_status(done=24), 24, "renders", 12.0))
    assert "mesh retry" not in capsys.readouterr().out
