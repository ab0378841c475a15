"""Frame sets as artists write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import BadFrameSet, ExitCode
from mesh.model.frames import format_frames, parse_frames


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("7", (7,)),
        ("1-4", (1, 2, 3, 4)),
        ("1-10x3", (1, 4, 7, 10)),
        ("1-9x4", (1, 5, 9)),
        ("10-20x100", (10,)),
        ("1,5,10-12", (1, 5, 10, 11, 12)),
        ("5,1-3,2", (1, 2, 3, 5)),
        (" 1 - 3 x 2 , 9 ", (1, 3, 9)),
        ("0", (0,)),
        ("3-3", (3,)),
    ],
)
def test_a_frame_set_names_its_frames_ascending_and_once(text: str, frames: tuple[int, ...]) -> None:
    assert parse_frames(text) == frames


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("  ", "it is empty"),
        ("1,,2", "an empty part"),
        ("1,", "an empty part"),
        ("a", "neither a frame nor a range"),
        ("1-2-3", "neither a frame nor a range"),
        ("1x2", "neither a frame nor a range"),
        ("1.5", "neither a frame nor a range"),
        ("5-1", "runs backwards"),
        ("1-5x0", "has a step of 0"),
        ("-3", "is outside"),
        ("1-10000001", "is outside"),
        ("0-1000000", "more than 1000000 frames"),
        ("0-999999,1000001", "more than 1000000 frames"),
    ],
)
def test_what_is_no_frame_set_is_refused_with_the_reason_and_an_example(text: str, reason: str) -> None:
    with pytest.raises(BadFrameSet) as caught:
        parse_frames(text)
    assert reason in str(caught.value)
    assert "1-240x2" in str(caught.value)
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ([1, 2, 3], "1-3"),
        ([1, 3, 5, 7], "1-7x2"),
        ([1, 5], "1,5"),
        ([1, 2], "1-2"),
        ([4], "4"),
        ([], ""),
        ([3, 1, 2, 2], "1-3"),
        ([1, 2, 3, 10, 20, 30], "1-3,10-30x10"),
    ],
)
def test_frames_are_written_in_short(frames: list[int], text: str) -> None:
    assert format_frames(frames) == text


runs = st.builds(
    lambda a, n, s: range(a, a + n * s, s), st.integers(0, 5000), st.integers(1, 20), st.integers(1, 9)
)


@given(
    st.lists(st.integers(0, 200), min_size=1)
    | st.lists(runs, min_size=1, max_size=5).map(lambda rs: [f for r in rs for f in r])
)
def test_what_is_written_is_read_back(frames: list[int]) -> None:
    assert parse_frames(format_frames(frames)) == tuple(sorted(set(frames)))


@given(st.text("0123456789-x, ", max_size=6))
def test_any_text_is_a_frame_set_or_refused(text: str) -> None:
    try:
        frames = parse_frames(text)
    except BadFrameSet:
        return
    assert list(frames) == sorted(set(frames)) != []
