"""Everything a frame is rendered from, as tuples of flat arrays: what the path tracer is given.

Kernels take the fields of `World` one by one: numba spells a tuple's whole type out at every use, so one
tuple of everything would take minutes to compile.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mesh.render.accel_layout import Accel
from mesh.render.albedo import Albedos
from mesh.render.environment import Environment
from mesh.render.geometry import Geometry
from mesh.render.lights import Lights
from mesh.render.materials import Materials
from mesh.render.sampler import Sequence

F32 = NDArray[np.float32]


class Shade(NamedTuple):
    """What shadow rays meet: fully opaque instances, and the others (their numbers in the scene in sheer_ids).

    Where has_sheer is 0, `sheer` is not looked at.
    """

    solid: Accel
    sheer: Accel
    sheer_ids: NDArray[np.int32]
    has_sheer: int


class Tables(NamedTuple):
    """camera: its record; pixel_filter: inverse distribution; albedo: of the lobes; hashes: what stands for the
    names of objects and materials in mattes, by their ids."""

    camera: F32
    pixel_filter: F32
    albedo: Albedos
    object_hashes: F32
    material_hashes: F32


class Limits(NamedTuple):
    """max_depth in bounces; clamp of a sample's radiance, 0 for none; samples per pixel; noise: adaptive
    sampling's target of relative error, 0 for none."""

    max_depth: int
    clamp: np.float32
    samples: int
    noise: np.float32


class World(NamedTuple):
    """One frame."""

    everything: Accel
    shade: Shade
    geometry: Geometry
    materials: Materials
    environment: Environment
    lights: Lights
    sequence: Sequence
    tables: Tables
    limits: Limits
