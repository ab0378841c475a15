"""Messages and records to bytes and back: CBOR arrays, deterministic, checked before anybody sees them.

A message is `[type number, field, ...]`; a record is `[field, ...]`, its class known to the reader. Equal
values have equal bytes (RFC 8949, section 4.2: shortest heads, shortest floats), so a record's digest
names it. Reading trusts nothing: size, then nesting, then CBOR features, then the types and ranges of
`wire/coders.py`. Tags, maps, indefinite lengths, bignums and shared references are refused. The only
importer of cbor2; it reads no more than the bytes given, whatever lengths they declare (see
`tests/test_wire_codec.py`).
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar, cast

import blake3
import cbor2

from mesh.model.ids import Digest, JobId
from mesh.model.manifest import Manifest
from mesh.wire.base import Message
from mesh.wire.coders import coder_of
from mesh.wire.messages import MESSAGES
from mesh.wire.scalars import Misfit

MAX_DEPTH = 16
MAX_RECORD = 64 << 20
LONG = 1 << 16
"""Bytes from which on a value's head has one form only, four bytes of length."""
BUNDLE_HEAD = 3
"""Bytes that `bundle` adds, at most."""

Record = TypeVar("Record")


class CodecError(Exception):
    """Bytes and values that do not go together."""


class BadMessage(CodecError):
    """What was received is not a message, or not a record: its writer's fault."""


class UnknownMessage(BadMessage):
    """A well-formed array under a type number this version does not know: a newer node speaks."""


class Unencodable(CodecError):
    """What was to be sent does not fit its own declaration: our fault."""


class Codec:
    """Encodes the messages of one registry."""

    def __init__(self, messages: Mapping[int, type[Message]]) -> None:
        self._classes = dict(messages)
        self._numbers = {cls: number for number, cls in messages.items()}
        if len(self._numbers) != len(self._classes):
            raise ValueError("a message is registered under two numbers")

    def encode(self, message: Message) -> bytes:
        """The bytes of `message`. Raises Unencodable when a field breaks its type or bounds, and KeyError
        for a class that is not registered."""
        return _dumps(self._pack(message))

    def decode(self, data: bytes | memoryview, limit: int) -> Message:
        """The message in `data`. Raises BadMessage, also when `data` is longer than `limit` bytes, and
        UnknownMessage for a type number from the future."""
        return self._unpack(_loads(data, limit))

    def encode_all(self, messages: Iterable[Message]) -> bytes:
        """Several messages as one array, for a datagram. Costs one to three bytes beside the messages."""
        return _dumps([self._pack(message) for message in messages])

    def decode_all(self, data: bytes | memoryview, limit: int) -> tuple[Message, ...]:
        """The messages of `encode_all`, leaving out unknown ones. Raises BadMessage as `decode` does."""
        messages: list[Message] = []
        for plain in _loads(data, limit):
            try:
                messages.append(self._unpack(plain))
            except UnknownMessage:
                continue
        return tuple(messages)

    def _pack(self, message: Message) -> list[Any]:
        cls = type(message)
        number = self._numbers[cls]
        try:
            return [number, *coder_of(cls).pack(message)]
        except Misfit as misfit:
            raise Unencodable(str(misfit)) from None

    def _unpack(self, plain: Any) -> Message:
        if type(plain) is not tuple or not plain or type(plain[0]) is not int:
            raise BadMessage("not an array that begins with a type number")
        cls = self._classes.get(plain[0])
        if cls is None:
            raise UnknownMessage(f"unknown type number {plain[0]}")
        try:
            return cast("Message", coder_of(cls).unpack(plain[1:]))
        except Misfit as misfit:
            raise BadMessage(str(misfit)) from None


_CODEC = Codec(MESSAGES)
encode = _CODEC.encode
decode = _CODEC.decode
encode_all = _CODEC.encode_all
decode_all = _CODEC.decode_all


def bundle(encoded: Sequence[bytes]) -> bytes:
    """What `decode_all` reads, from at most 65,535 messages that are encoded already."""
    return b"".join((_array_head(len(encoded)), *encoded))


def encode_record(record: object) -> bytes:
    """The bytes of any dataclass whose fields can travel. Raises Unencodable."""
    try:
        return _dumps(coder_of(type(record)).pack(record))
    except Misfit as misfit:
        raise Unencodable(str(misfit)) from None


def decode_record(cls: type[Record], data: bytes | memoryview, limit: int = MAX_RECORD) -> Record:
    """The record of class `cls` in `data`. Raises BadMessage."""
    try:
        return cast("Record", coder_of(cls).unpack(_loads(data, limit)))
    except Misfit as misfit:
        raise BadMessage(str(misfit)) from None


def digest_of(record: object) -> Digest:
    """BLAKE3 of the record's bytes."""
    return Digest(blake3.blake3(encode_record(record)).digest())


def job_id(manifest: Manifest) -> JobId:
    """The name of the job that `manifest` describes."""
    return JobId(digest_of(manifest))


# --- CBOR -------------------------------------------------------------------------------------------


def _dumps(plain: list[Any]) -> bytes:
    for item in plain:
        if type(item) is bytes and len(item) >= LONG:
            return _array_head(len(plain)) + b"".join(map(_dumps_item, plain))
    return cbor2.dumps(plain, canonical=True)


def _dumps_item(item: Any) -> bytes:
    """One element. Long bytes are joined rather than given to cbor2, which takes 1 ms for a block."""
    if type(item) is bytes and len(item) >= LONG:
        return b"\x5a" + len(item).to_bytes(4, "big") + item
    return cbor2.dumps(item, canonical=True)


def _array_head(count: int) -> bytes:
    """The first bytes of an array of at most 65,535 elements."""
    if count < 24:
        return bytes([0x80 | count])
    return b"\x98" + bytes([count]) if count < 256 else b"\x99" + count.to_bytes(2, "big")


def _loads(data: bytes | memoryview, limit: int) -> tuple[Any, ...]:
    if len(data) > limit:
        raise BadMessage(f"{len(data)} bytes, where at most {limit} are taken")
    source = io.BytesIO(data)
    decoder = cbor2.CBORDecoder(
        source,
        max_depth=MAX_DEPTH,
        allow_indefinite=False,
        strict_hashable_types=True,
        semantic_decoders=_NO_TAGS,
        object_hook=_refuse_map,
    )
    try:
        plain = decoder.decode(immutable=True)
    except cbor2.CBORDecodeError as error:
        raise BadMessage(f"not the CBOR we speak: {error}") from None
    if type(plain) is not tuple:
        raise BadMessage("not an array")
    if source.tell() != len(data):
        raise BadMessage("bytes left over after the array")
    return plain


class _NoTags(dict[int, Any]):
    """Answers the look-up of any tag's decoder, cbor2's own included, with a refusal."""

    def __missing__(self, tag: int) -> NoReturn:
        raise ValueError(f"tag {tag}")


_NO_TAGS = _NoTags()


def _refuse_map(_plain: Mapping[Any, Any], _immutable: bool) -> NoReturn:
    raise ValueError("map")
