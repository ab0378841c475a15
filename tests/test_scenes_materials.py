"""Reading looks: materials and their extensions, textures, images, variants."""

from __future__ import annotations

import base64
import io
import json
import math
import struct
import zlib

import numpy as np
import pytest
from PIL import Image as Pillow

from mesh.scenes import open_scene
from mesh.scenes.description import AlphaMode, Material, Texture, Wrap
from mesh.scenes.errors import BadScene, NoSuchChoice
from tests.gltf_builder import Gltf, triangle


def material_of(tmp_path, fields):
    gltf = triangle(material=0)
    gltf.add("textures", {"source": gltf.image([[[1, 2, 3]]])})
    gltf.add("materials", fields)
    return gltf.open(tmp_path).materials[0]


def test_a_primitive_without_a_material_gets_gltfs_default_one(tmp_path):
    assert triangle().open(tmp_path).materials == (Material(name="default"),)


def test_the_core_fields_are_read(tmp_path):
    found = material_of(
        tmp_path,
        {
            "name": "brick",
            "pbrMetallicRoughness": {
                "baseColorFactor": [0.1, 0.2, 0.3, 0.4],
                "metallicFactor": 0.5,
                "roughnessFactor": 0.6,
            },
            "normalTexture": {"index": 0, "scale": 0.7},
            "occlusionTexture": {"index": 0, "strength": 0.8},
            "emissiveFactor": [0.5, 0.25, 0],
            "alphaMode": "MASK",
            "alphaCutoff": 0.9,
            "doubleSided": True,
        },
    )
    assert found == Material(
        name="brick",
        base_color=(0.1, 0.2, 0.3, 0.4),
        metallic=0.5,
        roughness=0.6,
        normal_texture=Texture(0),
        normal_scale=0.7,
        occlusion_texture=Texture(0),
        occlusion_strength=0.8,
        emissive=(0.5, 0.25, 0.0),
        alpha_mode=AlphaMode.MASK,
        alpha_cutoff=0.9,
        double_sided=True,
    )


@pytest.mark.parametrize(
    ("extension", "fields", "expected"),
    [
        ("KHR_materials_unlit", {}, {"unlit": True}),
        ("KHR_materials_ior", {"ior": 1.33}, {"ior": 1.33}),
        (
            "KHR_materials_specular",
            {"specularFactor": 0.5, "specularColorFactor": [2, 1, 0], "specularTexture": {"index": 0}},
            {"specular": 0.5, "specular_color": (2.0, 1.0, 0.0), "specular_texture": Texture(0)},
        ),
        (
            "KHR_materials_clearcoat",
            {
                "clearcoatFactor": 1.0,
                "clearcoatRoughnessFactor": 0.2,
                "clearcoatNormalTexture": {"index": 0},
            },
            {"clearcoat": 1.0, "clearcoat_roughness": 0.2, "clearcoat_normal_texture": Texture(0)},
        ),
        ("KHR_materials_transmission", {"transmissionFactor": 0.9}, {"transmission": 0.9}),
        (
            "KHR_materials_volume",
            {"thicknessFactor": 0.1, "attenuationDistance": 2.0, "attenuationColor": [1, 0.5, 0]},
            {"thickness": 0.1, "attenuation_distance": 2.0, "attenuation_color": (1.0, 0.5, 0.0)},
        ),
        ("KHR_materials_volume", {}, {"attenuation_distance": math.inf}),
        (
            "KHR_materials_sheen",
            {"sheenColorFactor": [0.1, 0.2, 0.3], "sheenRoughnessFactor": 0.4},
            {"sheen_color": (0.1, 0.2, 0.3), "sheen_roughness": 0.4},
        ),
        (
            "KHR_materials_anisotropy",
            {"anisotropyStrength": 0.5, "anisotropyRotation": 1.5, "anisotropyTexture": {"index": 0}},
            {"anisotropy": 0.5, "anisotropy_rotation": 1.5, "anisotropy_texture": Texture(0)},
        ),
        (
            "KHR_materials_iridescence",
            {"iridescenceFactor": 1.0, "iridescenceIor": 1.4, "iridescenceThicknessMaximum": 500.0},
            {"iridescence": 1.0, "iridescence_ior": 1.4, "iridescence_thickness_maximum": 500.0},
        ),
    ],
)
def test_each_extension_reaches_its_fields(tmp_path, extension, fields, expected):
    found = material_of(tmp_path, {"name": "m", "extensions": {extension: fields}})
    assert found == Material(name="m", **expected)


