"""A job's registers that people and nodes may write while it runs; the newest write wins everywhere.

Last-writer-wins registers with Lamport counters (Shapiro et al. 2011, section 3.2.1): joining is
commutative, associative and idempotent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mesh.model.ids import NodeId
from mesh.wire.jobs import Edit, EditName

MAX_REGISTERS = 1024


class Edits:
    __slots__ = ("_registers",)

    def __init__(self) -> None:
        self._registers: dict[tuple[EditName, bytes], Edit] = {}

    def get(self, name: EditName, subject: bytes = b"") -> Edit | None:
        return self._registers.get((name, subject))

    def number(self, name: EditName, default: int = 0, subject: bytes = b"") -> int:
        edit = self._registers.get((name, subject))
        return default if edit is None else edit.number

    def subjects(self, name: EditName) -> list[bytes]:
        """The subjects of all registers of that name whose number is not 0."""
        return [subject for (key, subject), edit in self._registers.items() if key is name and edit.number]

    def draft(
        self,
        author: NodeId,
        name: EditName,
        subject: bytes = b"",
        number: int = 0,
        words: tuple[str, ...] = (),
        nodes: tuple[NodeId, ...] = (),
    ) -> Edit:
        """A write that is newer than all that is known; `join` puts it into effect."""
        counter = 1 + max((edit.counter for edit in self._registers.values()), default=0)
        return Edit(name, subject, counter, author, number, words, nodes)

    def join(self, edits: Iterable[Edit], may: Callable[[Edit], bool] = lambda _edit: True) -> list[Edit]:
        """Takes over what is newer, and is such that it `may` be taken over, and returns it."""
        news = []
        for edit in edits:
            key = (edit.name, edit.subject)
            mine = self._registers.get(key)
            if mine is None and len(self._registers) >= MAX_REGISTERS:
                continue
            if (mine is None or _age(mine) < _age(edit)) and may(edit):
                self._registers[key] = edit
                news.append(edit)
        return news

    def all(self) -> tuple[Edit, ...]:
        return tuple(self._registers.values())

    def brief(self) -> int:
        """A number that differs where edits differ, nearly always."""
        return sum(
            edit.counter * 65_537 + int.from_bytes(edit.author[:2], "big")
            for edit in self._registers.values()
        )


def _age(edit: Edit) -> tuple[int, bytes, int, tuple[str, ...], tuple[NodeId, ...]]:
    """Total order of writes; the value decides where one author wrote twice under one counter, which a
    node restored from an old disk may do."""
    return edit.counter, edit.author, edit.number, edit.words, edit.nodes
