"""The replicated part of a job's ledger: append-only logs, one for each life of each node.

A log is named (author, boot) and its entries are numbered from 1 without gaps; only its author's one life
ever appends. So the join of two ledgers is the longer of each log: commutative, associative and
idempotent, and a vector of heights says all about what somebody has (delta CRDTs, Almeida et al. 2016).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mesh.model.ids import Boot, NodeId
from mesh.wire.ledger import MAX_RUN, Entry, LogHeight, LogRun

LogName = tuple[NodeId, Boot]
_MASK = 2**64 - 1


class Logs:
    __slots__ = ("_logs", "checksum", "count")

    def __init__(self) -> None:
        self._logs: dict[LogName, list[Entry]] = {}
        self.count = 0
        """Entries in all."""
        self.checksum = 0
        """Equal where two ledgers are equal, and nearly never else."""

    def height(self, name: LogName) -> int:
        return len(self._logs.get(name, ()))

    def append(self, name: LogName, entry: Entry) -> LogRun:
        """Adds to the caller's own log."""
        log = self._logs.setdefault(name, [])
        log.append(entry)
        self._count(name, 1)
        return LogRun(*name, len(log), (entry,))

    def join(self, run: LogRun) -> tuple[LogRun | None, bool]:
        """Takes over what is new: (the new part or None, whether a gap kept it out)."""
        name = (run.author, run.boot)
        log = self._logs.get(name)
        height = 0 if log is None else len(log)
        if run.first > height + 1:
            return None, True
        fresh = run.entries[height + 1 - run.first :]
        if not fresh:
            return None, False
        if log is None:
            log = self._logs[name] = []
        log.extend(fresh)
        self._count(name, len(fresh))
        return LogRun(*name, height + 1, fresh), False

    def run(self, name: LogName, first: int, last: int) -> Iterator[LogRun]:
        """Entries `first` to `last`, both included, in runs that a message may carry."""
        log = self._logs.get(name, [])
        for start in range(first, last + 1, MAX_RUN):
            yield LogRun(*name, start, tuple(log[start - 1 : min(start - 1 + MAX_RUN, last)]))

    def heights(self) -> list[LogHeight]:
        """Of all logs, in the order of their names."""
        return [LogHeight(*name, len(self._logs[name])) for name in sorted(self._logs)]

    def missing(self, theirs: Iterable[LogHeight], low: bytes, high: bytes) -> Iterator[LogRun]:
        """What somebody lacks who has `theirs`, of these logs and of all others by authors in [low, high)."""
        named = {(height.author, height.boot): height.height for height in theirs}
        for name, log in list(self._logs.items()):
            has = named.get(name)
            if has is None and low <= name[0] < high:
                has = 0
            if has is not None and has < len(log):
                yield from self.run(name, has + 1, len(log))

    def lacking(self, theirs: Iterable[LogHeight]) -> list[LogHeight]:
        """My heights of those logs that somebody has more of."""
        return [
            LogHeight(height.author, height.boot, self.height((height.author, height.boot)))
            for height in theirs
            if height.height > self.height((height.author, height.boot))
        ]

    def _count(self, name: LogName, entries: int) -> None:
        self.count += entries
        weight = int.from_bytes(name[0][:8], "big") * 0x9E3779B97F4A7C15 + name[1] * 0xBF58476D1CE4E5B9
        self.checksum = (self.checksum + (weight | 1) * entries) & _MASK
