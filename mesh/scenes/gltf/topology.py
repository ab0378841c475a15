"""Index lists, strips and fans turned into triangles. Source: glTF 2.0 specification, section 3.7.2.1."""

from __future__ import annotations

import numpy as np

from mesh.scenes.description import I32
from mesh.scenes.gltf.accessors import Numbers

STRIP, FAN = 5, 6
HIGHEST_MODE = 6


def triangulate(mode: int, indices: Numbers) -> I32:
    """The triangles, (m, 3), of a list of (k,) vertex indices. Incomplete ones and ones without area are dropped."""
    vertices = indices.astype(np.int32)
    if mode == STRIP:
        first = np.arange(max(0, len(vertices) - 2))
        odd = first % 2
        corners = (first, first + 1 + odd, first + 2 - odd)
    elif mode == FAN:
        first = np.arange(max(0, len(vertices) - 2))
        corners = (first + 1, first + 2, np.zeros_like(first))
    else:
        first = np.arange(0, len(vertices) - 2, 3)
        corners = (first, first + 1, first + 2)
    triangles = np.stack([vertices[corner] for corner in corners], axis=-1).reshape(-1, 3)
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    return np.ascontiguousarray(triangles[(a != b) & (b != c) & (c != a)])
