"""The denoiser sees the whole frame once, with albedo and normals, and only what is shown is changed by it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import OpenImageIO
import pytest

from mesh.model.layers import ALWAYS
from mesh.model.look import DenoiserMissing, Look, View
from mesh.render.denoise import denoised
from mesh.render.output import Frame, write_frame


def noisy() -> np.ndarray:
    """A grey wall of radiance 0.5, with noise."""
    pixels = np.zeros((48, 64, len(ALWAYS)), np.float32)
    pixels[:, :, :3] = np.random.default_rng(3).gamma(2.0, 0.25, (48, 64, 1))
    pixels[:, :, 3] = 1.0
    pixels[:, :, 4:7], pixels[:, :, 9] = 0.6, 1.0
    return pixels


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> list[SimpleNamespace]:
    """Takes the place of `pyoidn`, notes what it is asked and makes everything 0.25."""
    asked: list[SimpleNamespace] = []

    def denoise(color, *, albedo, normal, hdr):
        asked.append(SimpleNamespace(color=color, albedo=albedo, normal=normal, hdr=hdr))
        return np.full_like(color, 0.25)

    module = ModuleType("pyoidn")
    module.denoise = denoise
    monkeypatch.setitem(sys.modules, "pyoidn", module)
    return asked


def test_a_picture_is_cleaned_once_and_as_a_whole(tmp_path: Path, stand_in: list[SimpleNamespace]) -> None:
    frame = Frame(noisy())

    write_frame(frame, tmp_path / "a.png", look=Look(View.STANDARD, denoise=True))

    (asked,) = stand_in
    assert asked.hdr
    assert np.array_equal(asked.color, frame.pixels[:, :, :3])
    assert np.array_equal(asked.albedo, frame.pixels[:, :, 4:7])
    assert np.array_equal(asked.normal, frame.pixels[:, :, 7:10])
    shown = OpenImageIO.ImageInput.open(str(tmp_path / "a.png")).read_image()
    assert len(np.unique(shown)) == 1


def test_an_exr_keeps_what_was_rendered(tmp_path: Path, stand_in: list[SimpleNamespace]) -> None:
    plain, cleaned = tmp_path / "plain.exr", tmp_path / "cleaned.exr"
    write_frame(Frame(noisy()), plain)
    write_frame(Frame(noisy()), cleaned, look=Look(denoise=True))
    assert cleaned.read_bytes() == plain.read_bytes()
    assert stand_in == []


def test_without_the_library_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyoidn", None)
    with pytest.raises(DenoiserMissing, match="pip install"):
        denoised(noisy())


def test_the_library_itself_takes_the_noise_away() -> None:
    pytest.importorskip("pyoidn", reason="the extra `denoise` is not installed")
    frame = noisy()
    before, after = (np.abs(image - 0.5).mean() for image in (frame[:, :, :3], denoised(frame)))
    assert after < before / 4
