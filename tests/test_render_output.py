"""Finished frames on disk: whole or not at all, the same bytes every time, readable by others."""

from __future__ import annotations

import errno
import json
import os
import resource
import tracemalloc
from pathlib import Path

import numpy as np
import OpenImageIO
import pytest
from PIL import Image

from mesh.model.layers import Layer, channels_of
from mesh.model.look import Depth, Look, OcioView, View
from mesh.model.units import Grid, Unit
from mesh.render import ocio, output
from mesh.render.ocio import OcioUnusable, checked, to_display_by_ocio
from mesh.render.output import FormatUnknown, Frame, FrameIncomplete, FrameNotWritten, assemble, write_frame
from mesh.render.pixels import BadPixels, Notes, Payload
from mesh.render.preview import write_preview
from mesh.render.views import auto_exposure, to_display

GRID = Grid(20, 12, 8)
BLENDER_AGX_GREYS = np.array([0, 1, 18, 58, 118, 170, 197, 233, 255])


def frame(layers: tuple[Layer, ...] = (), brightness: float = 1.0) -> Frame:
    rng = np.random.default_rng(0)
    pixels = rng.random((12, 20, len(channels_of(layers)))).astype(np.float32)
    return Frame(pixels * np.float32(brightness), layers)


def cut(whole: Frame, start: int, stop: int, number: int = 3, **more: object) -> Payload:
    rects = [GRID.rect(i) for i in range(start, stop)]
    buckets = tuple(whole.pixels[r.y0 : r.y1, r.x0 : r.x1] for r in rects)
    return Payload(Unit(number, start, stop), GRID, buckets, whole.layers, **more)  # type: ignore[arg-type]


def test_units_in_any_order_make_the_frame() -> None:
    whole = frame()
    found = assemble([cut(whole, 4, 6), cut(whole, 0, 1), cut(whole, 1, 4)])
    assert np.array_equal(found.pixels, whole.pixels)


def test_a_missing_bucket_is_named() -> None:
    with pytest.raises(FrameIncomplete, match="2, 3"):
        assemble([cut(frame(), 0, 2), cut(frame(), 4, 6)])


def test_units_of_different_frames_do_not_mix() -> None:
    with pytest.raises(BadPixels):
        assemble([cut(frame(), 0, 3), cut(frame(), 3, 6, number=4)])


def test_units_with_other_layers_or_of_another_scene_do_not_mix() -> None:
    with pytest.raises(BadPixels):
        assemble([cut(frame(), 0, 3), cut(frame((Layer.DIRECT,)), 3, 6)])
    with pytest.raises(BadPixels):
        assemble([cut(frame(), 0, 3), cut(frame(), 3, 6, notes=Notes((("mesh:engine", "other"),)))])


def test_names_seen_in_any_unit_are_in_the_frame_s_manifest(tmp_path: Path) -> None:
    whole = frame((Layer.CRYPTO_OBJECT,))
    left = Notes(names=((Layer.CRYPTO_OBJECT, ("tree", "house")),))
    right = Notes(names=((Layer.CRYPTO_OBJECT, ("tree", "bird")),))

    found = assemble([cut(whole, 0, 3, notes=left), cut(whole, 3, 6, notes=right)])
    write_frame(found, tmp_path / "f.exr")

    assert found.notes.names == ((Layer.CRYPTO_OBJECT, ("bird", "house", "tree")),)
    spec = OpenImageIO.ImageInput.open(str(tmp_path / "f.exr")).spec()
    manifest = next(a.value for a in spec.extra_attribs if a.name.endswith("/manifest"))
    assert list(json.loads(manifest)) == ["bird", "house", "tree"]


