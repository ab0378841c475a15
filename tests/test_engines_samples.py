"""Samples of a bucket that several nodes share: the picture is the same to the bit, whoever rendered which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.engines.builtin_frame import BuiltinRenderer
from mesh.engines.protocol import Merge, Split
from mesh.model.layers import MATTES, Layer
from mesh.model.manifest import RenderSettings
from mesh.model.units import Grid, SampleRange, Unit
from mesh.render.pixels import BadPixels, decode
from mesh.render.samples import Part, decode_sums, encode_sums
from tests.gltf_builder import little_room

UNIT = Unit(2, 0, 2)
SETTINGS = RenderSettings(
    width=12,
    height=7,
    bucket=8,
    samples=72,
    max_depth=4,
    turntable=9,
    layers=tuple(layer for layer in Layer if layer not in MATTES),
)
"""Two buckets; their samples make five blocks, the last of them half as long."""


@dataclass
class Shared:
    """What the renderer of a unit is told of others, and what it tells."""

    said: list[Split | Merge] = field(default_factory=list)
    later: list[Split | Merge] = field(default_factory=list)
    """Said after `wait` tasks were handed out."""
    wait: int = 0
    rendered: float = 0.0
    warned: list[str] = field(default_factory=list)

    def progress(self, fraction: float) -> None:
        self.rendered = fraction

    def shared(self) -> Sequence[Split | Merge]:
        """Asked before each task."""
        if self.wait <= 0:
            self.said += self.later
            self.later = []
        self.wait -= 1
        return self.said


class Room:
    """Renders of one scene; each with a renderer of its own, as on machines of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "room.glb").write_bytes(little_room().glb())

    def whole(self, settings: RenderSettings, threads: int = 1, shared: Shared | None = None) -> bytes:
        of = shared or Shared()
        renderer = BuiltinRenderer(self.folder, "room.glb", settings, (2,), threads)
        covered, data = renderer.render(UNIT, of.progress, lambda: 99, of.shared, of.warned.append)
        renderer.close()
        assert covered == UNIT
        return data

    def part(self, settings: RenderSettings, samples: SampleRange, bucket: int = 1) -> Merge:
        """Another node renders some samples of a bucket."""
        renderer = BuiltinRenderer(self.folder, "room.glb", settings, (2,), 2)
        data = renderer.render_samples(Unit(2, bucket, bucket + 1), samples, lambda _share: None, lambda: 99)
        renderer.close()
        source = self.folder / f"{bucket}-{samples.start}-{samples.stop}"
        source.write_bytes(data)
        return Merge(1, bucket, samples, str(source))


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("shutter", [0.0, 0.5])
@pytest.mark.parametrize("cuts", [(40,), (1,), (33, 64), (16, 17, 50)], ids=str)
def test_the_picture_is_the_same_whoever_rendered_which_samples(
    room: Room, cuts: tuple[int, ...], shutter: float, threads: int
) -> None:
    settings = replace(SETTINGS, shutter=shutter, motion_steps=3)
    ends = (*cuts, settings.samples)
    parts = [room.part(settings, SampleRange(start, stop)) for start, stop in pairwise(ends)]
    shared = Shared([*(Split(1, 1, cut) for cut in reversed(cuts)), *reversed(parts)])
    assert room.whole(settings, threads, shared) == room.whole(settings)
    first, second = (Grid(12, 7, 8).rect(index).width for index in (0, 1))
    mine = (first + second * cuts[0] / settings.samples) / (first + second)
    # and nothing was rendered twice, but where a second thread was at it while the first looked at the part
    assert shared.rendered == pytest.approx(mine) or threads > 1
    assert not shared.warned


def test_whole_buckets_may_be_rendered_elsewhere(room: Room) -> None:
    part = room.part(SETTINGS, SampleRange(0, SETTINGS.samples))
    shared = Shared([part])
    assert room.whole(SETTINGS, 1, shared) == room.whole(SETTINGS)
    assert shared.rendered == pytest.approx(8 / 12)


def test_a_part_that_comes_while_its_samples_are_rendered_here_ends_that(room: Room) -> None:
    settings = replace(SETTINGS, samples=264)
    part = room.part(settings, SampleRange(88, 264))
    # Given five passes for the first bucket, two for what is before the split, and one for what is after it
    shared = Shared([Split(1, 1, 88)], later=[part], wait=8)
    assert room.whole(settings, 1, shared) == room.whole(settings)
    assert shared.rendered == pytest.approx((8 * 264 + 4 * (88 + 64)) / (12 * 264))


