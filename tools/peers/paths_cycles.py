"""Cycles (the `bpy` package) rendering what tools/bench_paths.py measures; prints one JSON object last.

Arguments: ignored, folder of the scene, width, samples of a test, of half a reference, depth, threads,
output folder. The time of a test is that of a render less that of one with a single sample: Cycles cannot be
asked for its sampling alone, and building the scene is not what is compared.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import bpy
import mathutils
import numpy as np

from tools.peers.peak import peak_mb


def image_node(tree: Any, pixels: Any, colour: bool) -> Any:
    height, width = pixels.shape[:2]
    image = bpy.data.images.new("texture", width, height, alpha=pixels.shape[2] == 4, float_buffer=False)
    image.alpha_mode = "CHANNEL_PACKED"
    image.colorspace_settings.name = "sRGB" if colour else "Non-Color"
    # Rows run upwards here.
    image.pixels.foreach_set(np.ascontiguousarray(pixels[::-1].astype(np.float32) / 255.0).reshape(-1))
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    return node


def make_material(said: dict[str, Any], images: list[Any]) -> Any:
    material = bpy.data.materials.new("material")
    material.use_nodes = True
    tree = material.node_tree
    principled = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    if said["model"] != "principled":
        set_model(said, tree, principled, images)
        return material
    principled.inputs["Base Color"].default_value = (*said["base_color"], 1.0)
    principled.inputs["Metallic"].default_value = said["metallic"]
    principled.inputs["Roughness"].default_value = said["roughness"]
    if said["base_color_image"] >= 0:
        node = image_node(tree, images[said["base_color_image"]], colour=True)
        tree.links.new(node.outputs["Color"], principled.inputs["Base Color"])
        if said["blend"]:
            tree.links.new(node.outputs["Alpha"], principled.inputs["Alpha"])
    if said["metallic_roughness_image"] >= 0:
        node = image_node(tree, images[said["metallic_roughness_image"]], colour=False)
        parts = tree.nodes.new("ShaderNodeSeparateColor")
        tree.links.new(node.outputs["Color"], parts.inputs["Color"])
        tree.links.new(parts.outputs["Green"], principled.inputs["Roughness"])
        tree.links.new(parts.outputs["Blue"], principled.inputs["Metallic"])
    bend_normal(said, tree, principled, images)
    if max(said["emissive"]) > 0.0:
        principled.inputs["Emission Color"].default_value = (*said["emissive"], 1.0)
        tree.links.new(is_front(tree), principled.inputs["Emission Strength"])
    return material


def bend_normal(said: dict[str, Any], tree: Any, shader: Any, images: list[Any]) -> None:
    if said["normal_image"] >= 0:
        node = image_node(tree, images[said["normal_image"]], colour=False)
        bump = tree.nodes.new("ShaderNodeNormalMap")
        tree.links.new(node.outputs["Color"], bump.inputs["Color"])
        tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])


def is_front(tree: Any) -> Any:
    """1 on the front of a surface, else 0: glTF's lamps shine on their front only."""
    geometry = tree.nodes.new("ShaderNodeNewGeometry")
    front = tree.nodes.new("ShaderNodeMath")
    front.operation = "SUBTRACT"
    front.inputs[0].default_value = 1.0
    tree.links.new(geometry.outputs["Backfacing"], front.inputs[1])
    return front.outputs["Value"]


