"""Renderers that need the same kernels at the same time: one compiles, the others wait for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mesh.engines.turns import LOCK, MARK, compile_ahead, compile_in_turn, compile_notice, end_helper
from mesh.render.cachekey import kernel_environment

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


def test_who_is_about_to_wait_for_a_compiler_is_told(tmp_path: Path) -> None:
    assert "once on this machine" in "".join(compile_notice(tmp_path))
    (tmp_path / MARK).touch()
    assert compile_notice(tmp_path) == ()


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


# Compiles until its standard input is closed.
HELPER = (sys.executable, "-c", "import sys; sys.stdin.read()")


def test_a_renderer_waits_for_the_helper_that_compiles_while_its_scene_is_opened(tmp_path: Path) -> None:
    helper = compile_ahead(tmp_path, HELPER)
    assert helper is not None and helper.stdin is not None
    with renderer(tmp_path) as one:
        # given a renderer whose scene is open before the helper is done
        assert "waits" in line(one.stderr)
        # when the helper ends, then it goes on
        helper.stdin.close()
        assert line(one.stdout) == "rendering\n"
        one.communicate("\n\n")
    end_helper(helper)


def test_nobody_helps_where_kernels_are_compiled_or_somebody_is_at_it(tmp_path: Path) -> None:
    helper = compile_ahead(tmp_path, HELPER)
    assert compile_ahead(tmp_path, HELPER) is None
    end_helper(helper)

    (tmp_path / MARK).touch()

    assert compile_ahead(tmp_path, HELPER) is None


def test_where_no_lock_can_be_made_nobody_helps(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert compile_ahead(tmp_path / "file" / "kernels", HELPER) is None


def test_the_helper_does_not_outlive_its_renderer(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mesh.engines.compiling"]
    environment = {**os.environ, **kernel_environment(tmp_path)}
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=root, env=environment) as helper:
        assert helper.stdin is not None
        helper.stdin.close()
        assert helper.wait() == 0
    assert not list(tmp_path.rglob("film.add_samples*"))
