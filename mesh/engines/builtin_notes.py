"""What a frame's files say beside its pixels: facts for their metadata, and names for Cryptomatte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesh.model.layers import CHANNELS_OF, MATTES, Layer, channels_of
from mesh.model.manifest import RenderSettings
from mesh.render.build import engine_build
from mesh.render.camera import Pose
from mesh.render.cryptomatte import id_of
from mesh.scenes.description import Material, Snapshot

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """Names by object and material id, and what stands for them in mattes: float32 (objects,) and (materials,)."""

    objects: tuple[str, ...]
    materials: tuple[str, ...]
    object_hashes: F32
    material_hashes: F32

    @classmethod
    def of(cls, snapshot: Snapshot, materials: Sequence[Material]) -> Names:
        objects = tuple(object_ids(snapshot))
        named = tuple(material.name or f"material {i}" for i, material in enumerate(materials))
        return cls(objects, named, _hashes(objects), _hashes(named))


def object_ids(snapshot: Snapshot) -> dict[str, int]:
    """Each object's name and id, in order: instances of one name, such as the parts of a mesh, are one object."""
    ids: dict[str, int] = {}
    for i, instance in enumerate(snapshot.instances):
        ids.setdefault(object_name(instance.name, i), len(ids))
    return ids


def object_name(name: str, instance: int) -> str:
    return name or f"object {instance}"


def _hashes(names: Sequence[str]) -> F32:
    return np.array([id_of(name) for name in names] or [0.0], np.float32)


def seen_names(
    moments: Sequence[Names], layers: tuple[Layer, ...], buckets: Sequence[F32]
) -> tuple[tuple[Layer, tuple[str, ...]], ...]:
    """For each matte among `layers` the names that the pixels show, sorted."""
    channels = channels_of(layers)
    found = []
    for layer in layers:
        if layer not in MATTES:
            continue
        known = {
            name
            for names in moments
            for name in (names.objects if layer is Layer.CRYPTO_OBJECT else names.materials)
        }
        ids = [channels.index(channel) for channel in CHANNELS_OF[layer][::2]]
        seen = {value for bucket in buckets for value in np.unique(bucket[:, :, ids]).tolist()}
        found.append((layer, tuple(sorted(name for name in known if id_of(name) in seen))))
    return tuple(found)


def frame_facts(frame: int, settings: RenderSettings, camera: str, pose: Pose) -> tuple[tuple[str, str], ...]:
    """Pairs for the file's metadata, none of which depends on who rendered what, when or where."""
    facts = {
        "mesh:frame": str(frame),
        "mesh:time": f"{(frame - 1) / settings.fps:.6f}",
        "mesh:fps": f"{settings.fps:g}",
        "mesh:camera": camera or "(framed)",
        "mesh:samples": str(settings.samples),
        "mesh:maxDepth": str(settings.max_depth),
        "mesh:seed": str(settings.seed),
        "mesh:engine": engine_build(),
        "mesh:cameraToWorld": _matrix(pose),
    }
    if settings.noise > 0.0:
        facts["mesh:noise"] = f"{settings.noise:g}"
    if settings.shutter > 0.0:
        facts["mesh:shutter"] = f"{settings.shutter:g}"
    if pose.aperture_radius > 0.0:
        facts["mesh:apertureRadius"] = f"{pose.aperture_radius:.9g}"
        facts["mesh:focusDistance"] = f"{pose.focus_distance:.9g}"
    return tuple(facts.items())


def _matrix(pose: Pose) -> str:
    """Three rows of four numbers, column vectors."""
    axes = (pose.right, pose.up, pose.back, pose.origin)
    return " ".join(f"{axis[row]:.9g}" for row in range(3) for axis in axes)
