"""Sealing of datagrams under the mesh key: 29 bytes each, keys that rotate without downtime, no replays.

A sealed datagram is `key id (1) | epoch (6) | sequence (6) | ciphertext | tag (16)`, ChaCha20-Poly1305
(RFC 8439) with `epoch | sequence` as its nonce and the key id as associated data.

An epoch names one sealer in one life: 48 random bits drawn when it starts, under which sequence numbers
only grow. So no nonce is used twice under a key as long as no two sealers of one mesh draw the same epoch
(10,000 lives under one key: 1 in 5 million), and a receiver can refuse what it has seen: per epoch it
remembers the highest sequence and the 1024 before it (the window of RFC 6479, for reordering). Only who
has the key can begin an epoch at a receiver, and the receiver remembers a bounded number of them, dropping
the one that it has not heard for longest. What is replayed from a dropped epoch passes here, and is stopped by
the machines' own order of boots, incarnations and probe numbers.

Rotation: `add` the new key on every node, then `use` it on every node, then `drop` the old one. Knows
nothing of messages, sockets or clocks.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NewType, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

KeyId = NewType("KeyId", int)
"""Number of a mesh key, 0 to 255: the count of rotations, modulo 256."""

OVERHEAD = 29
KEY_SIZE = 32
EPOCH_SIZE = 6
WINDOW = 1024
"""Sequence numbers behind the highest that may still come, once each."""

_HEAD = 13
_MAX_SEQUENCE = 2**48 - 1


class BadSeal(Exception):
    """The datagram is not sealed under a key we have, or was changed, or is no datagram of ours at all."""


class Replayed(BadSeal):
    """The datagram was opened before, or is too old to tell."""


@dataclass(slots=True)
class _Window:
    """Which sequence numbers of one epoch were seen: bit n of `seen` is `highest - n`."""

    highest: int
    seen: int = 1

    def admit(self, sequence: int) -> bool:
        """Notes `sequence` as seen; whether it had not been."""
        if sequence > self.highest:
            shift = sequence - self.highest
            self.seen = ((self.seen << shift) | 1) & ((1 << WINDOW) - 1) if shift < WINDOW else 1
            self.highest = sequence
            return True
        bit = self.highest - sequence
        if bit >= WINDOW or self.seen >> bit & 1:
            return False
        self.seen |= 1 << bit
        return True


class MeshKey(Protocol):
    """A key and its number, as identity keeps them."""

    @property
    def number(self) -> int: ...

    @property
    def secret(self) -> bytes: ...


class Sealer:
    """One node's end, for one life."""

    def __init__(
        self, keys: Sequence[MeshKey], epoch: bytes | None = None, remembered_epochs: int = 16_384
    ) -> None:
        """Seals under the first of `keys` and opens under all. `epoch` is drawn at random by default, and
        never to be used in two lives."""
        if not keys:
            raise ValueError("a mesh has at least one key")
        if epoch is not None and len(epoch) != EPOCH_SIZE:
            raise ValueError(f"an epoch has {EPOCH_SIZE} bytes")
        self._ciphers: dict[KeyId, ChaCha20Poly1305] = {}
        self._epoch = secrets.token_bytes(EPOCH_SIZE) if epoch is None else epoch
        self._sequence = 0
        self._windows: OrderedDict[bytes, _Window] = OrderedDict()
        self._remembered = remembered_epochs
        for key in keys:
            self.add(key)
        self._current = KeyId(keys[0].number % 256)

    @property
    def current(self) -> KeyId:
        return self._current

    @property
    def keys(self) -> tuple[KeyId, ...]:
        """Keys whose datagrams are opened, oldest first."""
        return tuple(self._ciphers)

    @property
    def epochs(self) -> int:
        """How many epochs are remembered."""
        return len(self._windows)

    def add(self, key: MeshKey) -> None:
        """Opens what others seal under this key from now on."""
        if len(key.secret) != KEY_SIZE:
            raise ValueError(f"a mesh key has {KEY_SIZE} bytes")
        self._ciphers[KeyId(key.number % 256)] = ChaCha20Poly1305(key.secret)

    def use(self, key_id: KeyId) -> None:
        """Seals under this key from now on. Raises KeyError where it was not added."""
        if key_id not in self._ciphers:
            raise KeyError(key_id)
        self._current = key_id

    def drop(self, key_id: KeyId) -> None:
        """Opens nothing under this key any more. Raises ValueError for the one in use."""
        if key_id == self._current:
            raise ValueError("the key in use cannot be dropped")
        self._ciphers.pop(key_id, None)

    def seal(self, plain: bytes, under: KeyId | None = None) -> bytes:
        """`plain` and OVERHEAD bytes, sealed under the key in use or another that we have."""
        if self._sequence == _MAX_SEQUENCE:
            raise OverflowError("an epoch is used up")
        self._sequence += 1
        nonce = self._epoch + self._sequence.to_bytes(6, "big")
        chosen = under if under in self._ciphers else self._current
        key_id = chosen.to_bytes(1, "big")
        return key_id + nonce + self._ciphers[chosen].encrypt(nonce, plain, key_id)

    def unseal(self, sealed: bytes) -> bytes:
        """What was sealed. Raises BadSeal, or Replayed where it was seen before."""
        if len(sealed) < OVERHEAD:
            raise BadSeal("too short")
        cipher = self._ciphers.get(KeyId(sealed[0]))
        if cipher is None:
            raise BadSeal("sealed under a key we do not have")
        nonce = sealed[1:_HEAD]
        try:
            plain = cipher.decrypt(nonce, sealed[_HEAD:], sealed[:1])
        except InvalidTag:
            raise BadSeal("not sealed by a member, or changed on the way") from None
        if not self._admit(nonce[:EPOCH_SIZE], int.from_bytes(nonce[EPOCH_SIZE:], "big")):
            raise Replayed("opened before")
        return plain

    @staticmethod
    def key_of(sealed: bytes) -> KeyId:
        """Which key something unsealed was sealed under."""
        return KeyId(sealed[0])

    def _admit(self, epoch: bytes, sequence: int) -> bool:
        window = self._windows.get(epoch)
        if window is None:
            self._windows[epoch] = _Window(sequence)
            if len(self._windows) > self._remembered:
                self._windows.popitem(last=False)
            return True
        self._windows.move_to_end(epoch)
        return window.admit(sequence)