@pytest.mark.parametrize(
    "late",
    [
        pytest.param(lambda room: [], id="never comes"),
        pytest.param(lambda room: [room.part(SETTINGS, SampleRange(32, 72))], id="not where it was split"),
        pytest.param(lambda room: [room.part(SETTINGS, SampleRange(48, 64))], id="ends where nothing does"),
        pytest.param(lambda room: [room.part(SETTINGS, SampleRange(48, 72), bucket=0)], id="another bucket"),
    ],
)
def test_what_does_not_come_or_does_not_fit_is_rendered_here(
    room: Room, late: Callable[[Room], list[Merge]]
) -> None:
    shared = Shared([Split(1, 1, 48), Split(1, 7, 16), *late(room)])
    assert room.whole(SETTINGS, 2, shared) == room.whole(SETTINGS)
    assert shared.rendered == 1.0
    assert not shared.warned


def test_samples_are_not_split_where_a_thread_is_already(room: Room) -> None:
    part = room.part(SETTINGS, SampleRange(16, 72), bucket=0)
    shared = Shared(later=[Split(1, 0, 16), part], wait=2)
    assert room.whole(SETTINGS, 1, shared) == room.whole(SETTINGS)
    assert shared.rendered == 1.0


@pytest.mark.parametrize("forged", ["a tenth of the sums", "an id", "cut short", "of another range"])
def test_false_samples_are_found_out_and_rendered_here(room: Room, forged: str) -> None:
    part = room.part(SETTINGS, SampleRange(32, 72))
    path, of = Path(part.source), Part(2, 1, Grid(12, 7, 8), SETTINGS.layers, part.samples)
    sums, first = decode_sums(path.read_bytes(), of, 44)
    if forged == "a tenth of the sums":
        sums[::10, 0] += 1
    elif forged == "an id":
        first[:, 1] += 1
    elif forged == "of another range":
        of = replace(of, samples=SampleRange(32, 64))
    data = encode_sums(of, sums, first)
    path.write_bytes(data[:-1] if forged == "cut short" else data)
    shared = Shared([Split(1, 1, 32), part])
    assert room.whole(SETTINGS, 1, shared) == room.whole(SETTINGS)
    assert shared.rendered == 1.0
    assert len(shared.warned) == 1


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(replace(SETTINGS, noise=0.05), id="adaptive"),
        pytest.param(replace(SETTINGS, layers=(Layer.CRYPTO_OBJECT,)), id="cryptomatte"),
    ],
)
def test_what_would_not_add_up_to_the_same_is_not_shared_out(room: Room, settings: RenderSettings) -> None:
    assert not settings.divisible
    shared = Shared([Split(1, 1, 32)])
    assert room.whole(settings, 2, shared) == room.whole(settings)


def test_a_unit_too_large_for_the_memory_is_rendered_in_parts(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = decode(room.whole(SETTINGS)).buckets
    # given memory for a bucket and no more
    monkeypatch.setattr("mesh.engines.builtin_frame._MOST_BYTES", 1)
    renderer = BuiltinRenderer(room.folder, "room.glb", SETTINGS, (2,), 2)
    shares: list[float] = []
    # when two are asked for
    first, data = renderer.render(UNIT, shares.append, lambda: 99)
    rest, more = renderer.render(Unit(2, first.stop, UNIT.stop), lambda _: None, lambda: 99)
    renderer.close()
    # then each comes by itself, half of what was asked for, and of the same pixels
    assert (first, rest) == (Unit(2, 0, 1), Unit(2, 1, 2))
    assert shares[-1] == 0.5
    for bucket, part in zip(whole, (data, more), strict=True):
        np.testing.assert_array_equal(decode(part).buckets[0], bucket)


def test_samples_that_nobody_wants_any_more_are_given_up(room: Room) -> None:
    renderer = BuiltinRenderer(room.folder, "room.glb", SETTINGS, (2,), 2)
    data = renderer.render_samples(Unit(2, 1, 2), SampleRange(0, 72), lambda _share: None, lambda: 0)
    renderer.close()
    assert data == b""


PART = Part(3, 1, Grid(12, 7, 8), (Layer.DIRECT,), SampleRange(16, 48))


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5), st.integers(-1, 2**31 - 1))
def test_sums_survive_the_way(values: list[int], of_first: int) -> None:
    sums = np.resize(np.array(values, np.int64), (28, 26))
    first = np.full((28, 2), of_first, np.int32)
    again = decode_sums(encode_sums(PART, sums, first), PART, 26)
    assert again[0].tobytes() == sums.tobytes()
    assert again[1].tobytes() == first.tobytes()


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(tail: bytes) -> None:
    for data in (tail, PART.head + tail):
        with pytest.raises(BadPixels):
            decode_sums(data, PART, 26)
