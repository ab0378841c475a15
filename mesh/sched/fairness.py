"""How many nodes each job is due: the balance that Netrender's rule settles at, computed outright.

Netrender's master gives the next free node to the job with the least rating, which is

    usage / priority  +  usage of its category / greatest priority in that category

(usage in nodes, averaged over a while). In balance all jobs that could use more nodes have one rating. No
master is needed to find that balance: every node solves for it from the jobs and nodes that it knows of,
and since all know nearly the same, nobody has to watch what the others do, and stale views cannot make
nodes swing from job to job. What averaging usage does for whole nodes, turns do here: see `whole`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mesh.model.ids import JobId

_ROUNDS = 60
"""Of bisection: to about 1e-15 of the range."""
_ROUNDING = 1e-9
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class Demand:
    job: JobId
    priority: int
    category: str
    most: float
    """Nodes that it may have and could use."""


def due(demands: Sequence[Demand], nodes: float) -> dict[JobId, float]:
    """Nodes due to each job; they add up to `nodes`, or to what all jobs together could use."""
    if not demands:
        return {}
    if sum(demand.most for demand in demands) <= nodes:
        return {demand.job: demand.most for demand in demands}
    low, high = 0.0, 2.0 * nodes + 1.0
    for _ in range(_ROUNDS):
        rating = (low + high) / 2
        if sum(_at(demands, rating).values()) < nodes:
            low = rating
        else:
            high = rating
    return _at(demands, high)


def _at(demands: Sequence[Demand], rating: float) -> dict[JobId, float]:
    """What each job uses where all that want more have this rating."""
    uses: dict[JobId, float] = {}
    categories: dict[str, list[Demand]] = {}
    for demand in demands:
        categories.setdefault(demand.category, []).append(demand)
    for members in categories.values():
        greatest = max(demand.priority for demand in members)
        low, high = 0.0, rating * greatest
        for _ in range(_ROUNDS):
            total = (low + high) / 2
            if sum(_use(demand, rating - total / greatest) for demand in members) > total:
                low = total
            else:
                high = total
        for demand in members:
            uses[demand.job] = _use(demand, rating - high / greatest)
    return uses


def _use(demand: Demand, level: float) -> float:
    return min(max(0.0, demand.priority * level), demand.most)


def whole(dues: dict[JobId, float], turn: int) -> dict[JobId, int]:
    """The same in whole nodes, for one turn. The nodes that are due to several jobs in part go round among them, so
    that over the turns each job has what it is due: systematic sampling of the remainders, its phases spread by the
    golden ratio. Two jobs alike on three nodes have two and one, and one and two."""
    phase = ((turn + 0.5) * _GOLDEN) % 1.0
    counts: dict[JobId, int] = {}
    given, reached = 0, 0.0
    names = sorted(dues)
    rest = {job: dues[job] - int(dues[job] + _ROUNDING) for job in names}
    for job in names:
        reached += rest[job]
        if job == names[-1]:
            reached = round(reached, 6)  # whole, where the dues add up to whole nodes
        most = int(reached + phase)
        counts[job] = int(dues[job] + _ROUNDING) + most - given
        given = most
    return counts