@pytest.mark.parametrize("depth", list(Depth))
def test_an_exr_holds_every_channel_by_name(tmp_path: Path, depth: Depth) -> None:
    layers = tuple(Layer)
    whole = frame(layers)
    write_frame(whole, tmp_path / "f.exr", [("mesh:job", "7f3a")], Look(depth=depth))

    image = OpenImageIO.ImageInput.open(str(tmp_path / "f.exr"))
    names = image.spec().channelnames
    assert set(names) == set(whole.channels)
    assert image.spec().getattribute("mesh:job") == "7f3a"
    pixels = image.read_image(OpenImageIO.FLOAT)
    for channel, name in enumerate(whole.channels):
        exact = depth is Depth.FLOAT or name.startswith(
            ("depth", "samples", "object", "material", "position", "Crypto")
        )
        ours, theirs = whole.pixels[:, :, channel], pixels[:, :, names.index(name)]
        assert np.allclose(ours, theirs, rtol=0.0 if exact else 1e-3, atol=0.0 if exact else 1e-6)


@pytest.mark.parametrize("name", ["f.exr", "f.png"])
def test_the_same_frame_gives_the_same_bytes_at_any_time(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_frame(frame(), tmp_path / name)
    first = (tmp_path / name).read_bytes()
    assert b"2026" not in first
    assert first == _written_again(tmp_path / name)


def _written_again(path: Path) -> bytes:
    path.unlink()
    write_frame(frame(), path)
    return path.read_bytes()


@pytest.mark.parametrize("name", ["f.exr", "f.png"])
def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(output, "make_durable", full)

    with pytest.raises(FrameNotWritten, match="No space left"):
        write_frame(frame(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["f.exr", "f.png"])
@pytest.mark.parametrize("part", [0.0, 0.5, 0.99])
def test_a_file_that_ends_early_is_never_taken_for_a_frame(tmp_path: Path, name: str, part: float) -> None:
    # given a system that takes no more than a part of the file, which not every library notices
    noise = frame(brightness=1.0)
    write_frame(noise, tmp_path / name)
    whole = (tmp_path / name).stat().st_size
    (tmp_path / name).unlink()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(whole * part), before[1]))
    try:
        # when it is written, then that is an error, and nothing is left
        with pytest.raises(FrameNotWritten, match=name):
            write_frame(noise, tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_older_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f.png").write_bytes(b"older")

    def full(_source: Path, _target: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(output.os, "replace", full)

    with pytest.raises(FrameNotWritten):
        write_frame(frame(), tmp_path / "f.png")
    assert [p.name for p in tmp_path.iterdir()] == ["f.png"]
    assert (tmp_path / "f.png").read_bytes() == b"older"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FrameNotWritten, match="gone"):
        write_frame(frame(), tmp_path / "gone" / "f.exr")


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatUnknown):
        write_frame(frame(), tmp_path / "f.gif")


@pytest.mark.parametrize("view", list(View))
def test_views_are_black_at_black_and_grow_with_light(view: View) -> None:
    ramp = np.repeat(np.linspace(0.0, 16.0, 200, dtype=np.float32)[None, :, None], 3, axis=2)
    shown = to_display(ramp, view, 0.0)[0].astype(int)
    assert shown[0].max() <= 1
    assert np.all(np.diff(shown[:, 1]) >= 0)
    assert shown[-1].min() >= 240


def test_the_standard_view_is_srgb() -> None:
    linear = np.array([[[0.0, 0.21404114, 1.0]]], np.float32)
    assert to_display(linear, View.STANDARD, 0.0).tolist() == [[[0, 128, 255]]] or to_display(
        linear, View.STANDARD, 0.0
    ).tolist() == [[[0, 127, 255]]]


def test_a_stop_of_exposure_doubles_the_light() -> None:
    grey = np.full((1, 1, 3), 0.1, np.float32)
    assert np.array_equal(to_display(grey, View.AGX, 1.0), to_display(grey * np.float32(2.0), View.AGX, 0.0))


def test_auto_exposure_puts_the_mean_of_what_is_lit_at_middle_grey() -> None:
    half_dark = np.zeros((4, 4, 3), np.float32)
    assert auto_exposure(half_dark) == 0.0
    half_dark[:2] = 0.72
    assert auto_exposure(half_dark) == -2.0
    half_dark[1] = 0.18
    assert auto_exposure(half_dark) == -1.0


