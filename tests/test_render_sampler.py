"""The sampler's promise: numbers that depend on their address alone, spread more evenly than chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mesh.render.kernel import kernel
from mesh.render.sampler import draw, make_sequence, start_sample


@kernel
def _draw_all(sequence, x, y, pair, out):
    for sample in range(out.shape[0]):
        counter, tile = start_sample(sequence, x, y, sample)
        out[sample, 0], out[sample, 1] = draw(sequence, counter, tile, pair)


def points(
    samples: int, *, x: int = 5, y: int = 9, pair: int = 3, seed: int = 1, frame: int = 1
) -> np.ndarray:
    out = np.zeros((samples, 2), np.float32)
    _draw_all(make_sequence(seed, frame, samples, 8), x, y, pair, out)
    return out


@pytest.mark.parametrize("samples", [16, 64, 256])
@pytest.mark.parametrize("pair", [0, 1, 7])
def test_every_elementary_interval_of_a_pixel_holds_one_point(samples: int, pair: int) -> None:
    """A (0, 2)-sequence: cut the square into `samples` equal boxes of any power-of-two shape."""
    found = points(samples, pair=pair).astype(np.float64)
    for columns in (2**k for k in range(samples.bit_length())):
        boxes = np.floor(found[:, 0] * columns) * (samples // columns) + np.floor(
            found[:, 1] * (samples // columns)
        )
        assert len(np.unique(boxes)) == samples


def test_neighbouring_pixels_complement_each_other() -> None:
    """Four pixels of an aligned square hold together one point in each of 4 n intervals."""
    together = np.concatenate([points(16, x=x, y=y) for x in (6, 7) for y in (2, 3)])
    assert len(np.unique(np.floor(together[:, 0].astype(np.float64) * 64))) == 64


@pytest.mark.parametrize("other", [{"x": 6}, {"pair": 4}, {"seed": 2}, {"frame": 2}])
def test_another_address_gives_other_numbers(other: dict[str, int]) -> None:
    assert not np.array_equal(points(16), points(16, **other))


def test_pairs_of_dimensions_are_not_correlated() -> None:
    """The correlation of independent uniform numbers over 4096 samples stays within five standard errors."""
    first, second = points(4096, pair=2), points(4096, pair=3)
    for a in range(2):
        for b in range(2):
            assert abs(np.corrcoef(first[:, a], second[:, b])[0, 1]) < 5 / np.sqrt(4096)


def test_large_frames_and_many_samples_still_give_distinct_points() -> None:
    near = points(4096, x=1, y=1)
    far = points(4096, x=1 + 2**11, y=1)
    assert not np.array_equal(near, far)


SIDE = 64


@kernel
def _draw_image(sequence, samples, pair, out):
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            for sample in range(samples):
                counter, tile = start_sample(sequence, x, y, sample)
                out[y, x, sample, 0], out[y, x, sample, 1] = draw(sequence, counter, tile, pair)


INTEGRANDS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "edge": lambda u, v: (0.7 * u + v < 0.8).astype(np.float64),
    "smooth": lambda u, v: u * u + np.sin(3.0 * v),
    "highlight": lambda u, v: np.exp(-20.0 * ((u - 0.4) ** 2 + (v - 0.6) ** 2)),
}


def spectrum(samples: int, integrand: str) -> tuple[float, float]:
    """The mean power of the error of a flat picture, at frequencies below an eighth of the pixels' and at all,
    relative to that of as many random numbers."""
    low, every, chance = 0.0, 0.0, 0.0
    frequency = np.minimum(np.arange(SIDE), SIDE - np.arange(SIDE))
    radius = np.hypot(*np.meshgrid(frequency, frequency))
    rng = np.random.default_rng(1)
    for seed in range(6):
        numbers = np.zeros((SIDE, SIDE, samples, 2), np.float32)
        _draw_image(make_sequence(seed, 1, samples, 8), samples, 3 + seed, numbers)
        for source in (numbers, rng.random(numbers.shape)):
            found = INTEGRANDS[integrand](source[..., 0].astype(np.float64), source[..., 1]).mean(axis=2)
            power = np.abs(np.fft.fft2(found - found.mean())) ** 2
            if source is numbers:
                low += power[(radius > 0) & (radius < SIDE / 8)].mean()
                every += power.mean()
            else:
                chance += power.mean()
    return low / chance, every / chance


@pytest.mark.parametrize("samples", [1, 4, 16])
@pytest.mark.parametrize("integrand", list(INTEGRANDS))
def test_the_error_of_a_picture_is_blue_noise(samples: int, integrand: str) -> None:
    """Of what the eye sees as blotches there is a fraction of white noise's, and not by making more of the rest."""
    low, every = spectrum(samples, integrand)
    assert every < 1.1
    assert low < 0.5 * every
    assert low < 0.35
