"""The session protocol: what a node and a renderer process say to each other over a pair of pipes.

Each message is framed as a 4-byte big-endian length, one byte naming its type, and the record's encoding.
A child answers `Open` with `Opened` or `Refused`, maybe after `Compiling`, and every `RenderUnit` with any number of `Progress`
and then exactly one of `Done`, `Failed` or `Stopped`. Units are rendered one after the other in the order
they were asked for. When the pipe closes, the other side is gone and the child ends itself.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO, Annotated

from mesh.model.look import Look
from mesh.model.manifest import EngineName, RenderSettings
from mesh.model.units import SampleRange, Unit
from mesh.wire.base import AtMost, Message
from mesh.wire.codec import BadMessage, decode_record, encode_record

MAX_FRAME = 16 << 20
"""Bytes in one framed message; pixels travel as files, so nothing comes near it."""

PAYLOAD_MAX = 4096
"""Bytes of a payload that is not worth a file."""

_PREFIX = struct.Struct(">IB")

Text = Annotated[str, AtMost(4096)]
LongText = Annotated[str, AtMost(65536)]
Frames = Annotated[tuple[int, ...], AtMost(1_000_000)]


@dataclass(frozen=True, slots=True)
class Open(Message):
    """Open a scene and keep it open under `session`, beside those that are open already."""

    session: int
    engine: EngineName
    scene_dir: Text
    entry: Text
    settings: RenderSettings
    frames: Frames
    threads: int


@dataclass(frozen=True, slots=True)
class Close(Message):
    session: int


@dataclass(frozen=True, slots=True)
class RenderUnit(Message):
    """Render `unit` and write its pixel payload to `target`. With `samples`, render only those of its one bucket,
    and write their sums."""

    session: int
    attempt: int
    unit: Unit
    target: Text
    samples: SampleRange | None = None


@dataclass(frozen=True, slots=True)
class Stop(Message):
    """Give the attempt up, whether it is waiting or running."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Shorten(Message):
    """Render no bucket from `stop` on; those are somebody else's now."""

    attempt: int
    stop: int


@dataclass(frozen=True, slots=True)
class Split(Message):
    """The samples of `bucket` from `sample` on, to its end or to where it was split before, are rendered elsewhere as
    well: sum them apart. An engine that cannot, or that is there already, ignores this."""

    attempt: int
    bucket: int
    sample: int


@dataclass(frozen=True, slots=True)
class Merge(Message):
    """`source` holds the sums of these samples, which begin and end at splits: no need to render them here."""

    attempt: int
    bucket: int
    samples: SampleRange
    source: Text


@dataclass(frozen=True, slots=True)
class Compiling(Message):
    """Comes before the answer to `Open` where the renderer itself has to be compiled before there are any pixels."""

    session: int


@dataclass(frozen=True, slots=True)
class Reopening(Message):
    """A scene that was closed to make room for another is opened once more; `Opened` follows, or the unit that needs it
    fails."""

    session: int


@dataclass(frozen=True, slots=True)
class Opened(Message):
    session: int
    warnings: Annotated[tuple[Text, ...], AtMost(256)] = ()


@dataclass(frozen=True, slots=True)
class Refused(Message):
    """The scene cannot be opened: the sentence says why."""

    session: int
    reason: LongText
    needs: int = 0
    """Bytes of memory that it takes at least, where this machine has not so many; 0 where it cannot be opened anywhere."""


@dataclass(frozen=True, slots=True)
class Progress(Message):
    attempt: int
    fraction: float


@dataclass(frozen=True, slots=True)
class Done(Message):
    """The payload is at the target asked for, or, where it is short, here; `unit` is shorter than asked for
    after a `Shorten`, and where all of it would not fit into memory."""

    attempt: int
    unit: Unit
    seconds: float
    payload: Annotated[bytes, AtMost(PAYLOAD_MAX)] | None = None


@dataclass(frozen=True, slots=True)
class Failed(Message):
    attempt: int
    reason: LongText
    retryable: bool = True
    needs: int = 0
    """Bytes of memory that the unit takes at least, with its scene, where this machine has not so many."""


@dataclass(frozen=True, slots=True)
class Stopped(Message):
    attempt: int


@dataclass(frozen=True, slots=True)
class Warned(Message):
    """Something about a unit that people should know, though it goes on."""

    attempt: int
    sentence: Text


# --- the replayer's part: `python -m mesh.engines.replay`, a child of whoever asks what a sample met ---------


