"""Renderers that need the same kernels at the same time: one compiles, the others wait for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mesh.engines.turns import LOCK, MARK, compile_in_turn

# Compiles, so to say, once its standard input says so; says what it does on its standard output.
RENDERER = """
import sys
from pathlib import Path
from mesh.engines.turns import compile_in_turn

with compile_in_turn(Path(sys.argv[1]), lambda: False) as compiled:
    print("rendering", flush=True)
    sys.stdin.readline()
    compiled()
    compiled()
    print("compiled", flush=True)
    sys.stdin.readline()
"""


def renderer(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RENDERER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def line(stream: object) -> str:
    return str(stream.readline())  # type: ignore[attr-defined]  # a pipe, in text


def say(process: subprocess.Popen[str]) -> None:
    """Go on."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_second_renderer_waits_until_the_first_has_compiled(tmp_path: Path) -> None:
    with renderer(tmp_path) as first:
        assert line(first.stdout) == "rendering\n"
        with renderer(tmp_path) as second:
            # given a second one, which says that it waits
            assert "waits" in line(second.stderr)
            assert not (tmp_path / MARK).exists()
            # when the first has pixels, then the second goes on while the first renders more of them
            say(first)
            assert line(second.stdout) == "rendering\n"
            assert (tmp_path / MARK).exists()
            assert first.poll() is None
            for one in (first, second):
                one.communicate("\n\n")


def test_a_renderer_that_dies_while_it_compiles_leaves_the_turn_to_the_next(tmp_path: Path) -> None:
    with renderer(tmp_path) as first:
        assert line(first.stdout) == "rendering\n"
        with renderer(tmp_path) as second:
            assert "waits" in line(second.stderr)
            first.kill()
            assert line(second.stdout) == "rendering\n"
            assert not (tmp_path / MARK).exists()
            say(second)
            second.communicate("\n")
    assert (tmp_path / MARK).exists()


def test_where_kernels_are_compiled_nobody_waits(tmp_path: Path) -> None:
    (tmp_path / MARK).touch()
    with compile_in_turn(tmp_path, lambda: False) as compiled:
        compiled()
        assert not (tmp_path / LOCK).exists()


def test_a_unit_that_is_given_up_does_not_wait_for_its_turn(tmp_path: Path) -> None:
    with renderer(tmp_path) as first:
        assert line(first.stdout) == "rendering\n"
        with compile_in_turn(tmp_path, lambda: True):
            pass
        assert not (tmp_path / MARK).exists()
        say(first)
        first.communicate("\n")


def test_a_rendering_that_fails_leaves_no_mark(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), compile_in_turn(tmp_path, lambda: False):
        raise ZeroDivisionError
    assert not (tmp_path / MARK).exists()


def test_where_no_lock_can_be_made_everybody_compiles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with compile_in_turn(tmp_path / "file" / "kernels", lambda: False):
        pass
    assert "no turns in compiling" in capsys.readouterr().err