def test_specular_and_glossiness_become_a_dielectric_whose_colour_says_how_much_it_mirrors(tmp_path):
    """Archived by Khronos, and in many files still. Where there is a fallback beside it, the extension wins."""
    gltf = triangle(material=0)
    gltf.add("textures", {"source": gltf.image([[[10, 20, 30, 200]]])})
    glossy = {
        "diffuseFactor": [0.1, 0.2, 0.3, 0.4],
        "specularFactor": [0.5, 0.6, 0.7],
        "glossinessFactor": 0.5,
        "specularGlossinessTexture": {"index": 0},
    }
    gltf.add(
        "materials",
        {
            "name": "m",
            "pbrMetallicRoughness": {"baseColorFactor": [1, 0, 0, 1]},
            "extensions": {"KHR_materials_pbrSpecularGlossiness": glossy},
        },
    )
    gltf.json["extensionsRequired"] = ["KHR_materials_pbrSpecularGlossiness"]

    scene = gltf.open(tmp_path)

    assert scene.materials[0] == Material(
        name="m",
        base_color=(0.1, 0.2, 0.3, 0.4),
        metallic=0.0,
        roughness=1.0,
        metallic_roughness_texture=Texture(0),
        ior=0.0,
        specular_color=(0.5, 0.6, 0.7),
        specular_color_texture=Texture(1),
    )
    roughness, color = (image.pixels[0, 0].tolist() for image in scene.images)
    assert roughness[1] == 255 - 100
    assert color == [10, 20, 30, 200]


def test_glossiness_without_a_texture_is_turned_over(tmp_path):
    glossy = {"KHR_materials_pbrSpecularGlossiness": {"glossinessFactor": 0.75}}
    found = material_of(tmp_path, {"extensions": glossy})
    assert (found.roughness, found.metallic, found.specular_color) == (0.25, 0.0, (1.0, 1.0, 1.0))


def test_emissive_strength_multiplies_the_emissive_factor(tmp_path):
    strength = {"KHR_materials_emissive_strength": {"emissiveStrength": 8.0}}
    found = material_of(tmp_path, {"emissiveFactor": [1, 0.5, 0], "extensions": strength})
    assert found.emissive == (8.0, 4.0, 0.0)


def test_a_texture_takes_its_sampler_uv_set_and_transform(tmp_path):
    gltf = triangle(material=0)
    sampler = gltf.add("samplers", {"wrapS": 33071, "wrapT": 33648, "magFilter": 9728})
    gltf.add("textures", {"source": gltf.image([[[1, 2, 3]]]), "sampler": sampler})
    transform = {"offset": [0.1, 0.2], "rotation": 0.3, "scale": [4, 5], "texCoord": 1}
    texture = {"index": 0, "texCoord": 0, "extensions": {"KHR_texture_transform": transform}}
    gltf.add("materials", {"pbrMetallicRoughness": {"baseColorTexture": texture}})
    found = gltf.open(tmp_path).materials[0].base_color_texture
    assert found == Texture(0, 1, Wrap.CLAMP, Wrap.MIRROR, True, (0.1, 0.2), 0.3, (4.0, 5.0))


@pytest.mark.parametrize(
    ("pixel", "file_format", "expected"),
    [
        ([10, 20, 30], "PNG", [10, 20, 30, 255]),
        ([10, 20, 30, 40], "PNG", [10, 20, 30, 40]),
        ([200, 100, 50, 0], "PNG", [200, 100, 50, 0]),
        (128, "PNG", [128, 128, 128, 255]),
        ([128, 128, 128], "JPEG", [128, 128, 128, 255]),
        ([10, 20, 30, 40], "WEBP", [10, 20, 30, 40]),
    ],
)
def test_images_arrive_as_rgba_just_as_stored(tmp_path, pixel, file_format, expected):
    gltf = triangle(material=0)
    save = {"lossless": True, "exact": True} if file_format == "WEBP" else {}
    gltf.add(
        "textures", {"source": gltf.image(np.full((2, 3, *np.shape(pixel)), pixel), file_format, **save)}
    )
    gltf.add("materials", {"occlusionTexture": {"index": 0}})
    (image,) = gltf.open(tmp_path).images
    assert image.pixels.shape == (2, 3, 4)
    assert image.pixels[1, 2].tolist() == expected


def test_16_bit_grey_keeps_its_upper_half(tmp_path):
    gltf = triangle(material=0)
    file = io.BytesIO()
    Pillow.fromarray(np.uint16([[0x1234, 0xFFFF]])).save(file, "PNG")
    gltf.add("textures", {"source": gltf.add("images", {"bufferView": gltf.view(file.getvalue())})})
    gltf.add("materials", {"occlusionTexture": {"index": 0}})
    (image,) = gltf.open(tmp_path).images
    assert image.pixels[0].tolist() == [[0x12, 0x12, 0x12, 255], [255, 255, 255, 255]]


