"""What is there to see: nodes, jobs, the mesh, the attempts at a frame; for people and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mesh.control.service import AttemptEntry
from mesh.errors import ExitCode
from mesh.model.ids import JobId
from mesh.model.status import NodeState
from tests.command_line import Mesh, one_sentence
from tests.fake_service import FakeService, activity, event, job_status, mesh_status, node_status

pytest_plugins = ("tests.cli_fixtures",)


@pytest.fixture
def busy(service: FakeService) -> FakeService:
    """A mesh of three, one of them dead, with a job under way."""
    service.shown = mesh_status(
        nodes=(
            node_status("render1", is_me=True, rtt_ms=None, activities=(activity(12, 0.5),), frames_done=11),
            node_status("render2", load=0.5),
            node_status("render3", state=NodeState.DEAD, seen_seconds=140.0),
        ),
        jobs=(job_status("still-life", done=11, total=24),),
        events=(event(1, "render3 died: it stopped answering", kind="node-down"),),
    )
    return service


def test_nodes_are_listed_with_what_each_is_rendering(
    mesh: Mesh, busy: FakeService, node: FakeService
) -> None:
    outcome = mesh("nodes")
    assert outcome.code == 0
    rows = [line.split("  ") for line in outcome.out.splitlines()]
    assert [row[0].split()[0] for row in rows] == ["node", "render1", "render2", "render3"]
    assert "still-life, frame 12" in outcome.out
    assert "last seen 2:20 ago" in outcome.out


def test_one_node_is_shown_in_full(mesh: Mesh, busy: FakeService, node: FakeService) -> None:
    outcome = mesh("nodes", "render1")
    assert busy.shown.nodes[0].node in outcome.out
    assert "still-life, frame 12" in outcome.out
    assert "works for  any job" in outcome.out


def test_an_exclusive_node_says_for_whom_it_renders(mesh: Mesh, busy: FakeService, node: FakeService) -> None:
    first, *others = busy.shown.nodes
    busy.shown = replace(busy.shown, nodes=(replace(first, exclusive=True), *others))
    assert "works for  jobs that ask for it or its tags, exclusively" in mesh("nodes", "render1").out


def test_a_certificate_that_ends_soon_is_told_wherever_its_node_is_shown(
    mesh: Mesh, busy: FakeService, node: FakeService
) -> None:
    first, *others = busy.shown.nodes
    sentence = "the certificate of render1 expires on 2030-04-01"
    busy.shown = replace(busy.shown, nodes=(replace(first, expiring=sentence), *others))
    for command in (("nodes",), ("nodes", "render1"), ("status", "--once")):
        assert f"{sentence}." in mesh(*command).out


def test_jobs_are_listed(mesh: Mesh, busy: FakeService, node: FakeService) -> None:
    outcome = mesh("jobs")
    assert "still-life" in outcome.out
    assert "11/24" in outcome.out


@pytest.mark.parametrize("command", ["nodes", "jobs", "status"])
def test_every_listing_is_json_for_the_asking(
    mesh: Mesh, busy: FakeService, node: FakeService, command: str
) -> None:
    listed = json.loads(mesh(command, "--json").out)
    if command == "status":
        assert listed["nodes"][0]["name"] == "render1"
    else:
        assert listed[0]["name"] in ("render1", "still-life")


def test_status_away_from_a_terminal_is_printed_once_and_plainly(
    mesh: Mesh, busy: FakeService, node: FakeService
) -> None:
    outcome = mesh("status")
    assert outcome.code == 0
    assert "render3" in outcome.out
    assert "\x1b" not in outcome.out


def test_an_invite_can_be_piped_on(mesh: Mesh, node: FakeService) -> None:
    outcome = mesh("invite", "--uses", "3", "--hours", "2")
    assert outcome.out == "invite-3-2\n"
    assert "mesh join invite-3-2" in outcome.err


def test_an_invite_as_json_says_what_it_is_good_for(mesh: Mesh, node: FakeService) -> None:
    outcome = mesh("invite", "--uses", "3", "--hours", "2", "--json")
    assert json.loads(outcome.out) == {"code": "invite-3-2", "uses": 3, "hours": 2.0}


def test_detaching_as_json_names_the_job(mesh: Mesh, node: FakeService) -> None:
    told = json.loads(mesh("submit", "triangle.gltf", "--detach", "--json").out)
    assert told["event"] == "submitted"
    assert told["job"].startswith(told["short"][:4])


def test_leaving_stops_the_node(mesh: Mesh, node: FakeService) -> None:
    assert mesh("leave").code == 0
    assert node.left


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nodes", "nobody"], "No node is called 'nobody'."),
        (["show", "nothing"], "No job is called 'nothing'."),
        (["collect", "nothing"], "No job is called 'nothing'."),
        (["cancel", "nothing"], "No job is called 'nothing'."),
    ],
)
def test_an_unknown_node_or_job_is_named(
    mesh: Mesh, node: FakeService, arguments: list[str], sentence: str
) -> None:
    outcome = mesh(*arguments)
    assert outcome.code == ExitCode.USAGE
    assert one_sentence(outcome).startswith(sentence)


def test_every_constraint_that_was_set_is_shown_and_no_other(mesh: Mesh, node: FakeService) -> None:
    mesh("submit", "triangle.gltf", "--detach")
    assert "  treated like any other job\n" in mesh("show", "triangle").out
    (detail,) = node.details.values()
    status = replace(
        detail.status,
        priority=3,
        category="film",
        tags=("gpu", "fast"),
        on=("render1", "render2"),
        memory_bytes=16_000_000_000,
        excluded=("render3",),
        blocked=("render4",),
        after=("layout (7f3a-91c2)",),
        limit="1-50",
        order="scattered",
        chunk=4,
    )
    node.details[JobId(bytes.fromhex(status.job))] = replace(detail, status=status)
    (treated,) = (line for line in mesh("show", "triangle").out.splitlines() if line.startswith("  treated"))
    assert treated == (
        "  treated priority 3, category film, only nodes tagged gpu and fast, only on render1 or render2, only nodes "
        "with 16.0 GB of memory, not on render3, blocked after failures: render4, after layout (7f3a-91c2), only "
        "frames 1-50 for now, frames scattered, at most 4 frames handed out at once"
    )


def test_the_attempts_at_a_job_are_shown_with_the_last_words_of_those_that_failed(
    mesh: Mesh, node: FakeService
) -> None:
    mesh("submit", "triangle.gltf", "--frames", "1-3", "--detach")
    log = node.keep("".join(f"line {number}\n" for number in range(1, 31)).encode())
    node.tried = [
        AttemptEntry(2, 0, 40, 40, "render2", 0.0, "the renderer was ended by SIGKILL", log, True),
        AttemptEntry(2, 8, 16, 40, "render3", 0.0, "no progress for 600 s", None, False),
        AttemptEntry(2, 0, 40, 40, "render1", 12.0, None, None, False),
    ]
    job = mesh("jobs", "--json")
    short_id = json.loads(job.out)[0]["short"]

    outcome = mesh("logs", "triangle", "2", "--lines", "2")
    assert outcome.out.splitlines() == [
        "frame 2 failed on render2 (before the last retry): the renderer was ended by SIGKILL",
        "    ... 28 lines before; --lines 0 shows them",
        "    line 29",
        "    line 30",
        "",
        "frame 2, buckets 8-15 of 40, failed on render3: no progress for 600 s",
        "    (the renderer said nothing)",
        "frame 2 rendered by render1 in 12 s",
    ]
    whole = mesh("logs", "triangle", "--lines", "0").out
    assert "    line 1\n" in whole
    assert "rendered by" not in whole
    assert whole.endswith("2 failed attempts; no frame has failed for good.\n")
    detail = node.details[job_id := next(iter(node.details))]
    node.details[job_id] = replace(detail, status=replace(detail.status, frames_failed=1))
    whole = mesh("logs", "triangle", "--lines", "0").out
    assert whole.endswith(f"2 failed attempts. Try failed frames again: mesh retry {short_id}\n")
    assert json.loads(mesh("logs", "triangle", "--json").out)[0]["text"].endswith("line 30\n")
    assert mesh("logs", "triangle", "3").out.endswith("has not been tried to the end yet.\n")


def test_a_log_that_is_nowhere_is_said_to_be(mesh: Mesh, node: FakeService) -> None:
    mesh("submit", "triangle.gltf", "--detach")
    node.tried = [AttemptEntry(1, 0, 40, 40, "render2", 0.0, "it broke", node.keep(b"words"), False)]
    node.gone = True
    assert "    (Frame 1 is on no node that can be reached" in mesh("logs", "triangle").out
