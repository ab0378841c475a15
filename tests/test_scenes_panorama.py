"""What can be an environment image, by its first bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh.scenes.panorama import NoPanorama, check_panorama


@pytest.mark.parametrize(
    "head",
    [
        b"#?RADIANCE\n",
        b"#?RGBE\n",
        b"\x76\x2f\x31\x01\x02\x00\x00\x00",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
    ],
)
def test_images_of_the_usual_kinds_may_light_a_scene(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "light").write_bytes(head + bytes(100))
    check_panorama(tmp_path / "light")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>", "no image of a kind that is read here"),
        (b"glTF\x02\x00\x00\x00", "no image of a kind that is read here"),
    ],
)
def test_what_is_no_image_is_refused_saying_why(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "studio.hdr").write_bytes(content)
    with pytest.raises(NoPanorama, match=reason):
        check_panorama(tmp_path / "studio.hdr")


def test_an_image_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoPanorama, match="Is a directory"):
        check_panorama(tmp_path)