@dataclass(frozen=True, slots=True)
class Replay(Message):
    """Trace one sample of one pixel again. Answered by `Story` or `Refused`. `sample` -1 is the brightest."""

    scene_dir: Text
    entry: Text
    settings: RenderSettings
    frame: int
    x: int
    y: int
    sample: int


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the path met, see `mesh.render.trace.Event`; `numbers` are named and finite."""

    kind: Text
    bounce: int
    object: Text = ""
    material: Text = ""
    triangle: int = -1
    about: Text = ""
    numbers: tuple[tuple[Text, tuple[float, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Story(Message):
    """What a sample met. `taken` is how many samples the film took of this pixel, `offset` the sample's moment in
    frames from the frame's, `radiance` what it adds to the beauty, before it is divided by their number."""

    frame: int
    x: int
    y: int
    sample: int
    taken: int
    offset: float
    radiance: tuple[float, ...]
    steps: Annotated[tuple[Step, ...], AtMost(8192)]


# --- the frame writer's part: `python -m mesh.engines.writer`, a child of whoever collects --------------


@dataclass(frozen=True, slots=True)
class WriteFrame(Message):
    """Assemble a frame from its payload files and write it to each of `files`, by their endings.

    `metadata` goes into the EXR, which is exact whatever the `look`. Answered by `Written` or `WriteFailed`.
    """

    frame: int
    payloads: Annotated[tuple[Text, ...], AtMost(65536)]
    files: Annotated[tuple[Text, ...], AtMost(8)]
    metadata: Annotated[tuple[tuple[Text, Text], ...], AtMost(64)] = ()
    look: Look = Look()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class MakePreview(Message):
    """Make one animated image `target` of the PNG `files`. Answered by `Written` or `WriteFailed`."""

    files: Annotated[tuple[Text, ...], AtMost(100_000)]
    target: Text
    fps: float


@dataclass(frozen=True, slots=True)
class CheckLook(Message):
    """Whether frames can be written with this `look`, before any is there. Answered by `Written`, of no files, or
    `WriteFailed`."""

    look: Look


@dataclass(frozen=True, slots=True)
class Written(Message):
    """What was written: each file's path and its SHA-256 in hex."""

    files: Annotated[tuple[tuple[Text, Text], ...], AtMost(8)]


@dataclass(frozen=True, slots=True)
class WriteFailed(Message):
    """Nothing was left behind; the sentence says why."""

    reason: LongText
    exit_code: int


_TYPES: tuple[type[Message], ...] = (
    Open,
    Close,
    RenderUnit,
    Stop,
    Shorten,
    Opened,
    Refused,
    Progress,
    Done,
    Failed,
    Stopped,
    WriteFrame,
    MakePreview,
    Written,
    WriteFailed,
    CheckLook,
    Replay,
    Story,
    Split,
    Merge,
    Warned,
    Compiling,
    Reopening,
)
_NUMBERS = {cls: number for number, cls in enumerate(_TYPES)}


def frame(message: Message) -> bytes:
    """The message as bytes for the pipe."""
    body = encode_record(message)
    return _PREFIX.pack(len(body), _NUMBERS[type(message)]) + body


def _decode(number: int, body: bytes) -> Message:
    return decode_record(_TYPES[number], body)


class Unframer:
    """Cuts a stream of bytes back into messages. Raises BadMessage on anything else."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes, in order."""
        self._buffer += data
        messages: list[Message] = []
        while len(self._buffer) >= _PREFIX.size:
            length, number = _PREFIX.unpack_from(self._buffer)
            if length > MAX_FRAME or number >= len(_TYPES):
                raise BadMessage(f"a session frame of {length} bytes and type {number}")
            end = _PREFIX.size + length
            if len(self._buffer) < end:
                break
            body = bytes(self._buffer[_PREFIX.size : end])
            del self._buffer[:end]
            messages.append(_decode(number, body))
        return messages


def read_message(stream: IO[bytes]) -> Message | None:
    """The next message from a blocking stream; None when the other side has closed it."""
    prefix = stream.read(_PREFIX.size)
    if len(prefix) < _PREFIX.size:
        return None
    length, number = _PREFIX.unpack(prefix)
    if length > MAX_FRAME or number >= len(_TYPES):
        raise BadMessage(f"a session frame of {length} bytes and type {number}")
    body = stream.read(length)
    if len(body) < length:
        return None
    return _decode(number, body)
