"""How far two renderings of the same pixels are apart, and whether that is honest. Loads neither numba nor images.

What an engine may declare (`mesh/model/tolerance.py`) is measured by the very quantities that audits look at:
`measured` turns honest renderings of the same buckets into the tolerance that lets all of them pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mesh.model.tolerance import EXACT, Tolerance

Values = NDArray[np.float64]
"""(pixels, channels)."""

HEADROOM = 4.0
"""Renderings that nobody measured may be so many times as far apart as those that were."""

_RARE = 0.01
"""So large a part of a bucket's pixels may be called outliers by a measurement."""
_FALSE = 0.25
"""A pixel so far apart shows something else."""
_BLACK = 1e-3
"""Means below this are held against each other as if they were this: so little light is not seen."""
_SPREAD = 4.0
"""By chance, a bucket has more outliers than others: by so many standard deviations, and one."""


def alike(one: Values, other: Values, tolerance: Tolerance) -> bool:
    """Whether honest engines may have rendered both."""
    apart = deviations(one, other)
    same = apart <= tolerance.apart
    expected = tolerance.pixels * len(same)
    most = expected + _SPREAD * math.sqrt(expected) + 1.0 if expected else 0.0
    # Of few pixels, what differs honestly does not even out.
    moved = tolerance.mean + tolerance.apart / math.sqrt(max(1, int(np.count_nonzero(same))))
    return bool(np.count_nonzero(~same) <= most and shift(one[same], other[same]) <= moved)


def deviations(one: Values, other: Values) -> NDArray[np.float64]:
    """Of each pixel, that of the channel that differs most: by what part of 1 + the larger value. Infinite where only
    one of the two is infinite or no number, as depth is at the edge of things."""
    finite = np.isfinite(one) & np.isfinite(other)
    ours, theirs = np.where(finite, one, 0.0), np.where(finite, other, 0.0)
    apart = np.abs(ours - theirs) / (1.0 + np.maximum(np.abs(ours), np.abs(theirs)))
    unlike = ~finite & (one != other) & ~(np.isnan(one) & np.isnan(other))
    worst: NDArray[np.float64] = np.where(unlike, np.inf, apart).max(axis=1, initial=0.0)
    return worst


def shift(one: Values, other: Values) -> float:
    """By what part of its mean size the mean of a channel differs, of the channel where that is most."""
    if not len(one):
        return 0.0
    finite = np.isfinite(one) & np.isfinite(other)
    ours, theirs = np.where(finite, one, 0.0), np.where(finite, other, 0.0)
    size = np.maximum(np.abs(ours), np.abs(theirs)).mean(axis=0)
    return float((np.abs((ours - theirs).mean(axis=0)) / np.maximum(size, _BLACK)).max())


def measured(renderings: Sequence[Sequence[Values]]) -> Tolerance:
    """What to declare, from honest renderings of the same buckets, the more of them the better; EXACT where they do not
    differ at all. Raises ValueError where they differ so much that a false one would not be known from them."""
    pairs = [
        (mine, yours, deviations(mine, yours))
        for one, other in combinations(renderings, 2)
        for mine, yours in zip(one, other, strict=True)
    ]
    if not any(apart.any() for _, _, apart in pairs):
        return EXACT
    common = max(float(np.quantile(apart, 1.0 - _RARE, method="lower")) for _, _, apart in pairs)
    limit = HEADROOM * common
    if limit > _FALSE:
        raise ValueError(f"honest pixels are {common:.3g} apart: a false one would not be known from them")
    outliers = max(int(np.count_nonzero(apart > limit)) / len(apart) for _, _, apart in pairs)
    # What happens in less than three of n cases may well not happen in n.
    unseen = 3.0 / sum(len(apart) for _, _, apart in pairs)
    moved = max(shift(mine[apart <= limit], yours[apart <= limit]) for mine, yours, apart in pairs)
    return Tolerance(limit, max(HEADROOM * outliers, unseen), HEADROOM * moved)
