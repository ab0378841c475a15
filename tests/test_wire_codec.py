"""What the codec promises: round trips, equal bytes for equal values, and BadMessage for anything else."""

from __future__ import annotations

import struct
import tracemalloc
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Annotated

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.model.frames import MAX_FRAMES
from mesh.model.ids import Boot, Digest, JobId, NodeId
from mesh.model.manifest import EngineName, Manifest, RenderSettings
from mesh.model.units import Unit
from mesh.wire import codec
from mesh.wire.base import AtMost, Message, Range
from mesh.wire.blocks import BlockData, BlockForm
from mesh.wire.codec import BadMessage, Codec, Unencodable, UnknownMessage
from mesh.wire.messages import MESSAGES
from tests.wire_strategies import instances

LIMIT = 1 << 20


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@dataclass(frozen=True, slots=True)
class Circle:
    radius: float


@dataclass(frozen=True, slots=True)
class Square:
    side: Annotated[int, Range(0, 10)]
    colour: Colour = Colour.RED


@dataclass(frozen=True, slots=True)
class Everything(Message):
    """One field of each kind that can travel."""

    number: int
    byte: Annotated[int, Range(0, 255)]
    real: float
    share: Annotated[float, Range(0.0, 1.0)]
    flag: bool
    text: Annotated[str, AtMost(16)]
    data: Annotated[bytes, AtMost(16)]
    colour: Colour
    level: Level
    node: NodeId
    digest: Digest
    job: JobId
    boot: Boot
    unit: Unit
    maybe: Annotated[int, Range(0, 9)] | None
    many: Annotated[tuple[Annotated[str, AtMost(8)], ...], AtMost(4)]
    pair: tuple[int, str]
    shape: Circle | Square
    perhaps: Circle | Square | None
    shapes: tuple[Circle | Square, ...]


@dataclass(frozen=True, slots=True)
class Empty(Message):
    pass


@dataclass(frozen=True, slots=True)
class Single(Message):
    value: Annotated[int, Range(0, 255)]


@dataclass(frozen=True, slots=True)
class SingleOfTomorrow(Message):
    """What Single became: one more field, with a default."""

    value: Annotated[int, Range(0, 255)]
    more: int = 7


CODEC = Codec({1: Everything, 2: Empty, 3: Single})


def everything(**changes: object) -> Everything:
    values: dict[str, object] = {
        "number": -5, "byte": 255, "real": 0.1, "share": 0.5, "flag": True, "text": "naïve", "data": b"\x00\xff",
        "colour": Colour.BLUE, "level": Level.HIGH, "node": NodeId(b"n" * 32), "digest": Digest(b"d" * 32),
        "job": JobId(b"j" * 32), "boot": Boot(3), "unit": Unit(1, 2, 3), "maybe": None, "many": ("a", "b"),
        "pair": (1, "x"), "shape": Circle(2.5), "perhaps": Square(3), "shapes": (Square(1), Circle(0.0)),
    }  # fmt: skip
    return Everything(**(values | changes))  # type: ignore[arg-type]


@given(instances(Everything))
def test_every_kind_of_field_survives_the_round_trip(message: Everything) -> None:
    assert CODEC.decode(CODEC.encode(message), LIMIT) == message


@pytest.mark.parametrize("cls", MESSAGES.values(), ids=lambda cls: cls.__name__)
def test_every_registered_message_survives_the_round_trip(cls: type[Message]) -> None:
    @given(instances(cls))
    def round_trip(message: Message) -> None:
        data = codec.encode(message)
        assert codec.decode(data, LIMIT * 4) == message
        assert codec.decode(memoryview(data), LIMIT * 4) == message

    round_trip()


def test_a_message_is_an_array_of_its_number_and_fields() -> None:
    assert cbor2.loads(CODEC.encode(Single(7))) == [3, 7]
    assert cbor2.loads(CODEC.encode(Empty())) == [2]


def test_a_float_field_given_a_whole_number_has_the_bytes_of_the_float() -> None:
    assert CODEC.encode(everything(real=2)) == CODEC.encode(everything(real=2.0))


def test_unknown_trailing_fields_are_ignored_and_missing_ones_take_their_defaults() -> None:
    older, newer = Codec({3: Single}), Codec({3: SingleOfTomorrow})

    assert older.decode(newer.encode(SingleOfTomorrow(1, 2)), LIMIT) == Single(1)
    assert newer.decode(older.encode(Single(1)), LIMIT) == SingleOfTomorrow(1, 7)


