"""Which objects and materials a pixel shows and how much of it: Cryptomatte's ranked pairs, counted by sample.

A sample weighs one, since the pixel filter chooses where it lies. What a pixel shows is counted in a few
slots; a pixel of more objects than slots does not name the last ones to be met.
"""

from __future__ import annotations

import numpy as np

from mesh.model.layers import MATTE_RANKS
from mesh.render.kernel import kernel

f32 = np.float32

SLOTS = 32
RANKS = MATTE_RANKS


@kernel
def count_id(ids, counts, used, kind, value):
    """One more sample of the id `value`. ids float32 and counts int32 (2, SLOTS), used int32 (2,)."""
    for slot in range(used[kind]):
        if ids[kind, slot] == value:
            counts[kind, slot] += 1
            return
    slot = used[kind]
    if slot < SLOTS:
        ids[kind, slot] = value
        counts[kind, slot] = 1
        used[kind] = slot + 1


@kernel
def rank_ids(ids, counts, used, kind, taken, row, first):
    """Write the RANKS largest shares, (id, share) each, from row[first] on; empties the slots they came from.

    Of equal shares the smaller id is first, so that the order in which they were met cannot show.
    """
    for rank in range(RANKS):
        best = -1
        for slot in range(used[kind]):
            count = counts[kind, slot]
            if count > 0 and (
                best < 0
                or count > counts[kind, best]
                or (count == counts[kind, best] and ids[kind, slot] < ids[kind, best])
            ):
                best = slot
        place = first + 2 * rank
        if best < 0:
            row[place], row[place + 1] = f32(0.0), f32(0.0)
        else:
            row[place], row[place + 1] = ids[kind, best], f32(counts[kind, best]) / f32(taken)
            counts[kind, best] = 0
