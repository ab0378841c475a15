"""A job's progress as people see it goes one way, unless results were lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mesh.model.ids import JobId
from mesh.node.progress import Progress

FILM, OTHER = JobId(bytes(32)), JobId(bytes([1]) * 32)


def test_a_unit_that_ends_before_its_result_counts_takes_nothing_back() -> None:
    progress = Progress()
    assert progress.shown(FILM, 40, 0.15) == 0.15
    assert progress.shown(FILM, 40, 0.05) == 0.15
    assert progress.shown(FILM, 80, 0.16) == 0.16


def test_lost_results_are_shown_as_lost() -> None:
    progress = Progress()
    progress.shown(FILM, 80, 0.5)
    assert progress.shown(FILM, 40, 0.2) == 0.2


def test_each_job_has_its_own_and_a_forgotten_one_begins_anew() -> None:
    progress = Progress()
    progress.shown(FILM, 0, 0.5)
    assert progress.shown(OTHER, 0, 0.1) == 0.1
    progress.forget(FILM)
    assert progress.shown(FILM, 0, 0.1) == 0.1


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1)), max_size=30))
def test_what_is_shown_falls_only_with_what_is_done_and_never_hides_what_there_is(
    looks: list[tuple[int, float]],
) -> None:
    progress = Progress()
    before_done, before = 0, 0.0
    for done, fraction in looks:
        shown = progress.shown(FILM, done, fraction)
        assert shown >= fraction
        assert shown >= before or done < before_done
        before_done, before = done, shown
