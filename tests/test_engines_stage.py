"""Why a node has no pixels yet: told by its renderer, to its node, to all others, to people."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from mesh.cli.members import _doing
from mesh.cli.reports import _progress_line
from mesh.config.load import load_config
from mesh.control.collection import Looked
from mesh.engines.adapter import KERNEL_FOLDER, compiles_first
from mesh.engines.host import EngineHost
from mesh.engines.protocol import Compiling, Done, Opened, Progress, Refused
from mesh.engines.turns import MARK
from mesh.model.manifest import EngineName
from mesh.model.status import NodeStatus, Stage
from mesh.model.units import Unit
from mesh.node.presence import Presence
from mesh.node.report import _PREPARING
from mesh.ui.status_view import render_status
from mesh.wire.codec import decode_record, encode_record
from mesh.wire.effects import Attempt
from mesh.wire.gossip import Meta
from tests.engine_lab import sleeping_job
from tests.fake_service import activity, job_status, mesh_status, node_status


def host_with_work(tmp_path: Path) -> EngineHost:
    """One that has asked its renderer, which has not answered, for two units of a scene."""
    host = EngineHost(tmp_path, 1, lambda _news: None)
    for attempt in (1, 2):
        host.render(Attempt(attempt), sleeping_job(), Unit(1, 0, 8), tmp_path)
    return host


def test_a_renderer_without_work_keeps_nobody_waiting(tmp_path: Path) -> None:
    assert EngineHost(tmp_path, 1, lambda _news: None).stage is Stage.READY


def test_a_scene_is_being_opened_until_the_renderer_has_answered(tmp_path: Path) -> None:
    host = host_with_work(tmp_path)
    assert host.stage is Stage.OPENING
    host._hear([Opened(1)])
    assert host.stage is Stage.READY


def test_a_renderer_is_being_compiled_until_there_are_pixels(tmp_path: Path) -> None:
    host = host_with_work(tmp_path)
    host._hear([Compiling(1)])
    assert host.stage is Stage.COMPILING
    host._hear([Opened(1)])
    assert host.stage is Stage.COMPILING, "an open scene has no pixels"
    host._hear([Progress(1, 0.1)])
    assert host.stage is Stage.READY


@pytest.mark.parametrize("end", [Done(1, Unit(1, 0, 8), 1.0, b"pixels"), Refused(1, "no such scene")])
def test_compiling_ends_with_whatever_the_renderer_answers(tmp_path: Path, end: Done | Refused) -> None:
    host = host_with_work(tmp_path)
    host._hear([Compiling(1), end])
    assert host.stage is not Stage.COMPILING


def test_only_kernels_that_nobody_has_rendered_with_are_to_be_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KERNEL_FOLDER, str(tmp_path))
    assert compiles_first(EngineName.BUILTIN)
    assert not compiles_first(EngineName.SLEEP)
    (tmp_path / MARK).touch()
    assert not compiles_first(EngineName.BUILTIN)


def test_a_change_of_stage_is_news_for_everybody() -> None:
    presence = Presence(load_config(), {EngineName.BUILTIN: "builtin-1"}, issues=False)
    presence.refresh([], Stage.READY)
    assert presence.refresh([], Stage.COMPILING)
    told = decode_record(Meta, encode_record(presence.meta()))
    assert told.stage == Stage.COMPILING


def test_every_stage_has_words() -> None:
    assert set(_PREPARING) == set(Stage)


COMPILES = "compiling the renderer"
BUSY: NodeStatus = node_status("render1", activities=(activity(9, 0.0),), preparing=COMPILES)


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_status_view_says_why_a_node_does_not_render_yet(width: int) -> None:
    console = Console(width=width, file=io.StringIO())
    with console.capture() as shown:
        console.print(render_status(mesh_status(nodes=(BUSY,), jobs=(job_status(),)), width))
    assert f"{COMPILES} · frame 9" in shown.get()


def test_lists_and_lines_say_it_too() -> None:
    assert _doing(BUSY) == f"{COMPILES}: still-life, frame 9"
    assert _doing(node_status("render2", preparing="fetching the scene")) == "fetching the scene"
    job = job_status(job=BUSY.activities[0].job)
    look = Looked(job, mesh_status(nodes=(BUSY,)), 0)
    assert f"render1 frame 9 ({COMPILES})" in _progress_line(look)