def set_model(said: dict[str, Any], tree: Any, principled: Any, images: list[Any]) -> None:
    """Where ours is one plain lobe, the same lobe: Lambert's, or a GGX mirror or glass that loses no light."""
    kind = {
        "matte": "ShaderNodeBsdfDiffuse",
        "mirror": "ShaderNodeBsdfAnisotropic",
        "glass": "ShaderNodeBsdfGlass",
    }
    shader = tree.nodes.new(kind[said["model"]])
    shader.inputs["Color"].default_value = (*said["base_color"], 1.0)
    shader.inputs["Roughness"].default_value = 0.0 if said["model"] == "matte" else said["roughness"]
    if said["model"] in ("mirror", "glass"):
        shader.distribution = "MULTI_GGX"
    if said["model"] == "glass":
        shader.inputs["IOR"].default_value = 1.5
    bend_normal(said, tree, shader, images)
    result = shader.outputs["BSDF"]
    alpha = None
    if said["base_color_image"] >= 0:
        node = image_node(tree, images[said["base_color_image"]], colour=True)
        tree.links.new(node.outputs["Color"], shader.inputs["Color"])
        alpha = node.outputs["Alpha"]
    if max(said["emissive"]) > 0.0:
        glow = tree.nodes.new("ShaderNodeEmission")
        glow.inputs["Color"].default_value = (*said["emissive"], 1.0)
        tree.links.new(is_front(tree), glow.inputs["Strength"])
        both = tree.nodes.new("ShaderNodeAddShader")
        tree.links.new(result, both.inputs[0])
        tree.links.new(glow.outputs["Emission"], both.inputs[1])
        result = both.outputs["Shader"]
    if alpha is not None and (said["blend"] or said["cutoff"] > 0.0):
        if said["cutoff"] > 0.0:
            above = tree.nodes.new("ShaderNodeMath")
            above.operation = "GREATER_THAN"
            tree.links.new(alpha, above.inputs[0])
            above.inputs[1].default_value = said["cutoff"]
            alpha = above.outputs["Value"]
        mix = tree.nodes.new("ShaderNodeMixShader")
        tree.links.new(alpha, mix.inputs["Fac"])
        tree.links.new(tree.nodes.new("ShaderNodeBsdfTransparent").outputs["BSDF"], mix.inputs[1])
        tree.links.new(result, mix.inputs[2])
        result = mix.outputs["Shader"]
    output = next(node for node in tree.nodes if node.type == "OUTPUT_MATERIAL")
    tree.links.new(result, output.inputs["Surface"])
    tree.nodes.remove(principled)


def add_lamp(said: dict[str, Any]) -> None:
    is_point = said["kind"] == "point"
    lamp = bpy.data.lights.new("lamp", "POINT" if is_point else "SUN")
    strength = max(said["intensity"])
    lamp.color = [channel / strength for channel in said["intensity"]]
    # Watts of a point lamp go in all directions; a sun's strength is its irradiance.
    lamp.energy = strength * 4.0 * np.pi if is_point else strength
    if is_point:
        lamp.shadow_soft_size = 0.0
    else:
        lamp.angle = 0.0
    placed = bpy.data.objects.new("lamp", lamp)
    x, y, z = said["direction"]
    placed.rotation_mode = "QUATERNION"
    placed.rotation_quaternion = mathutils.Vector((x, -z, y)).to_track_quat("-Z", "Y")
    placed.location = (said["origin"][0], -said["origin"][2], said["origin"][1])
    bpy.context.collection.objects.link(placed)


def upright(array: Any) -> Any:
    """Our y up as Blender's z up."""
    return np.stack([array[:, 0], -array[:, 2], array[:, 1]], axis=1)


def add_mesh(folder: Path, said: dict[str, Any], material: Any) -> None:
    positions, normals, uv = (np.load(folder / said[key]) for key in ("positions", "normals", "uv"))
    triangles = np.load(folder / said["triangles"])
    mesh = bpy.data.meshes.new("mesh")
    mesh.from_pydata(upright(positions), [], triangles.tolist())
    corners = triangles.reshape(-1)
    layer = mesh.uv_layers.new()
    flipped = np.stack([uv[:, 0], 1.0 - uv[:, 1]], axis=1)[corners].astype(np.float32)
    layer.data.foreach_set("uv", flipped.reshape(-1))
    mesh.normals_split_custom_set_from_vertices(upright(normals).tolist())
    mesh.materials.append(material)
    placed = bpy.data.objects.new("object", mesh)
    # Lifts the origins of shadow rays off coarse meshes, which brightens them; the others do nothing of the kind.
    placed.shadow_terminator_geometry_offset = 0.0
    bpy.context.collection.objects.link(placed)