def test_an_unknown_number_is_told_apart_from_a_bad_message() -> None:
    with pytest.raises(UnknownMessage):
        CODEC.decode(cbor2.dumps([99, 1]), LIMIT)


def test_messages_of_one_datagram_come_back_in_order_without_the_unknown_ones() -> None:
    assert CODEC.decode_all(CODEC.encode_all([Single(1), Empty(), Single(2)]), LIMIT) == (
        Single(1),
        Empty(),
        Single(2),
    )
    assert CODEC.decode_all(cbor2.dumps([[3, 1], [99], [2]]), LIMIT) == (Single(1), Empty())


@pytest.mark.parametrize("size", [codec.LONG - 1, codec.LONG, 1 << 20])
def test_long_bytes_are_written_as_cbor_writes_them(size: int) -> None:
    message = BlockData(Digest(b"d" * 32), BlockForm.ZSTD, b"\x5a" * size)

    data = codec.encode(message)

    assert data == cbor2.dumps([cbor2.loads(data)[0], message.digest, 1, message.data], canonical=True)
    assert codec.decode(data, LIMIT * 2) == message


@pytest.mark.parametrize("count", [0, 1, 23, 24, 255, 256, 300])
def test_a_bundle_of_encoded_messages_reads_like_the_messages_encoded_together(count: int) -> None:
    messages = tuple(Single(number % 256) for number in range(count))

    bundle = codec.bundle([CODEC.encode(message) for message in messages])

    assert CODEC.decode_all(bundle, LIMIT) == messages
    assert bundle == CODEC.encode_all(messages)


@pytest.mark.parametrize(
    "changes",
    [
        {"byte": 256},
        {"byte": -1},
        {"byte": True},
        {"byte": 1.0},
        {"number": 2**63},
        {"real": float("nan")},
        {"real": float("inf")},
        {"real": 2**60},
        {"share": 1.5},
        {"flag": 1},
        {"text": "x" * 17},
        {"text": "é" * 9},
        {"text": "\ud800"},
        {"data": b"x" * 17},
        {"data": bytearray(b"x")},
        {"colour": "blue"},
        {"level": 2},
        {"node": b"short"},
        {"maybe": 10},
        {"many": ("a",) * 5},
        {"many": ("too long for eight",)},
        {"many": ["a"]},
        {"pair": (1, "x", 2)},
        {"shape": Unit(1, 2, 3)},
        {"shape": None},
        {"unit": (1, 2, 3)},
        {"shapes": (Circle(float("nan")),)},
    ],
    ids=str,
)
def test_what_breaks_its_declaration_is_our_mistake_before_it_is_sent(changes: dict[str, object]) -> None:
    with pytest.raises(Unencodable, match=f"Everything.{next(iter(changes))}"):
        CODEC.encode(everything(**changes))


@pytest.mark.parametrize(
    ("field", "plain"),
    [
        (0, "text"),
        (1, 256),
        (1, True),
        (2, float("nan")),
        (2, float("-inf")),
        (3, 1.0000001),
        (4, 0),
        (5, "x" * 17),
        (6, "text"),
        (7, "green"),
        (7, ["red"]),
        (8, 3),
        (8, True),
        (9, b"short"),
        (13, [1, 2]),
        (13, None),
        (15, ["a"] * 5),
        (16, [1]),
        (17, [2, [1]]),
        (17, [-1, [1]]),
        (17, [1, [11]]),
        (17, [0]),
        (17, None),
        (19, [[0, [1.0]], [0, ["x"]]]),
    ],
)
def test_a_field_of_the_wrong_type_or_range_is_the_senders_fault(field: int, plain: object) -> None:
    array = cbor2.loads(CODEC.encode(everything()))
    array[1 + field] = plain

    with pytest.raises(BadMessage, match="Everything"):
        CODEC.decode(cbor2.dumps(array), LIMIT)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\x80",
        b"\x81\x61a",
        b"\x81\xf5",
        b"\x81\x03",
        b"\xa1\x61a\x00",
        b"\x9f\x03\x01\xff",
        b"\x82\x03\x5f\x41a\xff",
        b"\x82\x03\x01\x00",
        b"\x82\x03",
        b"\x82\x03\xc2\x41\x01",
        b"\x82\x03\xd8\x1c\x01",
        b"\x82\x03\xd8\x1d\x00",
        b"\x82\x03\xd9\x01\x02\x80",
        b"\xd9\xd9\xf7\x82\x03\x01",
        b"\x83\x03\x01\xa0",
        b"\x82\x03\xf7",
        b"\x82\x03\xf8\x80",
        b"\xff",
        b"\x1c",
        b"\x81" * 17 + b"\x00",
        b"\xc6" * 5000 + b"\x00",
        b"\x82\x03\x61\xff",
    ],
    ids=lambda data: data[:6].hex() or "nothing",
)
def test_other_cbor_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        CODEC.decode(data, LIMIT)


