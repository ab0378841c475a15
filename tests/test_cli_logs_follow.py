"""`mesh logs` while a frame is being rendered: who is at it, how far, and what the renderer writes."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from mesh.cli import log_follow
from mesh.cli.log_follow import news
from mesh.control.service import AttemptEntry, AttemptList, RunningEntry
from mesh.model.status import JobState
from tests.command_line import Mesh
from tests.fake_service import FakeService

pytest_plugins = ("tests.cli_fixtures",)

OPENING = RunningEntry(2, 0, 40, 40, "render1", 0.0, "opening the scene", "line 1\n")
HALF = replace(OPENING, fraction=0.5, preparing="", words="line 1\nline 2\n")
FIRST = AttemptEntry(2, 0, 20, 40, "render1", 12.0, None, None, False)
SECOND = replace(FIRST, start=20, stop=40)


@pytest.fixture
def begun(mesh: Mesh, node: FakeService, monkeypatch: pytest.MonkeyPatch) -> FakeService:
    """A job whose second frame is being rendered."""
    mesh("submit", "triangle.gltf", "--frames", "1-3", "--detach")
    (job,) = node.details
    detail = node.details[job]
    node.details[job] = replace(detail, status=replace(detail.status, state=JobState.RUNNING))
    monkeypatch.setattr(log_follow, "_PAUSE", 0.0)
    monkeypatch.setattr(log_follow, "_REFRESH", 0.01)
    return node


def test_who_is_at_a_frame_is_told_with_what_its_renderer_writes(mesh: Mesh, begun: FakeService) -> None:
    begun.looks = [AttemptList((), (HALF, replace(OPENING, start=20, node="render2", words="")))]
    assert mesh("logs", "triangle", "2", "--lines", "1").out.splitlines() == [
        "frame 2 is with render1, 50 %",
        "    ... 1 lines before; --lines 0 shows them",
        "    line 2",
        "frame 2, buckets 20-39 of 40, is with render2, opening the scene",
    ]


LOOKS = (
    AttemptList((), (OPENING,)),
    AttemptList((), (OPENING,)),
    AttemptList((FIRST,), (HALF,)),
    AttemptList((FIRST, SECOND), ()),
)


def test_a_frame_is_followed_until_it_is_whole(mesh: Mesh, begun: FakeService) -> None:
    begun.looks = list(LOOKS)
    (status,) = (detail.status for detail in begun.details.values())
    outcome = mesh("logs", "triangle", "2", "--follow")
    assert outcome.code == 0
    assert [re.sub(r"^\d\d:\d\d:\d\d  ", "", line) for line in outcome.out.splitlines()] == [
        "frame 2 is with render1, opening the scene",
        "    render1: line 1",
        "frame 2, buckets 0-19 of 40, rendered by render1 in 12 s",
        "frame 2 is with render1, 50 %",
        "    render1: line 2",
        "frame 2, buckets 20-39 of 40, rendered by render1 in 12 s",
        f"triangle ({status.short}) is running",
    ]


def test_what_is_followed_is_an_object_a_line_for_scripts(mesh: Mesh, begun: FakeService) -> None:
    begun.looks = list(LOOKS)
    told = [json.loads(line) for line in mesh("logs", "triangle", "2", "--follow", "--json").out.splitlines()]
    assert [one["event"] for one in told] == [
        "running",
        "words",
        "attempt",
        "running",
        "words",
        "attempt",
        "closed",
    ]
    assert told[1] == {"event": "words", "node": "render1", "text": "line 1\n"}
    assert told[-1]["state"] == "running"


def test_a_job_is_followed_until_it_has_ended(mesh: Mesh, node: FakeService) -> None:
    mesh("submit", "triangle.gltf", "--detach")
    node.tried = [replace(FIRST, failure="no progress for 600 s")]
    lines = mesh("logs", "triangle", "--follow").out.splitlines()
    assert lines[0] == "frame 2, buckets 0-19 of 40, failed on render1: no progress for 600 s"
    assert lines[-1].endswith(" is done")


@pytest.mark.parametrize(
    ("before", "now", "fresh"),
    [
        ("", "abc", "abc"),
        ("abc", "abcd", "d"),
        ("abc", "bcd", "d"),
        ("abc", "xyz", "xyz"),
        ("aba", "abab", "b"),
    ],
)
def test_only_what_is_new_of_a_growing_text_is_news(before: str, now: str, fresh: str) -> None:
    assert news(before, now) == fresh
