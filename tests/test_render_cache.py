"""Folders of compiled kernels: one for each state of the sources, and none kept for ever."""

from __future__ import annotations

import os
from pathlib import Path

from numba import typeof

from mesh.model.manifest import RenderSettings
from mesh.render.blank import blank_world
from mesh.render.cachekey import UNUSED_SECONDS, cache_folder, prune
from mesh.scenes.description import Material
from tests.render_scenes import Still, ball, build, even_light, facing

NOW = 2_000_000_000.0


def folder_last_used(base: Path, name: str, seconds_ago: float) -> Path:
    folder = base / name
    (folder / "kernels").mkdir(parents=True)
    (folder / "kernels" / "one.nbc").write_bytes(b"code")
    os.utime(folder, (NOW - seconds_ago, NOW - seconds_ago))
    return folder


def test_only_kernels_that_no_process_used_for_long_are_removed(tmp_path: Path) -> None:
    old = folder_last_used(tmp_path, "a" * 24, UNUSED_SECONDS + 1)
    recent = folder_last_used(tmp_path, "b" * 24, UNUSED_SECONDS - 1)
    used = folder_last_used(tmp_path, "c" * 24, UNUSED_SECONDS + 1)
    foreign = folder_last_used(tmp_path, "notes", UNUSED_SECONDS + 1)

    prune(tmp_path, used, NOW)

    assert not old.exists()
    assert all((folder / "kernels" / "one.nbc").exists() for folder in (recent, used, foreign))


def test_using_kernels_keeps_them(tmp_path: Path) -> None:
    used = folder_last_used(tmp_path, "a" * 24, UNUSED_SECONDS)
    prune(tmp_path, used, NOW)

    prune(tmp_path, tmp_path / ("b" * 24), NOW + UNUSED_SECONDS)

    assert used.exists()


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    base = tmp_path / "file"
    base.write_text("in the way")

    prune(base, cache_folder(base), NOW)

    assert base.read_text() == "in the way"


def test_what_is_compiled_for_a_blank_world_serves_every_scene() -> None:
    still = Still((ball(0, 1.0, 4),), (Material(),), facing())
    rendered = build(still, RenderSettings(), even_light(1.0))
    assert [typeof(part) for part in rendered] == [typeof(part) for part in blank_world()]
