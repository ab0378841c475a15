"""Dealing out a new job: a tree along which its offer goes down and its work follows.

The row is all nodes in the order of (site, NodeId). Whoever is handed a stretch of it tells a few heads,
each of which answers for a part of the stretch: one part for each other site, so that a slow link is
crossed once, and halves of halves in one's own (a binomial tree). Heads then ask for their part's worth of
work where they were told. Each node cuts by its own view of who is there; nobody need agree.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from mesh.model.ids import DIGEST_SIZE, NodeId

_LOTS = 8
"""Parts that all other sites together are cut into, at most."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the row, and who answers for it."""

    head: NodeId
    low: bytes
    high: bytes
    """One past the last key."""
    count: int
    """Nodes in it, the head among them."""


def key_of(site: str, node: NodeId) -> bytes:
    """A node's place in the row."""
    return site.encode() + b"\0" + node


def node_of(key: bytes) -> NodeId:
    return NodeId(key[-DIGEST_SIZE:])


def alone(key: bytes) -> Part:
    return Part(node_of(key), key, key + b"\0", 1)


def deal(row: Sequence[bytes], site: str) -> list[Part]:
    """Cuts a stretch of the row, which is ascending and without the node that deals, at `site`."""
    start = bisect_left(row, key_of(site, NodeId(b"")))
    stop = bisect_left(row, _end_of(key_of(site, NodeId(b""))))
    parts = [_part(lot) for rest in (row[:start], row[stop:]) for lot in _lots(rest)]
    while start < stop:
        half = (stop - start + 1) // 2
        parts.append(_part(row[stop - half : stop]))
        stop -= half
    return parts


def _part(keys: Sequence[bytes]) -> Part:
    """The first of a stretch answers for it, so that what is left to it is a stretch again."""
    return Part(node_of(keys[0]), keys[0], keys[-1] + b"\0", len(keys))


def _lots(row: Sequence[bytes]) -> list[list[bytes]]:
    """Whole sites together, in about equal lots where there are many."""
    lots: list[list[bytes]] = []
    first = 0
    while first < len(row):
        stop = bisect_left(row, _end_of(row[first][:-DIGEST_SIZE]))
        if len(lots) == _LOTS or (lots and len(lots[-1]) + stop - first <= len(row) // _LOTS):
            lots[-1] += row[first:stop]
        else:
            lots.append(list(row[first:stop]))
        first = stop
    return lots


def _end_of(prefix: bytes) -> bytes:
    """Above every key that begins with `prefix`."""
    return prefix + b"\xff" * (DIGEST_SIZE + 1)
