"""The status view on terminals of all kinds, and where there is none."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from mesh.cli.common import print_table
from mesh.config.paths import Paths
from mesh.model.status import JobState, NodeState
from mesh.ui.status_view import print_once, render_status
from mesh.ui.words import engine_words
from tests.fake_service import FakeService, activity, event, job_status, mesh_status, node_status, serving
from tests.terminal_text import text

LONG = "a renderer on another machine could not render frame 12: its scene has a damaged image, number five"


def test_a_narrow_terminal_keeps_names_states_and_shares() -> None:
    status = mesh_status(
        nodes=(node_status("render1", is_me=True, activities=(activity(12, 0.58),)),),
        jobs=(job_status("still-life", done=11),),
    )
    lines = text(render_status(status, 40, 24), 40)
    assert lines == [
        " mesh  studio-mesh  ·  1 node",
        "",
        "   node         rendering",
        " ● render1 here still-life · frame 12",
        "",
        " job       name           state    done",
        " 1bc4-a87f still-life     running  45 %",
        "",
    ]


@pytest.mark.parametrize("width", [20, 40, 59, 60, 80])
def test_nothing_is_wider_than_a_terminal(width: int) -> None:
    status = mesh_status(jobs=(job_status("still-life", done=11),), events=(event(1, LONG),))
    assert max(map(len, text(render_status(status, width, 24), width))) <= width


def test_on_a_very_wide_terminal_a_bar_stays_near_what_it_is_about() -> None:
    status = mesh_status(jobs=(job_status("still-life", done=11),))
    assert max(map(len, text(render_status(status, 300, 60), 300))) <= 160


def test_jobs_that_go_on_come_before_those_that_have_ended() -> None:
    ended = [job_status(f"old{number}", done=3, total=3) for number in range(50)]
    status = mesh_status(jobs=(*ended, job_status("film", done=1)))
    assert any("film" in line for line in text(render_status(status, 80, 24), 80))


def test_a_job_that_waits_says_why() -> None:
    film = job_status("film", state=JobState.PAUSED, waiting="it is paused; go on with: mesh resume film")
    lines = text(render_status(mesh_status(jobs=(film,)), 80, 24), 80)
    assert " film waits: it is paused; go on with: mesh resume film" in lines


def test_many_jobs_that_wait_leave_room_for_the_rest() -> None:
    films = tuple(job_status(f"film{n}", state=JobState.PAUSED, waiting="it is paused") for n in range(30))
    lines = text(render_status(mesh_status(jobs=films, events=(event(1, LONG),)), 80, 24), 80)
    assert len(lines) <= 24
    assert sum("waits:" in line for line in lines) == 3


def test_the_dead_are_counted_also_where_they_are_not_shown() -> None:
    dead = tuple(node_status(f"z{number}", state=NodeState.DEAD) for number in range(3))
    many = tuple(node_status(f"a{number}") for number in range(90))
    assert "90 nodes  ·  3 dead" in text(render_status(mesh_status(nodes=many + dead), 80, 24), 80)[0]


def test_no_rate_is_told_before_there_is_one() -> None:
    assert "frames/min" not in text(render_status(mesh_status(jobs=(job_status(),)), 120, 40), 120)[0]


def test_where_there_is_no_terminal_events_are_whole_and_no_line_ends_in_blanks() -> None:
    file = io.StringIO()
    print_once(Console(file=file, width=80), mesh_status(jobs=(job_status(),), events=(event(1, LONG),)))
    lines = file.getvalue().splitlines()
    assert any(line.endswith(LONG) for line in lines)
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize(
    ("engines", "words"),
    [
        (("builtin builtin-29b83434ac26", "sleep sleep-1"), "builtin 29b8343, sleep 1"),
        (("builtin 0.1",), "builtin 0.1"),
        (("blender",), "blender"),
        ((), ""),
    ],
)
def test_engines_are_told_once_and_short(engines: tuple[str, ...], words: str) -> None:
    assert engine_words(engines) == words


def test_columns_are_aligned_in_any_script(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "n"), [("卡车", "1"), ("abcd", "2"), ("u\u0308ber", "3")])
    assert capsys.readouterr().out.splitlines()[1:] == ["卡车  1", "abcd  2", "u\u0308ber  3"]


def test_a_terminal_that_knows_few_letters_shows_what_it_can(tmp_path: Path) -> None:
    paths = Paths(config=tmp_path, home=tmp_path)
    with serving(FakeService(mesh_status(jobs=(job_status("卡车 1"),))), paths):
        done = subprocess.run(
            [sys.executable, "-m", "mesh.cli", "status"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "MESH_HOME": str(tmp_path), "PYTHONIOENCODING": "ascii"},
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert "?? 1" in done.stdout
