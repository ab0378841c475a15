"""What a node refuses to make a job of, though every file of it was sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import cast

import pytest
import trio

from mesh.blocks.records import RecordStore
from mesh.blocks.store import BlockStore
from mesh.control.opening import Opening
from mesh.control.service import SceneFile, SubmitRequest
from mesh.control.steering import Steering
from mesh.model.ids import NodeId
from mesh.model.manifest import EngineName, RenderSettings
from mesh.node.disk import NodeDisk
from mesh.node.errors import SceneNotKept
from mesh.node.runtime import Node

ME = NodeId(b"m" * 32)
FILES = 8
FILE_BYTES = 200_000


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data


def test_a_scene_that_pushes_itself_out_of_the_cache_is_refused_by_size(tmp_path: Path) -> None:
    # given a node whose cache is smaller than a scene, and holds nothing that is pinned
    random = Random(0)
    store = BlockStore(tmp_path / "blocks", FILES * FILE_BYTES // 2)
    fed: list[object] = []

    async def submit() -> None:
        with RecordStore(tmp_path / "records.sqlite") as records:
            disk = NodeDisk(store, records, fed.append, lambda _sentence: None)
            node = SimpleNamespace(
                disk=disk, engines={EngineName.BUILTIN: "builtin-1"}, me=ME, feed=fed.append
            )
            opening = Opening(cast(Node, node), cast(Steering, SimpleNamespace(policy=lambda terms: terms)))
            files = []
            for number in range(FILES):
                root, size = await disk.put_stream(chunks(random.randbytes(FILE_BYTES)))
                files.append(SceneFile(f"{number}.bin", root, size))
            # when it is submitted, then it is refused
            with pytest.raises(SceneNotKept, match=r"The scene's 1\.6 MB .* room for 0\.8 MB\."):
                await opening.open(
                    SubmitRequest(
                        "shot", "ada", tuple(files), "0.bin", (1,), EngineName.BUILTIN, RenderSettings()
                    ),
                    1,
                )

    trio.run(submit)
    # and no node hears of it
    assert fed == []
