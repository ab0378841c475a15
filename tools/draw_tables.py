"""Draws the machines' transition tables into ARCHITECTURE.md: `python -m tools.draw_tables`.

Each table stands between two comments that name it; a test fails where the document is not current.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from mesh.gossip.states import TRANSITIONS, Fact
from mesh.model.status import NodeState

DOCUMENT = Path(__file__).parent.parent / "ARCHITECTURE.md"


def membership() -> str:
    """A row for each state, a column for each fact; a dash where the fact cannot be."""
    states: list[NodeState | None] = [None, *NodeState]
    lines = ["| | " + " | ".join(fact.value for fact in Fact) + " |", "|---|" + "---|" * len(Fact)]
    for state in states:
        cells = [_name(TRANSITIONS[state, fact]) if (state, fact) in TRANSITIONS else "-" for fact in Fact]
        lines.append(f"| **{_name(state)}** | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _name(state: NodeState | None) -> str:
    return "unknown" if state is None else state.value


TABLES: dict[str, Callable[[], str]] = {"membership": membership}


def drawn(document: str) -> str:
    """The document with every table as it is in the code. Raises ValueError where a place is missing."""
    for name, draw in TABLES.items():
        begin, end = f"<!-- table: {name} -->\n", "\n<!-- end of table -->"
        head, found, rest = document.partition(begin)
        if not found or end not in rest:
            raise ValueError(f"ARCHITECTURE.md has no place for the table {name!r}")
        document = head + begin + draw() + rest[rest.index(end) :]
    return document


def main() -> int:
    DOCUMENT.write_text(drawn(DOCUMENT.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