def add_camera(said: dict[str, Any]) -> None:
    lens = bpy.data.cameras.new("camera")
    lens.sensor_fit, lens.angle = "VERTICAL", said["yfov"]
    # What lies beyond clip_end is black, and scenes may be large.
    lens.clip_start, lens.clip_end = 0.001, 1e6
    camera = bpy.data.objects.new("camera", lens)
    axes = upright(np.array([said["right"], said["up"], said["back"], said["origin"]]))
    matrix = np.eye(4)
    matrix[:3, :4] = axes.T
    camera.matrix_world = mathutils.Matrix(matrix.tolist())
    bpy.context.collection.objects.link(camera)
    bpy.context.scene.camera = camera


def light_world(environment: str) -> None:
    world = bpy.data.worlds.new("world")
    bpy.context.scene.world = world
    world.use_nodes = True
    tree = world.node_tree
    background = next(node for node in tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (0.0, 0.0, 0.0, 1.0)
    if environment:
        node = tree.nodes.new("ShaderNodeTexEnvironment")
        node.image = bpy.data.images.load(environment)
        tree.links.new(node.outputs["Color"], background.inputs["Color"])


def set_up(folder: Path, width: int, depth: int, threads: int) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    said = json.loads((folder / "scene.json").read_text())
    images = [np.load(folder / name) for name in said["images"]]
    materials = [make_material(one, images) for one in said["materials"]]
    for mesh in said["meshes"]:
        add_mesh(folder, mesh, materials[mesh["material"]])
    for lamp in said["lamps"]:
        add_lamp(lamp)
    add_camera(said["camera"])
    light_world(said["environment"])
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x = scene.render.resolution_y = width
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_depth = "32"
    scene.view_settings.view_transform = "Raw"
    cycles = scene.cycles
    cycles.device, cycles.use_adaptive_sampling, cycles.use_denoising = "CPU", False, False
    cycles.max_bounces = cycles.diffuse_bounces = cycles.glossy_bounces = depth
    cycles.transmission_bounces = cycles.transparent_max_bounces = depth
    cycles.sample_clamp_indirect = cycles.sample_clamp_direct = 0.0
    cycles.pixel_filter_type, cycles.filter_width = "BLACKMAN_HARRIS", 1.5
    cycles.caustics_reflective = True
    cycles.blur_glossy = 0.0
    scene.render.use_persistent_data = True


def render(path: Path, samples: int, seed: int) -> tuple[Any, float, float]:
    """The picture, and the seconds and processor seconds it took."""
    scene = bpy.context.scene
    scene.cycles.samples, scene.cycles.seed = samples, seed
    scene.render.filepath = str(path)
    began, worked = time.perf_counter(), time.process_time()
    bpy.ops.render.render(write_still=True)
    seconds, processor = time.perf_counter() - began, time.process_time() - worked
    image = bpy.data.images.load(str(path))
    image.colorspace_settings.name = "Non-Color"
    pixels = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(pixels)
    found = pixels.reshape(image.size[1], image.size[0], 4)[::-1, :, :3].copy()
    bpy.data.images.remove(image)
    return found, seconds, processor


def main() -> None:
    _, folder, *numbers, kept = sys.argv[1:]
    width, samples, half, depth, threads = (int(number) for number in numbers)
    output = Path(kept)
    output.mkdir(parents=True, exist_ok=True)
    set_up(Path(folder), width, depth, threads)
    render(output / "warm.exr", 1, 1)
    _, least, least_processor = render(output / "one.exr", 1, 2)
    image, seconds, processor = render(output / "image.exr", samples + 1, 3)
    peak = peak_mb()
    np.save(output / "image.npy", image)
    for number in range(2 if half else 0):
        np.save(output / f"half{number}.npy", render(output / "half.exr", half, 4 + number)[0])
    said = {"seconds": seconds - least, "processor": processor - least_processor, "peak_mb": peak}
    print(json.dumps(said))


if __name__ == "__main__":
    main()
