"""Scenes for `bench pictures`: what three renderers should agree on, since they share the models it is made of.

Shared scenes lose what every renderer has its own model for: their surfaces become Lambert's, and keep
textures, normal maps, alpha, geometry, cameras and lamps. Our own add rough mirrors, rough glass and lamps.

Where light comes to a surface through masks or by way of mirrors, the sky has no sun: Mitsuba finds the sun through a
mask only by chance, and all three find its caustics so, and what was left would be the noise of a few bright samples.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO

from mesh.scenes.studio.glb_writer import GlbWriter
from mesh.scenes.studio.shapes import sphere
from tools.path_scenes import PathScene, many_lights, square

Change = Callable[[dict[str, Any]], dict[str, Any]]
BEACH = "spiaggia_di_mondello_1k.hdr"
OVERCAST = "overcast.exr"
_CLOUDS = 4.0
"""The largest radiance of the beach's sky that is overcast; its sun has some 10,000."""
SAMPLES = 64
LAMPS_SAMPLES = 512
"""Of many lamps the peers show little otherwise but noise: at half as many, Mitsuba's own is 1.1 % by tiles."""
_GLB_HEADER, _CHUNK_HEADER = 12, 8
_LID = 0.002
"""How far above its lamp a lid is, in metres."""
_BLACK = {"pbrMetallicRoughness": {"baseColorFactor": [0.0, 0.0, 0.0, 1.0]}}


def shared_scenes(scenes: Path, room: Path) -> list[PathScene]:
    """The shared scenes with matte surfaces, under a beach's sky or their own lamps."""
    under_sky = {
        "FlightHelmet/FlightHelmet.gltf": "helmet",
        "Duck.glb": "duck",
        "CesiumMilkTruck.glb": "truck",
    }
    found = []
    for file, name in under_sky.items():
        folder = room / name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(scenes / BEACH, folder / BEACH)
        found.append(
            PathScene(f"{name}, matte, HDRI", folder, _matte_copy(scenes / file, folder), SAMPLES, BEACH)
        )
    folder = room / "alpha"
    _overcast(scenes, folder)
    entry = _matte_copy(scenes / "AlphaBlendModeTest.glb", folder)
    found.append(PathScene("alpha, matte, overcast", folder, entry, SAMPLES, OVERCAST))
    folder = room / "cornell"
    folder.mkdir(parents=True, exist_ok=True)
    entry = _matte_copy(scenes / "CornellBox.glb", folder)
    found.append(PathScene("cornell, matte, mesh lamp", folder, entry, SAMPLES))
    return found


def _overcast(scenes: Path, folder: Path) -> None:
    """The beach's sky without its sun, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    image = OpenImageIO.ImageBuf(str(scenes / BEACH))
    OpenImageIO.ImageBufAlgo.clamp(image, image, 0.0, _CLOUDS)
    if not image.write(str(folder / OVERCAST), OpenImageIO.FLOAT):
        raise OSError(image.geterror())


def _matte_copy(source: Path, folder: Path, change: Change = lambda document: document) -> str:
    """A copy of `source`, changed, whose materials are Lambert's; its name in `folder`."""
    data = source.read_bytes()
    if source.suffix == ".gltf":
        shutil.copytree(source.parent, folder, dirs_exist_ok=True)
        (folder / source.name).write_text(json.dumps(_matte(change(json.loads(data)))))
        return source.name
    start = _GLB_HEADER + _CHUNK_HEADER
    (length,) = struct.unpack_from("<I", data, _GLB_HEADER)
    text = json.dumps(_matte(change(json.loads(data[start : start + length])))).encode()
    text += b" " * (-len(text) % 4)
    rest = data[start + length :]
    head = struct.pack("<4sII", b"glTF", 2, start + len(text) + len(rest))
    (folder / source.name).write_bytes(head + struct.pack("<I4s", len(text), b"JSON") + text + rest)
    return source.name


def _covered(document: dict[str, Any]) -> dict[str, Any]:
    """A black lid on every lamp: we alone see through their backs."""
    lid = len(document["materials"])
    document["materials"].append({"name": "lid", "doubleSided": True, **_BLACK})
    lamps = {n for n, material in enumerate(document["materials"]) if "emissiveFactor" in material}
    for node in list(document["nodes"]):
        (part,) = document["meshes"][node["mesh"]]["primitives"] if "mesh" in node else ({},)
        if part.get("material") in lamps:
            node["children"] = [len(document["nodes"])]
            # Lamps shine along their own y.
            document["nodes"].append({"mesh": len(document["meshes"]), "translation": [0.0, -_LID, 0.0]})
            document["meshes"].append({"primitives": [{**part, "material": lid}]})
    return document


