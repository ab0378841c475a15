"""The live report gives the terminal back for a question, and takes nothing that is not its own."""

from __future__ import annotations

import io

from rich.console import Console

from mesh.cli.reports import LiveReport
from mesh.control.collection import Looked
from tests.fake_service import job_status, mesh_status

UP = "\x1b[1A"
"""Moves up a line, which is then erased."""


def test_what_was_said_before_a_question_stays_when_watching_goes_on() -> None:
    screen = io.StringIO()
    console = Console(file=screen, width=80, height=24, force_terminal=True, color_system=None)
    with LiveReport(console, "renders") as report:
        report.update(Looked(job_status("film", done=1), mesh_status(), 1))
        report.pause()
        asked = len(screen.getvalue())
        report.resume()
        assert "film" in screen.getvalue()[asked:]
        assert UP not in screen.getvalue()[asked:]


def test_there_is_room_behind_the_picture_for_what_ctrl_c_writes() -> None:
    screen = io.StringIO()
    console = Console(file=screen, width=80, height=24, force_terminal=True, color_system=None)
    with LiveReport(console, "renders") as report:
        report.update(Looked(job_status("film", done=1), mesh_status(), 1))
        lines = screen.getvalue().splitlines()
    assert max(len(line) for line in lines[1:]) <= 78
