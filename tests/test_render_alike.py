"""Which tolerance an engine declares, and what it lets pass: measured from renderings that are honest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mesh.engines.adapter import opener
from mesh.engines.protocol import Open
from mesh.model.manifest import EngineName, RenderSettings
from mesh.model.tolerance import EXACT, TOLERANCES, Tolerance
from mesh.model.units import Unit
from mesh.render.alike import Values, alike, measured
from mesh.render.pixels import same_piece
from tools.tolerances import Patient, values_of

ROUNDING = EngineName.ROUNDING
SETTINGS = RenderSettings(width=100, height=64, bucket=64, samples=16)
UNIT = Unit(1, 0, 2)


def rendered(settings: RenderSettings = SETTINGS) -> bytes:
    session = opener(ROUNDING)(Open(1, ROUNDING, "", "none", settings, (1,), 1))
    covered, payload = session.render(UNIT, Patient(), None)
    assert covered == UNIT
    return payload


@pytest.mark.parametrize(
    ("settings", "honest"),
    [
        pytest.param(SETTINGS, True, id="another run"),
        pytest.param(replace(SETTINGS, samples=15), False, id="one sample too few"),
        pytest.param(replace(SETTINGS, seed=1), False, id="other noise"),
    ],
)
def test_what_an_inexact_engine_renders_again_is_within_what_it_declares(
    settings: RenderSettings, honest: bool
) -> None:
    said, again = rendered(), rendered(settings)
    assert not same_piece(said, UNIT, again, UNIT), "the very same bits"
    assert same_piece(said, UNIT, again, UNIT, TOLERANCES[ROUNDING]) is honest


def test_what_is_measured_lets_honest_renderings_pass_and_no_false_one() -> None:
    tolerance = measured([values_of(rendered()) for _ in range(4)])
    declared = TOLERANCES[ROUNDING]
    assert 0 < tolerance.apart <= declared.apart
    assert tolerance.pixels > 0
    honest, later, false = (
        values_of(rendered(settings)) for settings in (SETTINGS, SETTINGS, replace(SETTINGS, seed=1))
    )
    for said, again, lie in zip(honest, later, false, strict=True):
        assert alike(said, again, tolerance)
        assert not alike(said, lie, tolerance)


def test_renderings_that_never_differ_need_no_tolerance() -> None:
    one = [np.ones((64, 3))]
    assert measured([one, one, one]) == EXACT


def test_an_engine_whose_honest_pixels_are_anything_cannot_be_audited() -> None:
    rng = np.random.default_rng(1)
    renderings: list[list[Values]] = [[rng.random((64, 3))] for _ in range(2)]
    with pytest.raises(ValueError, match="a false one would not be known"):
        measured(renderings)


def test_a_small_bucket_may_have_one_outlier_more_than_its_part() -> None:
    # Given four pixels, of which the expected part is none
    tolerance = Tolerance(apart=1e-6, pixels=0.01, mean=1e-6)
    said = np.full((4, 3), 0.5)
    for outliers, honest in ((1, True), (2, False), (4, False)):
        again = said.copy()
        again[:outliers] = 2.0
        assert alike(said, again, tolerance) is honest
