"""Adaptive sampling: a pixel takes samples until its own error is small, and decides that for itself alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mesh.model.layers import ALWAYS
from mesh.model.manifest import RenderSettings
from mesh.model.units import Grid, Rect
from mesh.render.sky import sky_map
from tests.render_scenes import (
    WALL,
    Still,
    build,
    even_light,
    facing,
    matte,
    picture,
    quad,
    render,
    still_life,
)

SAMPLES = ALWAYS.index("samples.N")
ASKED = RenderSettings(width=24, height=20, samples=512, max_depth=6, seed=5, clamp=0.0, noise=0.03)


def test_where_there_is_no_noise_few_samples_are_taken() -> None:
    wall = Still((quad(0, WALL),), (matte(0.0),), facing())
    pixels = picture(wall, ASKED, even_light(1.0))
    assert set(pixels[:, :, SAMPLES].ravel().tolist()) == {64.0}


def test_who_stops_has_mostly_the_error_that_was_asked_for_or_less() -> None:
    """Three of four pixels within the target and nine of ten within twice that, in a scene that is harder than most:
    the others have rare bright paths, of which no pixel can know before it meets one."""
    found = render(build(still_life(), ASKED, sky_map()), Rect(0, 0, 24, 20))
    truth = picture(still_life(), replace(ASKED, noise=0.0, samples=4096, seed=77), sky_map())

    taken = found[:, :, SAMPLES]
    assert taken.min() <= 128 < taken.max()
    stopped = taken < ASKED.samples
    means = [image[:, :, :3].mean(axis=2)[stopped] for image in (found, truth)]
    error = np.abs(means[0] - means[1]) / (means[1] + 0.01)
    assert np.mean(error <= ASKED.noise) >= 0.75
    assert np.mean(error <= 2.0 * ASKED.noise) >= 0.9


def test_pixels_stop_where_the_sequence_is_complete() -> None:
    found = render(build(still_life(), ASKED, sky_map()), Rect(0, 0, 24, 20))

    assert set(found[:, :, SAMPLES].ravel().tolist()) <= {64.0, 128.0, 256.0, 512.0}


def test_how_the_frame_is_cut_decides_nothing() -> None:
    world = build(still_life(), ASKED, sky_map())
    whole = render(world, Rect(0, 0, 24, 20))
    grid = Grid(24, 20, 7)
    patched = np.zeros_like(whole)
    for index in reversed(range(grid.count)):
        rect = grid.rect(index)
        patched[rect.y0 : rect.y1, rect.x0 : rect.x1] = render(world, rect)
    assert patched.tobytes() == whole.tobytes()
