"""Embree as a peer: the library inside the `embreex` package, called without any Python between rays.

Single-ray calls (`rtcIntersect1`, `rtcOccluded1`) through function pointers from a compiled loop, so that
what is compared is traversal alone. Constants and structures are those of Embree 4's public headers.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

_INDEX, _VERTEX = 0, 1  # RTCBufferType
_UINT3, _FLOAT3, _FLOAT3X4_ROW_MAJOR = 0x5003, 0x9003, 0x9134  # RTCFormat
_TRIANGLE, _INSTANCE = 0, 121  # RTCGeometryType


def _load() -> ctypes.CDLL:
    spec = importlib.util.find_spec("embreex")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("embreex", name="embreex")
    folder = Path(spec.origin).parent.parent / "embreex.libs"
    ctypes.CDLL(str(next(folder.glob("libtbb*"))), mode=ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL(str(next(folder.glob("libembree4*"))))
    pointer, number, size = ctypes.c_void_p, ctypes.c_uint, ctypes.c_size_t
    for name, result, arguments in (
        ("rtcNewDevice", pointer, [ctypes.c_char_p]),
        ("rtcNewScene", pointer, [pointer]),
        ("rtcNewGeometry", pointer, [pointer, ctypes.c_int]),
        (
            "rtcSetSharedGeometryBuffer",
            None,
            [pointer, ctypes.c_int, number, ctypes.c_int, pointer, size, size, size],
        ),
        ("rtcSetGeometryInstancedScene", None, [pointer, pointer]),
        ("rtcSetGeometryTransform", None, [pointer, number, ctypes.c_int, pointer]),
        ("rtcCommitGeometry", None, [pointer]),
        ("rtcAttachGeometry", number, [pointer, pointer]),
        ("rtcReleaseGeometry", None, [pointer]),
        ("rtcCommitScene", None, [pointer]),
        ("rtcReleaseScene", None, [pointer]),
        ("rtcIntersect1", None, [pointer, pointer, pointer]),
        ("rtcOccluded1", None, [pointer, pointer, pointer]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class Embree:
    """A single-threaded Embree device."""

    def __init__(self) -> None:
        self.library = _load()
        self._device = self.library.rtcNewDevice(b"threads=1")
        self._kept: list[Any] = []  # buffers Embree shares must outlive its scenes

    def scene(self, positions: F32, triangles: I32) -> int:
        """A committed scene of one triangle mesh, float32 (n, 3) and int32 (m, 3)."""
        padded = np.zeros((len(positions) + 2, 3), np.float32)  # it reads 16 bytes from the last vertex
        padded[:-2] = positions
        self._kept += [padded, triangles]
        geometry = self.library.rtcNewGeometry(self._device, _TRIANGLE)
        share = self.library.rtcSetSharedGeometryBuffer
        share(geometry, _INDEX, 0, _UINT3, triangles.ctypes.data, 0, 12, len(triangles))
        share(geometry, _VERTEX, 0, _FLOAT3, padded.ctypes.data, 0, 12, len(positions))
        return self._committed([geometry])

    def release(self, scene: int) -> None:
        """Give the memory of a scene that is used no more back."""
        self.library.rtcReleaseScene(scene)

    def instances(self, scene: int, object_to_world: NDArray[np.float64]) -> int:
        """A committed scene of instances of another, moved by float64 (k, 4, 4)."""
        geometries = []
        for matrix in object_to_world:
            geometry = self.library.rtcNewGeometry(self._device, _INSTANCE)
            self.library.rtcSetGeometryInstancedScene(geometry, scene)
            rows = np.ascontiguousarray(matrix[:3], np.float32)
            self.library.rtcSetGeometryTransform(geometry, 0, _FLOAT3X4_ROW_MAJOR, rows.ctypes.data)
            geometries.append(geometry)
        return self._committed(geometries)

    def _committed(self, geometries: Sequence[int]) -> int:
        scene = self.library.rtcNewScene(self._device)
        for geometry in geometries:
            self.library.rtcCommitGeometry(geometry)
            self.library.rtcAttachGeometry(scene, geometry)
            self.library.rtcReleaseGeometry(geometry)
        self.library.rtcCommitScene(scene)
        return int(scene)
