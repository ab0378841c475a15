"""Which glTF extensions the reader knows, and what happens with the others. Standard library only.

An unknown extension that the file *requires* refuses the file, at submit time already; one that it merely
uses becomes a warning, since the specification promises a sensible look without it.
"""

from __future__ import annotations

from mesh.scenes.errors import UnsupportedExtension
from mesh.scenes.gltf.cursor import Value

SUPPORTED = frozenset(
    {
        "EXT_mesh_gpu_instancing",
        "EXT_meshopt_compression",
        "EXT_texture_webp",
        "KHR_animation_pointer",
        "KHR_draco_mesh_compression",
        "KHR_lights_punctual",
        "KHR_materials_anisotropy",
        "KHR_materials_clearcoat",
        "KHR_materials_emissive_strength",
        "KHR_materials_ior",
        "KHR_materials_iridescence",
        "KHR_materials_pbrSpecularGlossiness",
        "KHR_materials_sheen",
        "KHR_materials_specular",
        "KHR_materials_transmission",
        "KHR_materials_unlit",
        "KHR_materials_variants",
        "KHR_materials_volume",
        "KHR_mesh_quantization",
        "KHR_texture_transform",
    }
)
# These change nothing in a picture, so nobody needs a warning about them.
SILENT = frozenset({"KHR_xmp", "KHR_xmp_json_ld", "EXT_texture_procedurals_mx_1_39"})


def check_extensions(root: Value) -> tuple[str, ...]:
    """Warnings for unknown used extensions. Raises UnsupportedExtension for unknown required ones."""
    lacking = [name for name in root.texts("extensionsRequired") if name not in SUPPORTED | SILENT]
    if lacking:
        raise UnsupportedExtension(
            file=root.file, names=", ".join(name[:60] for name in dict.fromkeys(lacking))
        )
    unknown = [name for name in root.texts("extensionsUsed") if name not in SUPPORTED | SILENT]
    if not unknown:
        return ()
    names = ", ".join(name[:60] for name in sorted(set(unknown)))
    return (f"{root.file} uses {names}, which is not supported and left out",)
