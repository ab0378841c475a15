"""The views as text: what they say, that they fit their terminal, and how numbers read."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mesh.cli.reports import Closing, LiveReport
from mesh.control.collection import FrameWritten, Looked, Writing
from mesh.identity.renewal import warning
from mesh.model.ids import JobId
from mesh.model.status import JobState, MeshStatus, NodeState, ShareStatus
from mesh.ui.pieces import bar
from mesh.ui.progress_view import render_progress, shares_table
from mesh.ui.status_view import render_status
from mesh.ui.words import duration, percent, size
from tests.fake_service import activity, event, job_status, mesh_status, node_status
from tests.terminal_text import text

JOB = "ab" * 32


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def busy_mesh(nodes: int = 0, jobs: int = 0, events: int = 0) -> MeshStatus:
    """Every state once, and so many plain nodes, jobs and events more."""
    return mesh_status(
        nodes=(
            node_status(
                "render1", is_me=True, rtt_ms=None, load=0.9, activities=(activity(12, 0.58),), frames_done=11
            ),
            node_status(
                "render2",
                load=0.5,
                activities=(activity(13, 0.2, what="frame 13, buckets 8-15 of 40"), activity(14, 0.1)),
                frames_done=9,
            ),
            node_status("render3", state=NodeState.SUSPECT, seen_seconds=4.0),
            node_status("render4", state=NodeState.DEAD, seen_seconds=140.0, frames_done=3),
            node_status("render5", state=NodeState.LEFT),
            *(node_status(f"spare{number:03d}") for number in range(nodes)),
        ),
        jobs=(
            job_status("still-life", done=11, total=24),
            job_status("fox", done=48, total=48),
            job_status("helmet", done=5, total=8, frames_failed=3, state=JobState.FAILED),
            *(job_status(f"old{number:03d}", done=3, total=3) for number in range(jobs)),
        ),
        events=(
            event(1, "render2 is here", kind="node-up"),
            *(event(3 + number, "spare is here") for number in range(events)),
            event(60, "render4 died: it stopped answering", kind="node-down"),
        ),
    )


def test_the_status_on_a_small_terminal() -> None:
    assert text(render_status(busy_mesh(), 80, 24), 80) == [
        " mesh  studio-mesh  ·  3 nodes  ·  1 dead  ·  6 threads  ·  10.6 frames/min",
        "",
        "   node         load  rendering                                          frames",
        " ● render1 here ━━━━╸ still-life · frame 12             ━━━━━━────  57 %     11",
        " ● render2      ━━╸── still-life · frame 13, buckets 8… ━━────────  20 %      9",
        " ◐ render3      ───── no answer for 4 s                                       0",
        " ✗ render4            dead, last seen 2:20 ago                                3",
        " ○ render5            left the mesh                                           0",
        "",
        " job       name                    state                            frames left",
        " 1bc4-a87f still-life              running ━━━━━╸──────  45 %        11/24 1:35",
        " 776c-b326 fox                     done    ━━━━━━━━━━━━ 100 %        48/48    –",
        " 1155-8486 helmet                  failed  ━━━━━━━╸────  62 % 5/8 3 failed 1:35",
        "",
        " 22:13:21  render2 is here",
        " 22:14:20  render4 died: it stopped answering",
    ]


def test_a_wide_terminal_shows_sites_engines_and_who_submitted() -> None:
    shown = "\n".join(text(render_status(busy_mesh(), 160, 60), 160))
    for words in ("paris/floor2", "builtin 0.1", "0.4 ms", "ada@studio", "960×540, 64 spp"):
        assert words in shown


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (119, 24), (120, 40), (200, 60)])
@pytest.mark.parametrize(("nodes", "jobs", "events"), [(0, 0, 0), (40, 0, 2), (0, 40, 48), (200, 200, 48)])
def test_the_status_fits_its_terminal_however_much_there_is(
    width: int, height: int, nodes: int, jobs: int, events: int
) -> None:
    lines = text(render_status(busy_mesh(nodes, jobs, events), width, height), width)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert any("render1 here" in line for line in lines)
    assert any("still-life" in line and "running" in line for line in lines)
    assert any("died" in line for line in lines)


def test_certificates_that_all_end_soon_leave_room_for_the_rest() -> None:
    status = busy_mesh(nodes=40, jobs=3, events=9)
    sentence = warning(
        "a name of thirty-two letters ...",
        datetime(2030, 4, 1, tzinfo=UTC),
        datetime(2030, 3, 30, tzinfo=UTC),
    )
    status = replace(status, nodes=tuple(replace(node, expiring=sentence) for node in status.nodes))
    lines = text(render_status(status, 80, 24), 80)
    assert len(lines) <= 24
    assert any("expires on 2030-04-01" in line for line in lines)
    assert any("render1 here" in line for line in lines)
    assert any("died" in line for line in lines)


def test_what_does_not_fit_is_counted() -> None:
    lines = text(render_status(busy_mesh(nodes=40), 80, 24), 80)
    shown = sum(line.startswith((" ●", " ◐", " ✗", " ○")) for line in lines)
    assert f"   and {45 - shown} more nodes" in lines


def test_a_mesh_without_jobs_says_how_to_submit_one() -> None:
    assert any("mesh submit scene.glb" in line for line in text(render_status(mesh_status(), 80, 24), 80))


def test_the_progress_of_a_job_names_who_renders_what() -> None:
    job = job_status(
        "still-life",
        done=11,
        total=24,
        job=JOB,
        shares=(ShareStatus(node_status("render1").node, "render1", 11, 440, 62.5, 0),),
    )
    mesh = busy_mesh()
    lines = text(render_progress(job, mesh, mesh.events, 11, "renders/a.####.{exr,png}", 80), 80)
    assert lines[0] == f" still-life  {job.short}  ·  24 frames  ·  960×540  ·  64 samples  ·  builtin"
    assert "45 %  11/24 frames  1:35 left" in lines[1]
    assert lines[3].split() == ["●", "render1", "frame", "12", "━━━━━━────", "57", "%", "11", "frames"]
    assert any("render4 died" in line for line in lines)
    assert lines[-1] == " 11 frames written to renders/a.####.{exr,png}"
    assert max(map(len, lines)) <= 80


def test_time_that_has_passed_is_not_taken_for_time_that_is_left() -> None:
    job = replace(job_status("still-life"), eta_seconds=None, elapsed_seconds=8.0)
    lines = text(render_progress(job, busy_mesh(), (), 0, "renders", 80), 80)
    assert lines[1].endswith("8 s so far")


def test_the_closing_table_puts_the_busiest_first() -> None:
    shares = (ShareStatus("aa", "slow", 3, 130, 70.0, 12), ShareStatus("bb", "fast", 21, 830, 65.0, 0))
    lines = text(shares_table(job_status(shares=shares)), 80)
    assert [line.split() for line in lines] == [
        ["node", "frames", "buckets", "render", "time", "redone"],
        ["fast", "21", "830", "1:05", "0"],
        ["slow", "3", "130", "1:10", "12"],
    ]


def test_the_live_report_draws_and_ends_with_the_closing_table() -> None:
    screen = io.StringIO()
    console = Console(file=screen, width=80, height=24, force_terminal=True, color_system=None)
    job = job_status("still-life", done=12, total=24, job=JOB)
    done = job_status("still-life", done=24, total=24, job=JOB)
    with LiveReport(console, "renders") as report:
        report.submitted(JobId(bytes.fromhex(JOB)), ("render2",))
        report.update(Looked(job, busy_mesh(), 11))
        report.update(Writing(12, 1_500_000_000))
        report.update(FrameWritten(12, (("renders/a.0012.png", "00"),), ("render1",)))
        report.close(Closing(done, 24, "renders", 100.0))
    shown = screen.getvalue()
    assert "submitted as abab-abab, safe on render2 too" in shown
    assert "12/24 frames" in shown
    assert "frame 12 is rendered; its 1.5 GB of pixels are fetched and written" in shown
    assert "is done: 24 frames written to renders, in 1:40." in shown
    assert shown.rstrip().endswith("\x1b[?25h") or "\x1b[?25h" in shown, "the cursor is shown again"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0.2, "0 s"),
        (9.4, "9 s"),
        (9.6, "10 s"),
        (59.4, "59 s"),
        (59.6, "1:00"),
        (95, "1:35"),
        (3600, "1:00:00"),
        (200_000, "2 d 7 h"),
    ],
)
def test_durations_read_like_a_clock(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (3.2e9, "3.2 GB"), (123e6, "123 MB"), (5e12, "5.0 TB")],
)
def test_sizes_have_si_prefixes(count: float, words: str) -> None:
    assert size(count) == words


@given(st.floats(0, 1), st.integers(1, 200))
def test_a_bar_has_its_width_and_is_full_only_at_the_end(fraction: float, width: int) -> None:
    drawn = bar(fraction, width).plain
    assert len(drawn) == width
    if fraction == 1:
        assert drawn == "━" * width
    if fraction == 0:
        assert drawn == "─" * width


@given(st.floats(0, 1))
def test_a_hundred_percent_is_all_and_none_is_nothing(fraction: float) -> None:
    assert (percent(fraction) == "100 %") == (fraction == 1)
    assert (percent(fraction) == "  0 %") == (fraction == 0)
