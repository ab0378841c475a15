"""What crosses the network when an edited scene is submitted again, beside rsync on the same files.

An 89 MB GLB is on both sides; one object in it is moved, added or recoloured, and the scene is brought to the
other side. Ours counts every message both ways as the codec writes it, the scene's table included; rsync
(with -z) reports its own bytes both ways.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from mesh.blocks.events import AskLocal, BlockStored, FetcherEvent, LocalAnswer, SaveBlock
from mesh.blocks.fetcher import Fetcher
from mesh.blocks.store import BlockStore
from mesh.blocks.swarm import FetchConfig
from mesh.blocks.tree import TreeEntry
from mesh.model.ids import Digest, NodeId
from mesh.wire.base import Message
from mesh.wire.blocks import BlockRequest
from mesh.wire.codec import encode
from mesh.wire.effects import BlobReady, Fetch, MessageReceived, Notify, Send
from tools.bench_report import Case, cost

_US, _THEM = NodeId(b"u" * 32), NodeId(b"t" * 32)
_CAPACITY = 1 << 40
_TARGET = 8 << 10
"""Bytes; from the project's goals, where rsync is not installed."""

Edit = Callable[[dict[str, Any]], None]


def run() -> list[Case]:
    cases = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = folder / "before.glb"
        before.write_bytes(_scene(lambda _: None))
        for label, edit in _EDITS.items():
            after = folder / "after.glb"
            after.write_bytes(_scene(edit))
            ours = _bytes_to_update(folder / "stores", before, after)
            theirs = _rsync_bytes(folder / "peer", before, after)
            peer = "rsync -z" if theirs is not None else "target"
            cases.append(cost(label, ours, theirs if theirs is not None else _TARGET, peer, "bytes"))
    return cases


def _move(document: dict[str, Any]) -> None:
    document["nodes"][1234]["translation"] = [3.25, -1.5, 0.125]


def _add(document: dict[str, Any]) -> None:
    document["nodes"].insert(1234, {"name": "new", "mesh": 3, "translation": [0, 1, 2]})


def _recolour(document: dict[str, Any]) -> None:
    document["materials"][17]["pbrMetallicRoughness"]["baseColorFactor"] = [1, 0, 0, 1]


_EDITS: dict[str, Edit] = {
    "move one object": _move,
    "add one object": _add,
    "recolour one material": _recolour,
}


def _scene(edit: Edit) -> bytes:
    """A GLB of 89 MB: 2500 nodes, 40 meshes, 20 packed images; the same for every call."""
    rng = random.Random(1)
    runs = [rng.randbytes(1_200_000) for _ in range(40)]
    runs += [b"\xff\xd8\xff\xe0" + rng.randbytes(2_050_000) for _ in range(20)]
    views, at = [], 0
    for data in runs:
        views.append({"buffer": 0, "byteOffset": at, "byteLength": len(data)})
        at += len(data)
    document: dict[str, Any] = {
        "asset": {"version": "2.0"},
        "buffers": [{"byteLength": at}],
        "bufferViews": views,
        "images": [{"bufferView": 40 + n, "mimeType": "image/jpeg"} for n in range(20)],
        "materials": [
            {"name": f"m{n}", "pbrMetallicRoughness": {"baseColorFactor": [rng.random() for _ in range(4)]}}
            for n in range(60)
        ],
        "nodes": [
            {
                "name": f"object.{n:04}",
                "mesh": rng.randrange(40),
                "translation": [rng.random() for _ in range(3)],
            }
            for n in range(2500)
        ],
    }
    edit(document)
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    binary = b"".join(runs)
    body = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0")
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body) + len(binary)) + body + binary


def _put(store: BlockStore, path: Path) -> Digest:
    with path.open("rb") as file:
        root, size = store.put_blob(iter(lambda: file.read(1 << 20), b""))
    return store.put_tree([TreeEntry("scene.glb", root, size)])


def _bytes_to_update(folder: Path, before: Path, after: Path) -> int:
    """Bytes of all messages until a node that has `before` has `after` as well."""
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        theirs = stack.enter_context(BlockStore(folder / "theirs", _CAPACITY))
        ours = stack.enter_context(BlockStore(folder / "ours", _CAPACITY))
        _put(ours, before)
        root = _put(theirs, after)
        fetcher = Fetcher(_US, FetchConfig(), random.Random(0))
        waiting: list[FetcherEvent] = [Fetch(root, (_THEM,))]
        total = 0
        for event in waiting:
            for effect in fetcher.handle(event, 0.0):
                match effect:
                    case AskLocal(asked):
                        waiting.append(LocalAnswer(asked, ours.missing(asked)))
                    case SaveBlock(part, _, block):
                        waiting.append(BlockStored(part.digest, ours.save(part, block)))
                    case Send(_, BlockRequest() as request):
                        answers = list(_serve(theirs, request))
                        total += sum(len(encode(message)) for message in (request, *answers))
                        waiting += [MessageReceived(_THEM, message) for message in answers]
                    case Notify(BlobReady()):
                        return total
        raise RuntimeError("the scene never became whole")


def _serve(store: BlockStore, request: BlockRequest) -> Iterator[Message]:
    for digest in request.digests:
        yield store.get_data(digest)


def _rsync_bytes(folder: Path, before: Path, after: Path) -> int | None:
    rsync = shutil.which("rsync")
    if rsync is None:
        return None
    folder.mkdir()
    try:
        target = folder / after.name
        shutil.copyfile(before, target)
        command = [rsync, "-z", "--no-whole-file", "--ignore-times", "--stats", str(after), str(target)]
        report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    finally:
        shutil.rmtree(folder)
    found = re.findall(r"Total bytes (?:sent|received): ([\d,]+)", report)
    return sum(int(number.replace(",", "")) for number in found)