def test_what_is_shown_of_a_large_frame_takes_no_memory_beside_it() -> None:
    """A frame of 16384 x 16384 pixels has 3 GB of colour: whatever were as large again would not fit."""
    linear = np.full((1 << 12, 1 << 8, 3), 0.5, np.float32)
    tracemalloc.start()
    try:
        exposure = auto_exposure(linear)
        shown = to_display(linear, View.AGX, exposure)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most - shown.nbytes < linear.nbytes


def test_auto_exposure_is_applied_beside_the_exposure_asked_for(tmp_path: Path) -> None:
    grey = Frame(np.full((2, 2, len(channels_of(()))), 0.72, np.float32))
    write_frame(grey, tmp_path / "f.png", look=Look(View.STANDARD, 1.0, auto_exposure=True))
    with Image.open(tmp_path / "f.png") as picture:
        shown = np.asarray(picture)
    assert np.array_equal(shown, to_display(grey.pixels[:, :, :3], View.STANDARD, -1.0))


@pytest.mark.parametrize("view", list(View))
def test_what_is_no_light_is_black_and_what_is_beyond_all_light_is_white(view: View) -> None:
    odd = np.array([[[np.nan, -1.0, -np.inf], [np.inf, np.inf, np.inf]]], np.float32)
    shown = to_display(odd, view, 3.0)[0].astype(int)
    assert shown[0].max() <= 1
    assert shown[1].min() >= 254


def test_agx_puts_middle_grey_and_whites_where_blender_puts_them() -> None:
    """Bytes that Blender 4.5's own AgX, by OpenColorIO, makes of greys of so much light."""
    greys = np.array([0.0, 0.001, 0.01, 0.05, 0.18, 0.5, 1.0, 4.0, 16.0], np.float32)
    shown = to_display(np.repeat(greys[None, :, None], 3, axis=2), View.AGX, 0.0)[0, :, 1].astype(int)
    assert np.abs(shown - BLENDER_AGX_GREYS).max() <= 1


def test_a_view_of_an_ocio_configuration_that_comes_along(tmp_path: Path) -> None:
    whole = frame()
    shown = []
    for view in ("Un-tone-mapped", "ACES 2.0 - SDR 100 nits (Rec.709)"):
        look = Look(ocio=OcioView("ocio://default", "sRGB - Display", view))
        write_frame(whole, tmp_path / "f.png", look=look)
        with Image.open(tmp_path / "f.png") as picture:
            shown.append(np.asarray(picture).astype(int))
    standard = to_display(whole.pixels[:, :, :3], View.STANDARD, 0.0).astype(int)
    assert np.abs(shown[0] - standard).max() <= 1
    assert np.abs(shown[1] - standard).max() > 10


def test_a_view_of_ocio_is_the_same_however_many_rows_are_shown_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    linear = frame().pixels[:, :, :3]
    wanted = OcioView("ocio://default", "sRGB - Display", "Un-tone-mapped")
    whole = to_display_by_ocio(linear, wanted, 0.5)
    monkeypatch.setattr(ocio, "_AT_ONCE", 2 * linear.shape[1])
    assert np.array_equal(to_display_by_ocio(linear, wanted, 0.5), whole)


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        (OcioView("none.ocio"), "cannot be read"),
        (OcioView("ocio://default", "Screen"), "no display 'Screen', but sRGB - Display"),
        (OcioView("ocio://default", "", "Pretty"), "no view 'Pretty', but ACES"),
    ],
)
def test_what_an_ocio_configuration_lacks_is_said_with_what_it_has(wanted: OcioView, hint: str) -> None:
    with pytest.raises(OcioUnusable, match=hint):
        checked(wanted)


def test_a_preview_moves(tmp_path: Path) -> None:
    frames = [tmp_path / f"{i}.png" for i in range(3)]
    for i, path in enumerate(frames):
        write_frame(frame(brightness=i), path)
    write_preview(frames, tmp_path / "p.webp", 24.0)
    with Image.open(tmp_path / "p.webp") as picture:
        assert picture.n_frames == 3