def _matte(document: dict[str, Any]) -> dict[str, Any]:
    for material in document["materials"]:
        pbr = material.setdefault("pbrMetallicRoughness", {})
        pbr["metallicFactor"] = 0.0
        pbr.pop("metallicRoughnessTexture", None)
        # Seen from behind, single-sided surfaces are invisible to us alone; the peers' lamps shine to the front.
        material["doubleSided"] = "emissiveFactor" not in material or max(material["emissiveFactor"]) == 0.0
        material.setdefault("extensions", {})["KHR_materials_specular"] = {"specularFactor": 0.0}
    used = document.setdefault("extensionsUsed", [])
    document["extensionsUsed"] = sorted({*used, "KHR_materials_specular"})
    return document


def own_scenes(scenes: Path | None, room: Path) -> list[PathScene]:
    """Scenes that need no file; balls of mirror and glass only where there is a sky to see in them."""
    hall = many_lights(room / "hall")
    (room / "lamps").mkdir(parents=True, exist_ok=True)
    entry = _matte_copy(hall.folder / hall.entry, room / "lamps", _covered)
    found = [PathScene("200 lamps, matte", room / "lamps", entry, LAMPS_SAMPLES), _lamps(room / "punctual")]
    if scenes is not None:
        folder = room / "balls"
        _overcast(scenes, folder)
        found.append(_balls(folder))
    return found


def _material(color: float, roughness: float, metallic: float) -> dict[str, Any]:
    return {
        "doubleSided": True,
        "pbrMetallicRoughness": {
            "baseColorFactor": [color, color, color, 1.0],
            "metallicFactor": metallic,
            "roughnessFactor": roughness,
        },
    }


_LAMBERT = {"KHR_materials_specular": {"specularFactor": 0.0}}


def _balls(folder: Path) -> PathScene:
    """White mirrors and clear glass, each smooth and rough, on a grey floor under the sky."""
    file, roots = GlbWriter(), []
    ball = sphere(0.5)
    glass = {
        "KHR_materials_transmission": {"transmissionFactor": 1.0},
        "KHR_materials_volume": {"thicknessFactor": 1.0},
    }
    # Rougher, and Mitsuba loses light that we and Cycles keep.
    solid = {**_material(1.0, 0.2, 0.0), "doubleSided": False}
    kinds: list[tuple[str, dict[str, Any], dict[str, dict[str, Any]]]] = [
        ("mirror", _material(1.0, 0.15, 1.0), {}),
        ("rough mirror", _material(1.0, 0.35, 1.0), {}),
        ("rough glass", solid, glass),
        ("matte", _material(0.5, 1.0, 0.0), _LAMBERT),
    ]
    for place, (name, fields, extensions) in enumerate(kinds):
        mesh = file.add_mesh(name, ball, file.add_material(name, fields, extensions))
        roots.append(file.add_node(name, mesh=mesh, translation=[1.2 * place - 1.8, 0.5, 0.0]))
    floor = file.add_mesh(
        "floor", square(8.0), file.add_material("floor", _material(0.4, 1.0, 0.0), _LAMBERT)
    )
    roots.append(file.add_node("floor", mesh=floor))
    camera = file.add_camera("front", yfov=0.6, aspect=1.0)
    tilt = [float(np.sin(-0.1)), 0.0, 0.0, float(np.cos(-0.1))]
    roots.append(file.add_node("front", camera=camera, translation=[0.0, 2.0, 8.0], rotation=tilt))
    (folder / "balls.glb").write_bytes(file.finish("balls", roots))
    return PathScene("mirrors and glass, overcast", folder, "balls.glb", SAMPLES, OVERCAST)


def _lamps(folder: Path) -> PathScene:
    """A ball and a floor under a point lamp and a sun."""
    folder.mkdir(parents=True, exist_ok=True)
    file, roots = GlbWriter(), []
    for name, shape, height in (("ball", sphere(0.7), 0.7), ("floor", square(8.0), 0.0)):
        mesh = file.add_mesh(name, shape, file.add_material(name, _material(0.6, 1.0, 0.0), _LAMBERT))
        roots.append(file.add_node(name, mesh=mesh, translation=[0.0, height, 0.0]))
    for number, lamp in enumerate(
        (
            {"type": "point", "intensity": 12.0, "color": [1.0, 0.6, 0.3]},
            {"type": "directional", "intensity": 1.5, "color": [0.4, 0.6, 1.0]},
        )
    ):
        turn = [float(np.sin(-0.45)), 0.0, 0.0, float(np.cos(-0.45))]
        light = file.add_lamp(lamp)
        place = [1.5 - 3.0 * number, 2.5, 1.0]
        roots.append(file.add_node(f"lamp {number}", extensions=light, translation=place, rotation=turn))
    camera = file.add_camera("front", yfov=0.6, aspect=1.0)
    tilt = [float(np.sin(-0.15)), 0.0, 0.0, float(np.cos(-0.15))]
    roots.append(file.add_node("front", camera=camera, translation=[0.0, 2.6, 7.0], rotation=tilt))
    (folder / "lamps.glb").write_bytes(file.finish("lamps", roots))
    return PathScene("point lamp and sun", folder, "lamps.glb", SAMPLES)
