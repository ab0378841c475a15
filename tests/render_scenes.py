"""Tiny scenes for the path tracer's tests: worlds made of a few meshes, with one material each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesh.engines.builtin_geometry import GeometryKeeper
from mesh.engines.builtin_light import choose_pose, gather_lights
from mesh.engines.builtin_materials import albedos_wanted, pack_materials
from mesh.engines.builtin_notes import Names
from mesh.model.layers import Layer
from mesh.model.manifest import RenderSettings
from mesh.model.units import Rect
from mesh.render.albedo import albedo_tables
from mesh.render.camera import camera_record
from mesh.render.environment import make_environment
from mesh.render.film import add_samples, resolve
from mesh.render.filter import make_filter
from mesh.render.sampler import make_sequence
from mesh.render.tally import Tally, columns_of, make_bench, make_tally
from mesh.render.world import Limits, Shade, Tables, World
from mesh.scenes.description import (
    Camera,
    Image,
    Instance,
    Light,
    LightKind,
    Material,
    Mesh,
    Scene,
    Snapshot,
    Texture,
)

F32 = NDArray[np.float32]

WALL_UNITS = [[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [1.0, 1.0, 0.0], [-1.0, 1.0, 0.0]]
"""The corners of a wall through the origin that faces +z."""


@dataclass(frozen=True)
class Still:
    """A scene that never moves."""

    meshes: tuple[Mesh, ...]
    materials: tuple[Material, ...]
    camera: Camera
    lights: tuple[Light, ...] = ()
    images: tuple[Image, ...] = ()

    def scene(self) -> Scene:
        instances = tuple(Instance(i, np.eye(4), mesh.name) for i, mesh in enumerate(self.meshes))
        snapshot = Snapshot(0.0, instances, (self.camera,), self.lights)
        return Scene("test", self.images, self.materials, self.meshes, lambda _time: snapshot)


def quad(material: int, corners: list[list[float]], name: str = "quad") -> Mesh:
    """Two triangles around four corners, counter-clockwise seen from the front."""
    positions = np.array(corners, np.float32)
    normal = np.cross(positions[1] - positions[0], positions[3] - positions[0])
    normals = np.tile(normal / np.linalg.norm(normal), (4, 1)).astype(np.float32)
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    return Mesh(name, material, positions.tobytes(), positions, triangles, normals, uv0=uv)


def ball(material: int, radius: float = 1.0, rows: int = 48) -> Mesh:
    """A sphere about the origin with smooth normals."""
    theta = np.linspace(0, np.pi, rows + 1)[:, None]
    phi = np.linspace(0, 2 * np.pi, 2 * rows + 1)[None, :]
    points = np.stack(
        [np.sin(theta) * np.cos(phi), np.cos(theta) + 0 * phi, np.sin(theta) * np.sin(phi)], axis=-1
    )
    normals = points.reshape(-1, 3).astype(np.float32)
    a = (np.arange(rows)[:, None] * (2 * rows + 1) + np.arange(2 * rows)[None, :]).reshape(-1)
    b = a + 2 * rows + 1
    triangles = np.concatenate([np.stack([a, a + 1, b], 1), np.stack([a + 1, b + 1, b], 1)]).astype(np.int32)
    positions = (normals * np.float32(radius)).astype(np.float32)
    return Mesh("ball", material, positions.tobytes(), positions, triangles, normals)


def facing(z: float = 4.0, yfov: float = 0.6) -> Camera:
    """A camera on the +z axis that looks at the origin."""
    matrix = np.eye(4)
    matrix[2, 3] = z
    return Camera("front", matrix, yfov=yfov)


def even_light(value: float) -> F32:
    return np.full((16, 32, 3), value, np.float32)


def build(still: Still, settings: RenderSettings, environment: F32) -> World:
    """The world of frame 1."""
    scene = still.scene()
    snapshot = scene.at(0.0)
    placed = GeometryKeeper(scene).place(snapshot)
    light = make_environment(environment, 1.0, 0.0)
    pose = choose_pose(snapshot, (placed.low, placed.high), settings, 1)
    names = Names.of(snapshot, scene.materials)
    return World(
        placed.everything,
        Shade(placed.solid, placed.sheer, placed.sheer_ids, int(placed.has_sheer)),
        placed.geometry,
        pack_materials(scene.materials, scene.images),
        light,
        gather_lights(snapshot, placed, light),
        make_sequence(settings.seed, 1, settings.samples, settings.max_depth),
        Tables(
            camera_record(pose, settings.width, settings.height),
            make_filter(),
            albedo_tables(*albedos_wanted(scene.materials)),
            names.object_hashes,
            names.material_hashes,
        ),
        Limits(settings.max_depth, np.float32(settings.clamp), settings.samples, np.float32(settings.noise)),
    )


def sums_of(world: World, rect: Rect, layers: tuple[Layer, ...] = ()) -> Tally:
    """What all samples of the rectangle come to."""
    tally = make_tally(rect.width * rect.height, columns_of(layers))
    of_all = (0, world.limits.samples)
    add_samples(*world, rect.x0, rect.y0, rect.x1, rect.y1, *of_all, tally, make_bench(), None)
    return tally


def render(world: World, rect: Rect, layers: tuple[Layer, ...] = ()) -> F32:
    """The rectangle's pixels (height, width, channels of `layers`)."""
    columns = columns_of(layers)
    out = np.zeros((rect.height, rect.width, len(columns)), np.float32)
    resolve(sums_of(world, rect, layers), columns, make_bench(), out)
    return out


def picture(still: Still, settings: RenderSettings, environment: F32) -> F32:
    """The whole frame."""
    whole = Rect(0, 0, settings.width, settings.height)
    return render(build(still, settings, environment), whole, settings.layers)


def still_life() -> Still:
    """A bit of everything: texture, metal, coat, glass, cloth, film, a lamp, a shining square, the sky."""
    checks = np.indices((16, 16)).sum(0) % 2 * 200 + 55
    image = Image("checks", np.repeat(checks[:, :, None], 4, axis=2).astype(np.uint8))
    materials = (
        Material(base_color_texture=Texture(0, rotation=0.3, scale=(3.0, 3.0)), metallic=0.0, roughness=0.6, sheen_color=(0.3, 0.2, 0.1), sheen_roughness=0.4),
        Material(metallic=0.0, roughness=0.1, transmission=0.6, thickness=1.0, anisotropy=0.3, attenuation_distance=1.0, attenuation_color=(0.3, 0.8, 0.5), clearcoat=0.5, iridescence=0.8),
        Material(emissive=(3.0, 2.0, 1.0), double_sided=True),
    )  # fmt: skip
    lamp = np.eye(4)
    lamp[:3, 3] = [1.0, 2.0, 2.0]
    shining = [[-2.0, 0.5, 0.5], [-1.2, 0.5, 0.5], [-1.2, 1.3, 0.5], [-2.0, 1.3, 0.5]]
    return Still(
        (quad(0, [[3 * v for v in corner] for corner in WALL_UNITS]), ball(1, 0.8, 12), quad(2, shining)),
        materials,
        facing(),
        (Light("lamp", LightKind.POINT, lamp, intensity=6.0),),
        (image,),
    )


WALL = [[-9.0, -9.0, 0.0], [9.0, -9.0, 0.0], [9.0, 9.0, 0.0], [-9.0, 9.0, 0.0]]


def matte(value: float) -> Material:
    return Material(base_color=(value, value, value, 1.0), metallic=0.0, specular=0.0)
