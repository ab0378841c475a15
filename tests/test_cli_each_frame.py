"""Who renders which frame, and what is said where the frames' disk is full."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from mesh.cli.follow import Following, NoRoomForFrames, follow
from mesh.cli.jobs import frame_rows
from mesh.cli.reports import LineReport
from mesh.config.paths import Paths
from mesh.control.client import Client
from mesh.control.outputs import parse_output
from mesh.control.service import JobDetail, SubmitRequest
from mesh.model.ids import JobId
from mesh.model.look import Look, View
from mesh.model.manifest import EngineName, RenderSettings
from mesh.model.status import FrameStatus
from tests.fake_service import FakeService, activity, job_status, node_status, serving
from tests.joining_writer import JoiningWriter

FILM = job_status("film", done=1, total=5)


def test_each_frame_tells_how_far_it_is_and_who_is_at_it() -> None:
    detail = JobDetail(
        FILM,
        (
            FrameStatus(1, True, False, ("ada", "grace"), 1.0),
            FrameStatus(2, False, True, (), 0.0),
            FrameStatus(3, False, False, ("ada",), 0.5),
            FrameStatus(4, False, False, ("ada",), 0.25),
            FrameStatus(5, False, False, (), 0.0),
        ),
        (),
    )
    half = activity(3, 0.5, job=FILM.job, buckets=(20, 40))
    other = activity(5, 0.5)
    nodes = (node_status("grace", activities=(half,)), node_status("linus", activities=(other,)))
    assert frame_rows(detail, nodes) == [
        ("1", "done", "100 %", "ada and grace"),
        ("2", "failed", "  0 %", ""),
        ("3", "rendering", " 75 %", "ada and grace"),
        ("4", "begun", " 25 %", "ada"),
        ("5", "waiting", "  0 %", ""),
    ]


def test_a_frame_that_is_not_done_is_never_shown_as_whole() -> None:
    detail = JobDetail(FILM, (FrameStatus(3, False, False, (), 0.0),), ())
    whole = activity(3, 1.0, job=FILM.job)
    assert frame_rows(detail, (node_status("ada", activities=(whole,)),)) == [
        ("3", "rendering", " 99 %", "ada")
    ]


class FullDisk(JoiningWriter):
    def __enter__(self) -> FullDisk:
        self.error = OSError(errno.ENOSPC, "No space left on device")
        return self


@pytest.mark.parametrize(("own", "first"), [(False, ""), (True, " and start a node with `mesh join`")])
def test_a_full_disk_is_told_with_the_command_that_writes_the_rest_to_the_same_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool, first: str
) -> None:
    monkeypatch.setattr("mesh.cli.follow.WriterClient", FullDisk)
    paths, output = Paths(tmp_path / "home", tmp_path / "home"), str(tmp_path / "out")
    job = JobId(bytes(range(32)))
    settings = RenderSettings(width=16, height=16)
    service = FakeService()
    service.render(job, SubmitRequest("shot", "ada", (), "shot.glb", (1, 2), EngineName.BUILTIN, settings))
    pattern = parse_output(output, "shot", (), 2)
    with serving(service, paths), Client.connect(paths) as client:
        following = Following(
            client,
            job.hex(),
            (1, 2),
            pattern,
            LineReport("out", 2),
            output,
            (),
            Look(View.FILMIC),
            own_node=own,
        )
        with pytest.raises(NoRoomForFrames) as full:
            follow(following)
    command = f"`mesh collect 0001-0203 -o {output} --view filmic --skip-existing`."
    assert (
        str(full.value)
        == f"The disk of {output} is full. Make room{first}, then fetch what is missing with {command}"
    )
