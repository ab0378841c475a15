"""What a node tells its machines of what its renderer says."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import trio
import trio.testing

from mesh.engines.news import EngineFailed, EngineNews, EnginePreparing
from mesh.engines.protocol import Failed, Refused
from mesh.model.ids import JobId
from mesh.model.units import Unit
from mesh.node.disk import NodeDisk
from mesh.node.rendering import Rendering
from mesh.wire.effects import Attempt, Render, RenderFailed, RenderPreparing, Together
from tests.engine_lab import sleeping_job

JOB = JobId(b"j" * 32)
UNIT = Unit(1, 0, 8)


class EmptyDisk:
    """The scene is there at once, and nothing is ever stored."""

    async def materialise(self, _root: bytes, _folder: Path) -> None:
        await trio.lowlevel.checkpoint()


def rendering(tmp_path: Path, events: list[object]) -> Rendering:
    return Rendering(
        cast(NodeDisk, EmptyDisk()),
        tmp_path,
        1,
        {},
        events.append,
        lambda _job, _sentence: None,
        lambda _buckets, _of_frame: None,
        lambda _job: False,
    )


def heard(tmp_path: Path, *said: EngineNews | Refused | Failed) -> list[object]:
    """What the machines are told where the renderer was given a unit and has said that."""
    events: list[object] = []

    async def main() -> None:
        made = rendering(tmp_path, events)
        async with trio.open_nursery() as nursery:
            made._nursery = nursery  # without a host that would start a process
            made.render(Render(JOB, sleeping_job(), UNIT, Attempt(1)))
            await trio.testing.wait_all_tasks_blocked()
            for one in said:
                if isinstance(one, Refused | Failed):
                    made.host._hear([one])
                else:
                    made._hear_all([one])

    trio.run(main)
    return events


def test_that_files_are_written_and_that_a_scene_is_being_opened_are_signs_of_work(tmp_path: Path) -> None:
    sign = RenderPreparing(JOB, UNIT, Attempt(1))
    assert heard(tmp_path) == [sign]
    assert heard(tmp_path, EnginePreparing(Attempt(1))) == [sign, Together((sign,))]


@pytest.mark.parametrize(
    ("said", "needs"),
    [
        (Refused(1, "too large", needs=7), (True, 7, 0)),
        (Refused(1, "broken"), (False, 0, 0)),
        (Failed(1, "too large", needs=7), (True, 0, 7)),
        (Failed(1, "it broke"), (True, 0, 0)),
    ],
)
def test_how_much_memory_is_lacking_and_for_what_is_passed_on(
    said: Refused | Failed, needs: tuple[bool, int, int], tmp_path: Path
) -> None:
    (failed,) = [event for event in heard(tmp_path, said) if isinstance(event, RenderFailed)]
    assert (failed.retryable, failed.scene_needs, failed.unit_needs) == needs
    assert failed.reason == said.reason


def test_of_a_unit_that_nobody_wants_any_more_nothing_is_said(tmp_path: Path) -> None:
    gone = EngineFailed(Attempt(9), "it broke", "", retryable=True)
    assert heard(tmp_path, gone, EnginePreparing(Attempt(9))) == heard(tmp_path)
