"""Grids, units, names and sentences: the small words everything else is built from."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import BadConfig, ExitCode, MeshError
from mesh.model.ids import short
from mesh.model.units import Grid, Rect, Unit

grids = st.builds(Grid, st.integers(1, 200), st.integers(1, 200), st.integers(1, 70))


@given(grids)
def test_the_buckets_of_a_grid_cover_every_pixel_once(grid: Grid) -> None:
    covered = [0] * (grid.width * grid.height)
    for index in range(grid.count):
        rect = grid.rect(index)
        assert 0 < rect.width <= grid.bucket
        assert 0 < rect.height <= grid.bucket
        for y in range(rect.y0, rect.y1):
            for x in range(rect.x0, rect.x1):
                covered[y * grid.width + x] += 1
    assert set(covered) == {1}


def test_buckets_are_numbered_row_by_row_from_the_top_left() -> None:
    grid = Grid(100, 70, 64)
    assert (grid.columns, grid.rows, grid.count) == (2, 2, 4)
    assert [grid.rect(index) for index in range(4)] == [
        Rect(0, 0, 64, 64),
        Rect(64, 0, 100, 64),
        Rect(0, 64, 64, 70),
        Rect(64, 64, 100, 70),
    ]


@pytest.mark.parametrize("index", [-1, 4])
def test_there_is_no_bucket_outside_the_grid(index: int) -> None:
    with pytest.raises(IndexError):
        Grid(100, 70, 64).rect(index)


units = st.builds(lambda f, a, n: Unit(f, a, a + n), st.integers(1, 2), st.integers(0, 9), st.integers(1, 9))


def test_people_see_the_first_32_bits_of_a_name() -> None:
    assert short(bytes.fromhex("7f3a91c2") + bytes(28)) == "7f3a-91c2"


def test_an_error_is_its_sentence_with_the_details_filled_in() -> None:
    error = BadConfig(field="port", where="mesh.toml", reason="it is 70000", hint="Take 1 to 65535.")
    assert str(error) == "The setting port in mesh.toml is wrong: it is 70000. Take 1 to 65535."
    assert error.exit_code is ExitCode.USAGE
    assert MeshError(reason="x").exit_code is ExitCode.REFUSED


def test_a_long_sentence_is_one_line() -> None:
    class Folded(MeshError):
        """The first half,
        and the second {half}."""

    assert str(Folded(half="too")) == "The first half, and the second too."
    assert inspect.getdoc(Folded)
