"""A world with nothing in it, of the types that every world has: kernels can be compiled before there is a scene."""

from __future__ import annotations

import numpy as np

from mesh.render.accel_layout import Accel
from mesh.render.albedo import Albedos
from mesh.render.environment import Environment
from mesh.render.film import add_samples
from mesh.render.geometry import INSTANCE, INSTANCE_INTS, VERTEX, Geometry
from mesh.render.light_tree import LightTree
from mesh.render.light_vector import BRANCHES
from mesh.render.lights import PUNCTUAL, TRIANGLE_LIGHT, Lights
from mesh.render.materials import FACTORS, FLAGS, Materials
from mesh.render.sampler import Sequence
from mesh.render.tally import columns_of, make_bench, make_tally
from mesh.render.textures import SLOT, Textures
from mesh.render.world import Limits, Shade, Tables, World

f32, i32 = np.float32, np.int32


def blank_world() -> World:
    accel = Accel(
        -1, np.zeros(0, f32), np.zeros(0, f32), np.zeros(0, f32), np.zeros(0, np.int64), np.zeros(0, f32)
    )
    row = np.zeros(0, f32)
    brushed = np.zeros((0, 0, 0, 0, 0), f32)
    tree = LightTree(row, np.zeros((0, BRANCHES), i32), np.zeros(0, i32), np.zeros(0, i32))
    return World(
        everything=accel,
        shade=Shade(accel, accel, np.zeros(0, i32), 0),
        geometry=Geometry(
            np.zeros((0, 3), i32),
            np.zeros((0, VERTEX), f32),
            np.zeros((0, 2), f32),
            np.zeros((0, 4), f32),
            np.zeros((0, INSTANCE), f32),
            np.zeros((0, INSTANCE_INTS), i32),
        ),
        materials=Materials(
            np.zeros((0, FACTORS), f32),
            np.zeros((0, FLAGS), i32),
            Textures(
                np.zeros(0, np.uint32),
                np.zeros((0, SLOT), np.int64),
                np.zeros((0, 6), f32),
                np.zeros((2, 256), f32),
            ),
        ),
        environment=Environment(
            np.zeros((0, 0, 4), f32),
            row,
            np.zeros((0, 0), f32),
            np.zeros(0, i32),
            np.zeros((0, 0), i32),
            f32(0.0),
            f32(0.0),
        ),
        lights=Lights(
            row,
            np.zeros(0, i32),
            row,
            np.zeros(0, i32),
            tree,
            np.zeros((0, PUNCTUAL), f32),
            np.zeros((0, TRIANGLE_LIGHT), f32),
            np.zeros((0, 2), i32),
            0,
            0,
        ),
        sequence=Sequence(np.zeros((0, 3), np.uint32), 0, 0),
        tables=Tables(row, row, Albedos(np.zeros((0, 0, 0), f32), brushed), row, row),
        limits=Limits(0, f32(0.0), 0, f32(0.0)),
    )


def compile_paths() -> None:
    """Have the path tracer's kernel compiled, or loaded where it is kept, by asking it for no pixels."""
    add_samples(*blank_world(), 0, 0, 0, 0, 0, 0, make_tally(0, columns_of(())), make_bench(), None)
