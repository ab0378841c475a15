"""Mitsuba 3 rendering what tools/bench_paths.py measures; the last line it prints is one JSON object.

Arguments: variant, folder of the scene, width, samples of a test, of half a reference, depth, threads,
output folder. Images are kept as .npy.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import drjit as dr
import mitsuba as mi
import numpy as np

from tools.peers.peak import peak_mb

PASS = 16  # samples a pixel in one launch: a wavefront of more costs memory and gains nothing


def bitmap(image: Any, raw: bool) -> dict[str, Any]:
    return {
        "type": "bitmap",
        "bitmap": mi.Bitmap(np.ascontiguousarray(image)),
        "raw": raw,
        "wrap_mode": "repeat",
    }


def principled(material: dict[str, Any], images: list[Any]) -> dict[str, Any]:
    """Roughness and metalness, with their texture."""
    if material["metallic_roughness_image"] < 0:
        return {"roughness": material["roughness"], "metallic": material["metallic"]}
    image = images[material["metallic_roughness_image"]].astype(np.float32) / 255.0
    return {
        "roughness": bitmap(image[:, :, 1:2] * np.float32(material["roughness"]), raw=True),
        "metallic": bitmap(image[:, :, 2:3] * np.float32(material["metallic"]), raw=True),
    }


def bsdf(material: dict[str, Any], images: list[Any]) -> dict[str, Any]:
    base = {"type": "rgb", "value": list(material["base_color"])}
    if material["base_color_image"] >= 0:
        base = bitmap(images[material["base_color_image"]][:, :, :3], raw=False)
    found: dict[str, Any] = {"type": "principled", "base_color": base, "specular": 0.5}
    alpha = material["roughness"] ** 2
    if material["model"] == "glass":
        return {
            "type": "roughdielectric",
            "distribution": "ggx",
            "alpha": alpha,
            "int_ior": 1.5,
            "ext_ior": 1.0,
        }
    if material["model"] == "mirror":
        found = {"type": "roughconductor", "material": "none", "distribution": "ggx", "alpha": alpha}
    elif material["model"] == "matte":
        found = {"type": "diffuse", "reflectance": base}
    else:
        found |= principled(material, images)
    if material["normal_image"] >= 0:
        image = images[material["normal_image"]][:, :, :3].astype(np.float32) / 255.0
        found = {"type": "normalmap", "normalmap": bitmap(image, raw=True), "inner": found}
    found = {"type": "twosided", "inner": found}
    if material["blend"] or material["cutoff"] > 0.0:
        opacity = material["alpha"]
        if material["base_color_image"] >= 0:
            image = images[material["base_color_image"]].astype(np.float32) / 255.0
            image = image[:, :, 3:4] * np.float32(opacity)
            if material["cutoff"] > 0.0:
                image = (image >= material["cutoff"]).astype(np.float32)
            opacity = bitmap(image, raw=True)
        found = {"type": "mask", "opacity": opacity, "inner": found}
    return found


def shape(
    folder: Path,
    scratch: Path,
    number: int,
    mesh: dict[str, Any],
    material: dict[str, Any],
    images: list[Any],
) -> dict[str, Any]:
    positions, normals, uv = (np.load(folder / mesh[key]) for key in ("positions", "normals", "uv"))
    triangles = np.load(folder / mesh["triangles"]).astype(np.int32)
    path = scratch / f"{number}.ply"
    names = "".join(f"property float {name}\n" for name in ("x", "y", "z", "nx", "ny", "nz", "u", "v"))
    header = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {len(positions)}\n{names}"
        f"element face {len(triangles)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    faces = np.empty(len(triangles), np.dtype([("n", "u1"), ("corners", "<i4", 3)]))
    faces["n"], faces["corners"] = 3, triangles
    vertices = np.concatenate([positions, normals, uv], axis=1).astype("<f4")
    path.write_bytes(header.encode() + vertices.tobytes() + faces.tobytes())
    found: dict[str, Any] = {"type": "ply", "filename": str(path), "bsdf": bsdf(material, images)}
    if max(material["emissive"]) > 0.0:
        found["emitter"] = {"type": "area", "radiance": {"type": "rgb", "value": list(material["emissive"])}}
    return found


def lamp_of(said: dict[str, Any]) -> dict[str, Any]:
    light = {"type": "rgb", "value": said["intensity"]}
    if said["kind"] == "point":
        return {"type": "point", "position": said["origin"], "intensity": light}
    return {"type": "directional", "direction": said["direction"], "irradiance": light}


def load(folder: Path, scratch: Path, width: int, depth: int) -> Any:
    said = json.loads((folder / "scene.json").read_text())
    images = [np.load(folder / name) for name in said["images"]]
    camera = said["camera"]
    target = [o - b for o, b in zip(camera["origin"], camera["back"], strict=True)]
    scene: dict[str, Any] = {
        "type": "scene",
        # Emission seen directly is one vertex more than a bounce.
        "integrator": {"type": "path", "max_depth": depth + 1},
        "sensor": {
            "type": "perspective",
            "fov": float(np.degrees(camera["yfov"])),
            "fov_axis": "y",
            "near_clip": 0.001,
            "to_world": mi.ScalarTransform4f().look_at(camera["origin"], target, camera["up"]),
            "film": {"type": "hdrfilm", "width": width, "height": width, "rfilter": {"type": "box"}},
            "sampler": {"type": "independent"},
        },
    }
    if said["environment"]:
        image = np.array(
            mi.Bitmap(said["environment"]).convert(mi.Bitmap.PixelFormat.RGB, mi.Struct.Type.Float32)
        )
        # Its map's middle looks along +z, ours along +x.
        image = np.ascontiguousarray(np.roll(image, -image.shape[1] // 4, axis=1))
        scene["environment"] = {"type": "envmap", "bitmap": mi.Bitmap(image)}
    for number, lamp in enumerate(said["lamps"]):
        scene[f"lamp{number}"] = lamp_of(lamp)
    for number, mesh in enumerate(said["meshes"]):
        scene[f"mesh{number}"] = shape(
            folder, scratch, number, mesh, said["materials"][mesh["material"]], images
        )
    return mi.load_dict(scene)


def render(scene: Any, samples: int, seed: int) -> tuple[Any, float, float]:
    """The mean of `samples` a pixel, and the seconds and processor seconds it took."""
    began, worked = time.perf_counter(), time.process_time()
    total: Any = 0.0
    done = 0
    while done < samples:
        some = min(PASS, samples - done)
        total = total + np.array(mi.render(scene, spp=some, seed=seed + done)) * some
        done += some
    return total / samples, time.perf_counter() - began, time.process_time() - worked


def main() -> None:
    variant, folder, *numbers, kept = sys.argv[1:]
    width, samples, half, depth, threads = (int(number) for number in numbers)
    mi.set_variant(variant)
    mi.set_log_level(mi.LogLevel.Error)
    dr.set_thread_count(threads)
    output = Path(kept)
    output.mkdir(parents=True, exist_ok=True)
    scene = load(Path(folder), output, width, depth)
    # Compiles; only the wavefront variant has anything to compile, for each size of launch.
    render(scene, min(PASS, samples) if variant.startswith("llvm") else 1, 1)
    image, seconds, processor = render(scene, samples, 1000)
    peak = peak_mb()
    np.save(output / "image.npy", image)
    for number in range(2 if half else 0):
        np.save(output / f"half{number}.npy", render(scene, half, 500_000 * (number + 1))[0])
    print(json.dumps({"seconds": seconds, "processor": processor, "peak_mb": peak}))


if __name__ == "__main__":
    main()
