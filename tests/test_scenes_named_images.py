"""A damaged texture is told by the name of its file, which people know; its number in the scene is for programs."""

from __future__ import annotations

import pytest

from mesh.scenes.gltf.cursor import Value
from mesh.scenes.gltf.images import _NAMED, _called


@pytest.mark.parametrize(
    ("image", "called"),
    [
        ({"uri": "maps/wood.png"}, "(maps/wood.png) "),
        ({"uri": "maps/wood.png", "name": "Wood"}, "(maps/wood.png) "),
        ({"uri": "data:image/png;base64,AAAA", "name": "Wood"}, "(Wood) "),
        ({"uri": "data:image/png;base64,AAAA"}, ""),
        ({"bufferView": 3, "name": "Wood"}, "(Wood) "),
        ({"bufferView": 3}, ""),
        ({"uri": "x" * 500}, f"({'x' * _NAMED}) "),
    ],
)
def test_an_image_is_called_as_its_file(image: dict[str, object], called: str) -> None:
    assert _called(Value("film.gltf", "images[0]", image)) == called
