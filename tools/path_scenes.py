"""Scenes for `bench paths`: a file for us, and the same geometry, materials and camera as arrays for the peers.

The peers get world-space triangles, so that no two importers of glTF are compared. Materials go over as
what all three renderers understand alike: base colour, opacity, metalness, roughness, normal map, emission.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mesh.engines.builtin_geometry import GeometryKeeper
from mesh.engines.builtin_light import choose_pose
from mesh.engines.builtin_outline import outline
from mesh.model.manifest import RenderSettings
from mesh.scenes import open_scene
from mesh.scenes.description import F32, AlphaMode, Instance, Light, Material, Scene, Texture
from mesh.scenes.studio.glb_writer import GlbWriter
from mesh.scenes.studio.shapes import Shape
from tools.ray_scenes import boulder, landscape

LIGHTS = 200


@dataclass(frozen=True, slots=True)
class PathScene:
    """A folder with a scene file for us; `environment` lies in it too, empty where lamps light the scene."""

    name: str
    folder: Path
    entry: str
    samples: int
    """A pixel, in a test: enough for half a second's work or more on a fast machine."""
    environment: str = ""


def flight_helmet(scenes: Path, folder: Path) -> PathScene:
    """Khronos' FlightHelmet under an HDRI of a beach: textures on everything, one bright sun."""
    shutil.copytree(scenes / "FlightHelmet", folder, dirs_exist_ok=True)
    image = "spiaggia_di_mondello_1k.hdr"
    shutil.copy(scenes / image, folder / image)
    return PathScene("FlightHelmet + HDRI", folder, "FlightHelmet.gltf", 32, image)


