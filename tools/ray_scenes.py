"""Scenes and rays for `bench rays`: what is traced, alike for us and for the peer."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
Soup = tuple[F32, I32]

_COMPONENT = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}


def scenes_folder() -> Path | None:
    """Where the real scenes are: $MESH_TEST_SCENES, else beside the project; None where neither exists."""
    named = os.environ.get("MESH_TEST_SCENES")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "scenes"
    return folder if folder.is_dir() else None


def flight_helmet(folder: Path) -> Soup:
    """The 95k triangles of Khronos' FlightHelmet as one mesh; its nodes have no transforms that matter."""
    gltf = json.loads((folder / "FlightHelmet" / "FlightHelmet.gltf").read_text())
    data = (folder / "FlightHelmet" / "FlightHelmet.bin").read_bytes()

    def read(index: int, width: int) -> NDArray[np.generic]:
        accessor = gltf["accessors"][index]
        view = gltf["bufferViews"][accessor["bufferView"]]
        kind = _COMPONENT[accessor["componentType"]]
        start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        return np.frombuffer(data, kind, accessor["count"] * width, start).reshape(-1, width)

    def parts() -> Iterator[tuple[F32, I32]]:
        for mesh in gltf["meshes"]:
            for primitive in mesh["primitives"]:
                positions = read(primitive["attributes"]["POSITION"], 3).astype(np.float32)
                yield positions, read(primitive["indices"], 1).astype(np.int32).reshape(-1, 3)

    return joined(list(parts()))


def joined(soups: list[Soup]) -> Soup:
    """Several meshes as one."""
    starts = np.cumsum([0] + [len(positions) for positions, _ in soups[:-1]])
    triangles = [faces + start for (_, faces), start in zip(soups, starts, strict=True)]
    return np.concatenate([positions for positions, _ in soups]), np.concatenate(triangles).astype(np.int32)


def _grid(rows: int, columns: int) -> I32:
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1)
    lower = np.stack([corner, corner + columns, corner + 1], axis=1)
    upper = np.stack([corner + 1, corner + columns, corner + columns + 1], axis=1)
    return np.concatenate([lower, upper]).astype(np.int32)


def boulder(detail: int, seed: int) -> Soup:
    """A bumpy sphere of radius about 1 and 4 * detail**2 triangles."""
    rng = np.random.default_rng(seed)
    theta, phi = np.meshgrid(
        np.linspace(0.0, np.pi, detail + 1), np.linspace(0.0, 2.0 * np.pi, 2 * detail + 1), indexing="ij"
    )
    unit = np.stack([np.sin(theta) * np.cos(phi), np.cos(theta), np.sin(theta) * np.sin(phi)], axis=-1)
    radius = np.ones(theta.shape)
    for octave in range(6):
        wave = rng.normal(size=3) * 2.0**octave
        radius += 0.25 / 2.0**octave * np.sin(unit @ wave * 2.0 + rng.random() * 6.0)
    positions = (unit * radius[..., None]).reshape(-1, 3).astype(np.float32)
    return positions, _grid(detail + 1, 2 * detail + 1)


def landscape(size: int, boulders: int, detail: int) -> Soup:
    """Hills of 2 * size**2 triangles, 20 by 20 units, strewn with bumpy boulders of many sizes."""
    rng = np.random.default_rng(7)
    x, z = np.meshgrid(np.linspace(-10, 10, size + 1), np.linspace(-10, 10, size + 1), indexing="ij")
    height = np.zeros_like(x)
    for octave in range(7):
        kx, kz = rng.normal(size=2) * 2.0**octave * 0.4
        height += 0.8 / 2.0**octave * np.sin(kx * x + kz * z + rng.random() * 6.0)
    hills = np.stack([x, height, z], axis=-1).reshape(-1, 3).astype(np.float32)
    soups: list[Soup] = [(hills, _grid(size + 1, size + 1))]
    for seed in range(boulders):
        positions, faces = boulder(detail, seed)
        scale = 0.15 + 0.6 * rng.random() ** 3
        i, j = rng.integers(0, size, 2)
        moved = positions * scale + np.array([x[i, j], height[i, j] + 0.5 * scale, z[i, j]])
        soups.append((moved.astype(np.float32), faces))
    return joined(soups)


def camera_rays(eye: F32, target: F32, size: int) -> tuple[F32, F32]:
    """Origins and unit directions (size * size, 3) of a pinhole camera, 45 degrees wide, scanline order."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    step = (np.arange(size) + 0.5) / size * 2.0 - 1.0
    spread = np.tan(np.pi / 8.0)
    directions = forward + spread * (step[None, :, None] * right - step[:, None, None] * up)
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    flat = directions.reshape(-1, 3).astype(np.float32)
    return np.broadcast_to(eye.astype(np.float32), flat.shape).copy(), flat


def bounce_rays(points: F32, normals: F32, seed: int) -> F32:
    """Cosine-distributed unit directions (n, 3) about the normals: diffuse reflection, in pixel order."""
    rng = np.random.default_rng(seed)
    sphere = rng.normal(size=points.shape)
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    directions: NDArray[np.float64] = normals + 0.999 * sphere
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions.astype(np.float32)