@pytest.mark.parametrize("as_data", [True, False])
def test_images_and_buffers_may_be_data_uris_or_files(tmp_path, as_data):
    gltf = triangle(material=0)
    file = io.BytesIO()
    Pillow.new("RGB", (1, 1), (7, 8, 9)).save(file, "PNG")
    data = {"a b.png": file.getvalue(), "x.bin": bytes(gltf.binary)}
    uris = {"a b.png": "a%20b.png", "x.bin": "x.bin"}
    for name, content in data.items():
        (tmp_path / name).write_bytes(content)
        if as_data:
            uris[name] = "data:application/octet-stream;base64," + base64.b64encode(content).decode()
    gltf.add("textures", {"source": gltf.add("images", {"uri": uris["a b.png"]})})
    gltf.add("materials", {"occlusionTexture": {"index": 0}})
    gltf.json["buffers"] = [{"byteLength": len(gltf.binary), "uri": uris["x.bin"]}]
    path = tmp_path / "scene.gltf"
    path.write_text(json.dumps(gltf.json))
    (image,) = open_scene(path).images
    assert image.pixels.tolist() == [[[7, 8, 9, 255]]]


def test_images_that_no_shown_mesh_uses_are_not_decoded(tmp_path):
    gltf = triangle()
    gltf.add("textures", {"source": gltf.add("images", {"bufferView": gltf.view(b"no image at all")})})
    gltf.add("materials", {"occlusionTexture": {"index": 0}})
    assert gltf.open(tmp_path).images == ()


def test_a_damaged_image_is_named(tmp_path):
    gltf = triangle(material=0)
    file = io.BytesIO()
    Pillow.effect_noise((64, 64), 50).save(file, "PNG")
    gltf.add("images", {"bufferView": gltf.view(file.getvalue()[:900])})
    gltf.add("textures", {"source": 0})
    gltf.add("materials", {"occlusionTexture": {"index": 0}})
    with pytest.raises(BadScene, match=r"images\[0\] is a damaged image"):
        gltf.open(tmp_path)


def variants():
    """A triangle that is material 0 as it is, and material 1 in the variant `night`."""
    gltf = triangle(
        material=0,
        extensions={"KHR_materials_variants": {"mappings": [{"material": 1, "variants": [1]}]}},
    )
    gltf.add("materials", {"name": "sunlit"})
    gltf.add("materials", {"name": "moonlit"})
    names = {"variants": [{"name": "day"}, {"name": "night"}]}
    gltf.json["extensions"] = {"KHR_materials_variants": names}
    return gltf


@pytest.mark.parametrize(("variant", "expected"), [("", "sunlit"), ("day", "sunlit"), ("night", "moonlit")])
def test_a_variant_swaps_materials(tmp_path, variant, expected):
    scene = variants().open(tmp_path, variant=variant)
    assert scene.materials[scene.meshes[0].material].name == expected
    assert scene.variants == ("day", "night")


def test_an_unknown_variant_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(NoSuchChoice, match=r"has no variant called 'noon'\. It has: day, night"):
        variants().open(tmp_path, variant="noon")


def test_an_unknown_extension_that_is_only_used_becomes_a_warning(tmp_path):
    gltf = Gltf()
    gltf.json["extensionsUsed"] = ["VENDOR_magic"]
    assert gltf.open(tmp_path).warnings == (
        "scene.glb uses VENDOR_magic, which is not supported and left out",
    )


def png_of_size(width, height):
    """A PNG that says it is so large, and holds nothing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("width", "height", "sentence"),
    [
        (100_000, 100_000, r"images\[0\] is 100000 x 100000; the most is 32768"),
        (30_000, 30_000, r"images\[0\] and the other images have 900000000 pixels; the most is 268435456"),
        (16_000, 12_000, r"images\[0\] is a damaged image"),
    ],
)
def test_images_too_large_are_told_from_damaged_ones(tmp_path, width, height, sentence):
    """The last would fit, by what it says, and is found to be damaged where it is decoded."""
    gltf = triangle(material=0)
    image = gltf.add("images", {"bufferView": gltf.view(png_of_size(width, height)), "mimeType": "image/png"})
    gltf.add("textures", {"source": image})
    gltf.add("materials", {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}})
    with pytest.raises(BadScene, match=sentence):
        gltf.open(tmp_path)