def test_size_is_refused_before_anything_is_read() -> None:
    data = CODEC.encode(Single(1))

    assert CODEC.decode(data, len(data)) == Single(1)
    with pytest.raises(BadMessage, match="at most"):
        CODEC.decode(data, len(data) - 1)


@pytest.mark.parametrize("major", [0x40, 0x60, 0x80, 0xA0], ids=["bytes", "text", "array", "map"])
@pytest.mark.parametrize("length", [1 << 20, 1 << 30, 1 << 40, (1 << 64) - 1])
@pytest.mark.parametrize("nesting", [0, 12])
def test_a_declared_length_allocates_nothing(major: int, length: int, nesting: int) -> None:
    head = bytes([major | 27]) + struct.pack(">Q", length)
    data = (b"\x9b" + struct.pack(">Q", 1 << 40)) * nesting + b"\x82\x03" + head + b"\x00" * 16

    tracemalloc.start()
    try:
        with pytest.raises(BadMessage):
            CODEC.decode(data, LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@given(st.data())
def test_mutated_bytes_are_a_message_or_a_bad_message(data: st.DataObject) -> None:
    encoded = bytearray(CODEC.encode(data.draw(instances(Everything))))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(encoded) - 1))
        encoded[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=6))
    _message_or_bad(bytes(encoded))


@given(st.binary(max_size=200))
def test_random_bytes_are_a_message_or_a_bad_message(data: bytes) -> None:
    _message_or_bad(data)
    _message_or_bad(b"\x82\x03" + data)


def _message_or_bad(data: bytes) -> None:
    """Whatever is accepted must also be sendable again: the checks are the same in both directions."""
    try:
        message = CODEC.decode(data, LIMIT)
    except BadMessage:
        return
    assert CODEC.decode(CODEC.encode(message), LIMIT) == message


def test_a_type_that_cannot_travel_is_named_at_first_use() -> None:
    @dataclass(frozen=True, slots=True)
    class Wrong(Message):
        table: Annotated[bytes, Range(0, 1)]

    with pytest.raises(TypeError, match=r"Wrong\.table"):
        Codec({1: Wrong}).encode(Wrong(b""))


def test_a_class_under_two_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="two numbers"):
        Codec({1: Empty, 2: Empty})


def test_every_registered_number_lies_in_the_range_of_its_module() -> None:
    ranges = {"gossip": (1, 39), "blocks": (80, 99), "admission": (100, 119)}
    ranges |= dict.fromkeys(("jobs", "ledger", "stealing", "copies", "trust"), (40, 79))
    for number, cls in MESSAGES.items():
        low, high = ranges[cls.__module__.removeprefix("mesh.wire.")]
        assert low <= number <= high, cls


def a_manifest(frames: tuple[int, ...] = (1, 2, 3), **settings: object) -> Manifest:
    return Manifest(
        name="bunny",
        submitter="ann@host",
        submitted_ms=1,
        scene_root=Digest(b"s" * 32),
        entry="scene.gltf",
        frames=frames,
        engine=EngineName.BUILTIN,
        engine_build="0",
        settings=RenderSettings(**settings),  # type: ignore[arg-type]
    )


def test_records_survive_the_round_trip_and_equal_ones_have_one_name() -> None:
    manifest = a_manifest(clamp=20)

    assert codec.decode_record(Manifest, codec.encode_record(manifest)) == manifest
    assert codec.job_id(manifest) == codec.job_id(a_manifest(clamp=20.0))
    assert codec.job_id(manifest) != codec.job_id(a_manifest(clamp=20.5))


def test_a_record_cut_short_is_a_bad_message() -> None:
    data = codec.encode_record(a_manifest())
    for end in range(len(data)):
        with pytest.raises(BadMessage):
            codec.decode_record(Manifest, data[:end])


def test_a_manifest_may_name_as_many_frames_as_a_frame_set() -> None:
    manifest = a_manifest(frames=tuple(range(MAX_FRAMES)))

    assert codec.decode_record(Manifest, codec.encode_record(manifest)) == manifest
