"""The process that writes frames: what it answers, over its real pipes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import OpenImageIO
import pytest

from mesh.engines import writer_client
from mesh.engines.protocol import WriteFrame
from mesh.engines.writer_client import WriterClient, WriterRefused
from mesh.errors import ExitCode
from mesh.model.layers import Layer, channels_of
from mesh.model.look import Look, OcioView
from mesh.model.unfinished import unfinished
from mesh.model.units import Grid, Unit
from mesh.render.pixels import Notes, Payload, encode
from mesh.wire.base import Message


@pytest.fixture(scope="module")
def writer() -> Iterator[WriterClient]:
    with WriterClient() as client:
        yield client


def payload(folder: Path, stop: int) -> str:
    """A file with the first `stop` of four buckets, with every layer."""
    grid = Grid(8, 8, 4)
    buckets = tuple(np.ones((4, 4, len(channels_of(Layer))), np.float32) for _ in range(stop))
    notes = Notes((("mesh:camera", "Front"),), ((Layer.CRYPTO_OBJECT, ("tree",)),))
    path = folder / "payload"
    path.write_bytes(encode(Payload(Unit(1, 0, stop), grid, buckets, tuple(Layer), notes)))
    return str(path)


def test_a_frame_is_written_with_what_its_job_and_its_engine_say(
    writer: WriterClient, tmp_path: Path
) -> None:
    target = str(tmp_path / "f.exr")
    written = writer.write(WriteFrame(1, (payload(tmp_path, 4),), (target,), (("mesh:job", "shot"),)))

    assert [file for file, _ in written.files] == [target]
    spec = OpenImageIO.ImageInput.open(target).spec()
    assert spec.getattribute("mesh:job") == "shot"
    assert spec.getattribute("mesh:camera") == "Front"
    assert set(spec.channelnames) == set(channels_of(Layer))


def test_a_frame_that_cannot_be_written_is_refused_with_its_sentence(
    writer: WriterClient, tmp_path: Path
) -> None:
    with pytest.raises(WriterRefused, match="buckets 3 are missing") as refusal:
        writer.write(WriteFrame(1, (payload(tmp_path, 3),), (str(tmp_path / "f.exr"),)))
    assert refusal.value.exit_code is ExitCode.REFUSED


def test_a_look_that_cannot_be_had_is_refused_before_any_frame_is_there(writer: WriterClient) -> None:
    writer.check(Look(ocio=OcioView("ocio://default")))
    with pytest.raises(WriterRefused, match="cannot be read") as refusal:
        writer.check(Look(ocio=OcioView("missing.ocio")))
    assert refusal.value.exit_code is ExitCode.USAGE


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="made slow by a pipe that has a name")
def test_whoever_is_interrupted_waits_for_no_frame_and_may_ask_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a frame that will not be ready for long, with something of it on disk
    os.mkfifo(tmp_path / "slow")
    target = tmp_path / "f.exr"
    with WriterClient() as client:
        part = unfinished(target, client.pid)
        part.write_bytes(b"the first lines")

        def interrupted(stream: IO[bytes]) -> Message | None:
            raise KeyboardInterrupt

        # when Ctrl-C comes while it is waited for
        with monkeypatch.context() as patch:
            patch.setattr(writer_client, "read_message", interrupted)
            with pytest.raises(KeyboardInterrupt):
                client.write(WriteFrame(1, (str(tmp_path / "slow"),), (str(target),)))
        # then nothing of it is left, and the answer to the next request is that request's
        assert not part.exists()
        written = client.write(WriteFrame(2, (payload(tmp_path, 4),), (str(target),)))
        assert [file for file, _ in written.files] == [str(target)]
