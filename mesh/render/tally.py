"""What samples add up to: sums in fixed point, and which channel of a frame each of them is for.

Every frame has the sums of `ALWAYS`; those of other layers are there where a job asks for them, or for something
that takes as long.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mesh.model.layers import ALWAYS, CHANNELS_OF, LOBES, MATTES, Layer, channels_of
from mesh.render.accel_layout import Scratch, make_scratch
from mesh.render.light_passes import PASSES, RECORD
from mesh.render.matte import SLOTS

UNIT = 2.0**24
"""The fixed point's unit: sums below 2^39 keep 24 bits after the point."""

EVERY = channels_of(Layer)
EXTRA = len(ALWAYS)
"""The first of three channels each: position, emission, background, direct, indirect; then the mattes and the lobes."""
MATTE_CHANNELS = EVERY.index(CHANNELS_OF[next(iter(MATTES))][0])
LOBE_CHANNELS = EVERY.index(CHANNELS_OF[LOBES[0]][0])
SEEN = 11
"""So many sums are those of the channels before the sample count. The next ones are those of the channels from EXTRA to
the mattes, LIGHT being the first that is light, and from LOBE_SUMS on those of the channels from LOBE_CHANNELS on."""
LIGHT = SEEN + 3
DIRECT = LIGHT + 6
INDIRECT = LIGHT + 9
LOBE_SUMS = SEEN + MATTE_CHANNELS - EXTRA
_SUMS = LOBE_SUMS + PASSES


class Tally(NamedTuple):
    """What the samples of n pixels came to so far.

    sums int64 (n, SEEN or more); taken int32 (n, 3): samples, blocks, 1 where adaptive sampling has had enough;
    spread float64 (n, 3): sums of the blocks' luminance, of its square, and of that of single samples; first int32
    (n, 2): ids of the first sample; ids float32, counts int32 (n, 2, SLOTS or 0) and used int32 (n, 2): for the
    mattes. What it has no room for is not counted, which saves a fifth of the time of a simple scene and changes
    nothing else.
    """

    sums: NDArray[np.int64]
    taken: NDArray[np.int32]
    spread: NDArray[np.float64]
    first: NDArray[np.int32]
    ids: NDArray[np.float32]
    counts: NDArray[np.int32]
    used: NDArray[np.int32]


class Bench(NamedTuple):
    """One thread's own memory."""

    block: NDArray[np.float64]
    row: NDArray[np.float32]
    record: NDArray[np.float32]
    scratch: Scratch


def make_tally(pixels: int, columns: NDArray[np.int64]) -> Tally:
    """Room for what the channels that `columns` name are made of."""
    parts = bool(np.any((columns >= EXTRA) & (columns < MATTE_CHANNELS)))
    lobes = bool(np.any(columns >= LOBE_CHANNELS))
    slots = SLOTS if np.any((columns >= MATTE_CHANNELS) & (columns < LOBE_CHANNELS)) else 0
    return Tally(
        np.zeros((pixels, _SUMS if lobes else LOBE_SUMS if parts else SEEN), np.int64),
        np.zeros((pixels, 3), np.int32),
        np.zeros((pixels, 3)),
        np.full((pixels, 2), -1, np.int32),
        np.empty((pixels, 2, slots), np.float32),
        np.empty((pixels, 2, slots), np.int32),
        np.zeros((pixels, 2), np.int32),
    )


def make_bench() -> Bench:
    return Bench(
        np.zeros(_SUMS), np.zeros(len(EVERY), np.float32), np.zeros(RECORD, np.float32), make_scratch()
    )


def columns_of(layers: tuple[Layer, ...]) -> NDArray[np.int64]:
    """Which of all channels a frame with these layers has."""
    return np.array([EVERY.index(channel) for channel in channels_of(layers)], np.int64)


def light_of(tally: Tally, layer: Layer) -> NDArray[np.int64]:
    """The sums (n, 3) of a layer of light, in fixed point, of a tally that has room for it."""
    channel = EVERY.index(CHANNELS_OF[layer][0])
    at = channel - EXTRA + SEEN if channel < MATTE_CHANNELS else channel - LOBE_CHANNELS + LOBE_SUMS
    return tally.sums[:, at : at + 3]
