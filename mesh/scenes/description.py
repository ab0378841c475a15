"""What a scene file says, as plain arrays: the loaders' output. Knows no file format and no renderer.

Right-handed, Y up, metres, radians, linear Rec. 709; exactly glTF's conventions. All arrays are
C-contiguous. Indices refer to the tuples of `Scene`. Everything that may move is in a `Snapshot`,
evaluated for one time; everything else is in `Scene` and is loaded once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]


class AlphaMode(IntEnum):
    OPAQUE = 0
    MASK = 1
    BLEND = 2


class Wrap(IntEnum):
    REPEAT = 0
    CLAMP = 1
    MIRROR = 2


class LightKind(IntEnum):
    DIRECTIONAL = 0
    POINT = 1
    SPOT = 2


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """A decoded texture: (height, width, 4) uint8 as stored, not yet linearised."""

    name: str
    pixels: U8


@dataclass(frozen=True, slots=True)
class Texture:
    """How an image is looked up: which, with what wrapping, which uv set, under which transform.

    The transform is KHR_texture_transform's: uv' = offset + rotate(scale * uv). `texcoord` is 0 or 1.
    """

    image: int
    texcoord: int = 0
    wrap_s: Wrap = Wrap.REPEAT
    wrap_t: Wrap = Wrap.REPEAT
    nearest: bool = False
    offset: tuple[float, float] = (0.0, 0.0)
    rotation: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)


RGB = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Material:
    """Metallic-roughness and the KHR extensions, with glTF's names, units and defaults."""

    name: str = ""
    base_color: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    base_color_texture: Texture | None = None
    metallic: float = 1.0
    roughness: float = 1.0
    metallic_roughness_texture: Texture | None = None
    normal_texture: Texture | None = None
    normal_scale: float = 1.0
    occlusion_texture: Texture | None = None
    occlusion_strength: float = 1.0
    emissive: RGB = (0.0, 0.0, 0.0)
    """emissiveFactor times KHR_materials_emissive_strength."""
    emissive_texture: Texture | None = None
    alpha_mode: AlphaMode = AlphaMode.OPAQUE
    alpha_cutoff: float = 0.5
    double_sided: bool = False
    unlit: bool = False
    ior: float = 1.5
    specular: float = 1.0
    specular_texture: Texture | None = None
    specular_color: RGB = (1.0, 1.0, 1.0)
    specular_color_texture: Texture | None = None
    clearcoat: float = 0.0
    clearcoat_texture: Texture | None = None
    clearcoat_roughness: float = 0.0
    clearcoat_roughness_texture: Texture | None = None
    clearcoat_normal_texture: Texture | None = None
    transmission: float = 0.0
    transmission_texture: Texture | None = None
    thickness: float = 0.0
    """KHR_materials_volume: 0 is a thin wall."""
    thickness_texture: Texture | None = None
    attenuation_distance: float = float("inf")
    attenuation_color: RGB = (1.0, 1.0, 1.0)
    sheen_color: RGB = (0.0, 0.0, 0.0)
    sheen_color_texture: Texture | None = None
    sheen_roughness: float = 0.0
    sheen_roughness_texture: Texture | None = None
    anisotropy: float = 0.0
    anisotropy_rotation: float = 0.0
    anisotropy_texture: Texture | None = None
    iridescence: float = 0.0
    iridescence_texture: Texture | None = None
    iridescence_ior: float = 1.3
    iridescence_thickness_minimum: float = 100.0
    iridescence_thickness_maximum: float = 400.0
    """Nanometres."""
    iridescence_thickness_texture: Texture | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """One primitive's triangles at rest, with one material.

    positions (n, 3), normals (n, 3), tangents (n, 4) with glTF's sign in w, uv0/uv1 (n, 2), colors (n, 4)
    linear; triangles (m, 3) indices below n. Absent attributes are None, except that normals are always
    given (computed flat where the file has none). `digest` names the geometry (positions and triangles),
    so that acceleration structures can be kept by content.
    """

    name: str
    material: int
    digest: bytes
    positions: F32
    triangles: I32
    normals: F32
    tangents: F32 | None = None
    uv0: F32 | None = None
    uv1: F32 | None = None
    colors: F32 | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """A mesh placed in the world: column-vector 4 x 4 float64 matrix. Negative determinants flip winding.

    A skinned or morphed mesh comes as `deformed`: the same triangles with this moment's positions,
    normals and tangents, already in the skin's space; `mesh` still gives its material, uvs and colours.
    """

    mesh: int
    transform: NDArray[np.float64]
    name: str = ""
    deformed: Mesh | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """Perspective or orthographic, looking down its -Z with +Y up; `transform` is camera to world.

    `yfov` is in radians; where `orthographic_height` is set the camera is orthographic and this is the
    full height it sees. Aperture 0 is a pinhole; lengths are in metres.
    """

    name: str
    transform: NDArray[np.float64]
    yfov: float = 0.7
    aspect: float | None = None
    orthographic_height: float | None = None
    aperture_radius: float = 0.0
    focus_distance: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """KHR_lights_punctual: shines along its -Z. Intensity in lux (directional) or candela (others)."""

    name: str
    kind: LightKind
    transform: NDArray[np.float64]
    color: RGB = (1.0, 1.0, 1.0)
    intensity: float = 1.0
    range: float = float("inf")
    inner_cone: float = 0.0
    outer_cone: float = 0.7853981633974483


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The scene at one time."""

    time: float
    instances: tuple[Instance, ...]
    cameras: tuple[Camera, ...]
    lights: tuple[Light, ...]


class Evaluate(Protocol):
    def __call__(self, time: float, shift: float = 0.0) -> Snapshot: ...


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One opened scene file: what never moves, and `at(time)` for what does.

    `at` is a pure function of the time in seconds, and of how much later (or earlier, below 0) within the same frame the
    moment is: a clip neither begins nor ends again within a frame. `warnings` are sentences for the submitter, such as an
    optional extension that is not supported.
    """

    name: str
    images: tuple[Image, ...]
    materials: tuple[Material, ...]
    meshes: tuple[Mesh, ...]
    at: Evaluate
    duration: float = 0.0
    """Length of the chosen animation clip in seconds; 0 for a still."""
    clips: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())