def many_lights(folder: Path) -> PathScene:
    """Boulders on a floor in a dark hall, under 200 small lamps of many colours and strengths."""
    rng = np.random.default_rng(11)
    file = GlbWriter()
    roots = []
    for number in range(12):
        positions, inward = boulder(48, number)
        triangles = np.ascontiguousarray(inward[:, ::-1])
        fields = {
            "pbrMetallicRoughness": {
                "baseColorFactor": [*(0.2 + 0.6 * rng.random(3)).tolist(), 1.0],
                "metallicFactor": float(number % 3 == 0),
                "roughnessFactor": 0.25 + 0.5 * float(rng.random()),
            }
        }
        shape = Shape(positions, _smooth_normals(positions, triangles), _no_uv(positions), triangles)
        mesh = file.add_mesh(f"boulder {number}", shape, file.add_material(f"stone {number}", fields))
        x, z = number % 4 * 2.4 - 3.6, number // 4 * 2.4 - 2.4
        roots.append(file.add_node(f"boulder {number}", mesh=mesh, translation=[x, 0.9, z]))
    plain = {"pbrMetallicRoughness": {"baseColorFactor": [0.6, 0.6, 0.6, 1.0], "metallicFactor": 0.0}}
    floor = file.add_mesh("floor", square(12.0), file.add_material("floor", plain))
    roots.append(file.add_node("floor", mesh=floor))
    for number in range(LIGHTS):
        colour = 0.3 + 0.7 * rng.random(3)
        glow = {
            "emissiveFactor": colour.tolist(),
            "pbrMetallicRoughness": {"baseColorFactor": [0.0, 0.0, 0.0, 1.0], "metallicFactor": 0.0},
        }
        strength = {
            "KHR_materials_emissive_strength": {"emissiveStrength": float(4.0 * 10.0 ** rng.random())}
        }
        lamp = file.add_mesh("lamp", square(0.12), file.add_material(f"lamp {number}", glow, strength))
        place = [float(rng.uniform(-6, 6)), float(rng.uniform(2.4, 4.0)), float(rng.uniform(-5, 5))]
        # Half a turn about x: lamps shine down.
        roots.append(file.add_node("lamp", mesh=lamp, translation=place, rotation=[1.0, 0.0, 0.0, 0.0]))
    camera = file.add_camera("hall", yfov=0.7, aspect=1.0)
    tilt = float(np.sin(-0.2)), float(np.cos(-0.2))
    roots.append(
        file.add_node(
            "camera", camera=camera, translation=[0.0, 5.0, 10.5], rotation=[tilt[0], 0.0, 0.0, tilt[1]]
        )
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hall.glb").write_bytes(file.finish("hall", roots))
    return PathScene(f"{LIGHTS} lamps", folder, "hall.glb", 16)


def hills(folder: Path) -> tuple[PathScene, int]:
    """A landscape strewn with boulders, and its number of triangles: 1.5 million in one mesh."""
    positions, triangles = landscape(600, 60, 58)
    file = GlbWriter()
    shape = Shape(positions, _smooth_normals(positions, triangles), _no_uv(positions), triangles)
    plain = {"pbrMetallicRoughness": {"baseColorFactor": [0.5, 0.5, 0.5, 1.0], "metallicFactor": 0.0}}
    mesh = file.add_mesh("hills", shape, file.add_material("earth", plain))
    camera = file.add_node(
        "camera", camera=file.add_camera("lens", yfov=0.7, aspect=1.0), translation=[0.0, 2.0, 12.0]
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hills.glb").write_bytes(file.finish("hills", [file.add_node("hills", mesh=mesh), camera]))
    return PathScene("hills", folder, "hills.glb", 1), len(triangles)


def square(side: float) -> Shape:
    half = side / 2.0
    corners = [(-half, 0.0, half), (half, 0.0, half), (half, 0.0, -half), (-half, 0.0, -half)]
    positions = np.array(corners, np.float32)
    normals = np.tile(np.array([0.0, 1.0, 0.0], np.float32), (4, 1))
    return Shape(positions, normals, _no_uv(positions), np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def _no_uv(positions: F32) -> F32:
    return np.zeros((len(positions), 2), np.float32)


def _smooth_normals(positions: F32, triangles: NDArray[np.int32]) -> F32:
    a, b, c = (positions[triangles[:, k]] for k in range(3))
    faces = np.cross(b - a, c - a)
    normals = np.zeros_like(positions)
    for k in range(3):
        np.add.at(normals, triangles[:, k], faces)
    # The poles' sliver triangles have no area, and so no say.
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 0.0, normals / np.maximum(length, 1e-20), positions).astype(np.float32)


def write_for_peers(made: PathScene, settings: RenderSettings, target: Path) -> None:
    """`target`/scene.json and the .npy files it names: meshes, materials, camera, environment."""
    target.mkdir(parents=True, exist_ok=True)
    scene = open_scene(made.folder / made.entry, scene="", clip="", variant="")
    snapshot = scene.at(0.0)
    placed = GeometryKeeper(scene).place(snapshot)
    points = None if snapshot.cameras else outline(scene, snapshot)
    pose = choose_pose(snapshot, (placed.low, placed.high), settings, 1, points)

    def save(name: str, array: NDArray[np.generic]) -> str:
        np.save(target / f"{name}.npy", array)
        return f"{name}.npy"

    document = {
        "file": str(made.folder / made.entry),
        "camera": {
            "origin": pose.origin,
            "right": pose.right,
            "up": pose.up,
            "back": pose.back,
            "yfov": pose.yfov,
        },
        "environment": str(made.folder / made.environment) if made.environment else "",
        "images": [save(f"image{n}", image.pixels) for n, image in enumerate(scene.images)],
        "materials": [_material(material) for material in scene.materials],
        "meshes": [_mesh(scene, instance, n, save) for n, instance in enumerate(snapshot.instances)],
        "lamps": [_lamp(light) for light in snapshot.lights],
    }
    (target / "scene.json").write_text(json.dumps(document))


def _material(material: Material) -> dict[str, object]:
    def image(texture: Texture | None) -> int:
        return -1 if texture is None else texture.image

    return {
        "model": _model(material),
        "base_color": material.base_color[:3],
        "base_color_image": image(material.base_color_texture),
        "alpha": material.base_color[3],
        "blend": material.alpha_mode is AlphaMode.BLEND,
        "cutoff": material.alpha_cutoff if material.alpha_mode is AlphaMode.MASK else 0.0,
        "metallic": material.metallic,
        "roughness": material.roughness,
        "metallic_roughness_image": image(material.metallic_roughness_texture),
        "normal_image": image(material.normal_texture),
        "emissive": material.emissive,
    }


def _model(material: Material) -> str:
    """What of the peers' own models is the same as ours: `principled` is only similar."""
    if material.transmission == 1.0 and material.thickness > 0.0:
        return "glass"
    plain = material.base_color_texture is None and material.metallic_roughness_texture is None
    if material.metallic == 1.0 and material.base_color[:3] == (1.0, 1.0, 1.0) and plain:
        return "mirror"
    if material.metallic == 0.0 and material.specular == 0.0:
        return "matte"
    return "principled"


def _lamp(light: Light) -> dict[str, object]:
    """A point lamp or a sun."""
    return {
        "kind": light.kind.name.lower(),
        "origin": light.transform[:3, 3].tolist(),
        "direction": (-light.transform[:3, 2]).tolist(),
        "intensity": [c * light.intensity for c in light.color],
    }


def _mesh(
    scene: Scene, instance: Instance, number: int, save: Callable[[str, NDArray[np.generic]], str]
) -> dict[str, object]:
    mesh = scene.meshes[instance.mesh]
    matrix = instance.transform
    positions = mesh.positions @ matrix[:3, :3].T + matrix[:3, 3]
    normals = mesh.normals @ np.linalg.inv(matrix[:3, :3])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
    uv = mesh.uv0 if mesh.uv0 is not None else _no_uv(mesh.positions)
    return {
        "material": mesh.material,
        "positions": save(f"positions{number}", positions.astype(np.float32)),
        "normals": save(f"normals{number}", normals.astype(np.float32)),
        "uv": save(f"uv{number}", uv),
        "triangles": save(f"triangles{number}", mesh.triangles),
    }
