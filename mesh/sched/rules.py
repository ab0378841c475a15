"""Rules of stealing as pure functions: how much a thief gets, and whom it asks."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from mesh.model.ids import NodeId

_LEAST_RATIO = 1 / 20
_WHOLE = 0.75
"""Parts of a new job that come to less than this of a frame are cut to measure."""


@dataclass(frozen=True, slots=True)
class Stock:
    """What a lender has of a job, in buckets."""

    owned: int
    """Not begun."""
    tail: int
    """The untouched back of the unit being rendered."""
    in_hand: int
    """Being rendered, and not to be taken."""
    frame: int
    """Buckets of a whole frame."""
    grain: int
    """No piece smaller than this is worth a steal."""
    chunk: int
    """At most so much at once for one node; 0 for no bound."""
    heads: int = 1
    """Nodes that the lender's work is for."""


@dataclass(frozen=True, slots=True)
class Portion:
    """What a thief gets: from the back of what is owned, or else from the back of the running unit."""

    owned: int = 0
    tail: int = 0


def portion(
    stock: Stock, mine: float, thief: float, *, i_render: bool, idle: bool, heads: int = 1
) -> Portion:
    """How much a thief of speed `thief` gets from a lender of speed `mine` (buckets a second; 0 unknown).

    Half, or so that both would finish at the same time where both speeds are known; by heads where either
    stands for many nodes; in whole frames as long as two are left (of a new job, for each node), then in
    buckets, never less than the grain. A lender that renders nothing itself still keeps half of many frames,
    for other thieves will come. A thief that is not `idle` yet gets no crumbs that are too small to cut.
    """
    part = _part(thief, mine, heads, stock.heads)
    most = stock.chunk * heads or stock.owned + stock.tail
    dealing = max(heads, stock.heads) > 1
    if stock.owned:
        if not i_render and not dealing and stock.owned <= stock.frame:
            return Portion(owned=min(stock.owned, most))  # it would only lie about
        wish = part * (stock.owned + stock.tail + stock.in_hand)
        few = dealing and wish < _WHOLE * heads * stock.frame
        if stock.owned >= 2 * stock.frame and not few:
            frames = min(max(1, round(wish / stock.frame)), stock.owned // stock.frame)
            return Portion(owned=min(frames * stock.frame, most))
        count = min(round(wish), stock.owned)
        if not dealing and (count < stock.grain or stock.owned - count < stock.grain):
            # Too small to cut: whoever is idle has the better claim to all of it, and anybody where it would lie about.
            count = stock.owned if not i_render or (idle and stock.in_hand) else 0
        return Portion(owned=min(count, most))
    count = min(round(part * (stock.tail + stock.in_hand)), stock.tail)
    return Portion(tail=min(count, most)) if count >= max(1, stock.grain) else Portion()


def worth_asking(spare: float, theirs: float, mine: float, cost: float, factor: float) -> bool:
    """Whether a victim of speed `theirs` that has `spare` buckets to give would hand some of them to a thief of
    speed `mine` (buckets a second; 0 unknown): as `portion` decides it, with half as much again for what the
    victim begins while the request, of `cost` seconds, is on its way."""
    if spare < 1:
        return False
    speed = theirs or mine
    if speed <= 0:
        return True
    grain = grain_of(1 / speed, cost, factor)
    return (spare + 1) * _part(mine, theirs, 1, 1) >= 1.5 * grain - 0.5


def _part(thief: float, mine: float, heads: int, others: int) -> float:
    """The part of a lender's work that makes both finish at the same time; where a speed is unknown, by heads."""
    ratio = min(max(thief / mine, _LEAST_RATIO), 1 / _LEAST_RATIO) if thief > 0 and mine > 0 else 1.0
    return heads * ratio / (heads * ratio + others)


def worth_starting_again(left: float, need: float, cost: float, factor: float) -> bool:
    """Whether an idle node that needs `need` seconds for a unit, a steal included, is to start it although
    another is at it and will be for `left` seconds more: where it needs half of that at most, and saves as
    much as makes cutting worth `cost`."""
    return left >= 2 * need and left - need >= factor * cost


def helpers_part(seconds: float, ratio: float, heads: int, cost: float) -> float:
    """Which part of a unit that its holder will be at for so many seconds more a helper is to render, that is
    `ratio` times as fast (0 unknown): so that it and the `heads` nodes that the rest is for are done at one time,
    though the way to the helper and back takes `cost` seconds."""
    if seconds <= cost:
        return 0.0
    speed = min(max(ratio, _LEAST_RATIO), 1 / _LEAST_RATIO) if ratio > 0 else 1.0
    return speed / (speed + heads) * (1 - cost / seconds)


def worth_sharing(spared: float, cost: float, factor: float) -> bool:
    """Whether sparing a node `spared` seconds of rendering is worth the `cost` of having another do it."""
    return spared >= factor * cost


@dataclass(frozen=True, slots=True)
class Victim:
    node: NodeId
    spare: int
    """Work it was last known to have to give, in buckets; 0 unknown."""
    cost: float
    """Seconds that a steal from it takes."""


def choose_victim(victims: Sequence[Victim], rng: random.Random) -> Victim | None:
    """Two samples weighted by work for the way there, the better of them: near optimal balance without
    everybody asking the same node (the power of two choices, Mitzenmacher 2001)."""
    if not victims:
        return None
    weights = [_worth(victim) for victim in victims]
    pair = rng.choices(victims, weights, k=2)
    return max(pair, key=_worth)


def _worth(victim: Victim) -> float:
    return (victim.spare + 1) / (victim.cost + 0.001)


def grain_of(pace: float, steal_seconds: float, factor: float) -> int:
    """Buckets that take at least `factor` steals to render; 0 where the pace is not known."""
    if pace <= 0:
        return 0
    return max(1, round(factor * steal_seconds / pace))
