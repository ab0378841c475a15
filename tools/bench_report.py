"""One measured case, and how a list of them is shown to people and to programs. Measures nothing itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """Ours against a peer's (or a target's) figure for the same work in the same run.

    `ratio` is 1 or more exactly where the peer is met or beaten, whether the figure is a rate or a cost.
    """

    case: str
    ours: float
    theirs: float
    peer: str
    unit: str
    ratio: float


def rate(case: str, ours: float, theirs: float, peer: str, unit: str) -> Case:
    """A figure where more is better, such as rays per second."""
    return Case(case, ours, theirs, peer, unit, ours / theirs if theirs else float("inf"))


def cost(case: str, ours: float, theirs: float, peer: str, unit: str) -> Case:
    """A figure where less is better, such as seconds or bytes."""
    return Case(case, ours, theirs, peer, unit, theirs / ours if ours else float("inf"))


def worst_ratio(cases: Sequence[Case]) -> float:
    """The least ratio: the benchmark as a whole is met where this is at least 1."""
    return min((case.ratio for case in cases), default=float("inf"))


def as_row(case: Case) -> str:
    """One line for people, as soon as the case is known."""
    return f"{case.case}: {case.ours:.4g} {case.unit}, {case.peer} {case.theirs:.4g}, ratio {case.ratio:.2f}"


def as_table(cases: Sequence[Case]) -> str:
    """An aligned table for people, worst ratio last."""
    rows = [("case", "ours", "theirs", "unit", "ratio", "peer")]
    rows += [(c.case, f"{c.ours:.4g}", f"{c.theirs:.4g}", c.unit, f"{c.ratio:.2f}", c.peer) for c in cases]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.append(f"worst ratio {worst_ratio(cases):.2f} (1 or more: the peer is met or beaten)")
    return "\n".join(line.rstrip() for line in lines)


def as_json(bench: str, cases: Sequence[Case]) -> str:
    """The whole result as one line: {"bench", "worst_ratio", "cases": [...]}."""
    return json.dumps(
        {"bench": bench, "worst_ratio": worst_ratio(cases), "cases": [asdict(case) for case in cases]}
    )
