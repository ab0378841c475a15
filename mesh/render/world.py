"""Everything a frame is rendered from, as one tuple of flat arrays: what the path tracer is given."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mesh.render.accel_layout import Accel
from mesh.render.environment import Environment
from mesh.render.geometry import Geometry
from mesh.render.lights import Lights
from mesh.render.materials import Materials
from mesh.render.sampler import Sequence

F32 = NDArray[np.float32]


class World(NamedTuple):
    """One frame. `everything` finds hits; `solid` (fully opaque instances) and `sheer` (the others) answer
    shadow rays. camera: its record; filter_table, albedo: their tables. clamp 0 is none."""

    everything: Accel
    solid: Accel
    sheer: Accel
    sheer_ids: NDArray[np.int32]
    has_sheer: int
    geometry: Geometry
    materials: Materials
    environment: Environment
    lights: Lights
    sequence: Sequence
    camera: F32
    filter_table: F32
    albedo: F32
    max_depth: int
    clamp: np.float32
    samples: int
    noise: np.float32
