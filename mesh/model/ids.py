"""Names of things: nodes, blocks, jobs. All are 32-byte digests, told apart by type, never by length."""

from __future__ import annotations

from typing import NewType

NodeId = NewType("NodeId", bytes)
"""SHA-256 of a node's Ed25519 public key, 32 bytes."""

Digest = NewType("Digest", bytes)
"""BLAKE3 of some plain bytes, 32 bytes: the name of a block."""

JobId = NewType("JobId", bytes)
"""BLAKE3 of a job's encoded manifest, 32 bytes."""

Boot = NewType("Boot", int)
"""One life of a node: drawn at start-up from the clock, so a later life has a larger number."""

DIGEST_SIZE = 32


def short(name: bytes) -> str:
    """The first 32 bits of a name, as people see it: `7f3a-91c2`."""
    text = name[:4].hex()
    return f"{text[:4]}-{text[4:]}"
