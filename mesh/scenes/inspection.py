"""What can be chosen in a scene file: cameras, clips, scenes and variants, from its JSON alone.

Runs in the command line's process at submit: no library, no pixels, no vertices.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mesh.scenes.gltf.clips import keys_of, played_together
from mesh.scenes.gltf.cursor import Value
from mesh.scenes.gltf.document import Document, choose, read_document
from mesh.scenes.gltf.hierarchy import camera_nodes, chosen_scene, light_nodes, walk
from mesh.scenes.gltf.lenses import SUN, camera_aspect
from mesh.scenes.gltf.need import least_memory


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """A camera of the scene by the name `--camera` takes; `aspect` is width over height, if it has one."""

    name: str
    aspect: float | None


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """An animation clip and its length in seconds; None where the file does not state it.

    `first` is the time of its first keyframe, `step` the least mean time between a channel's keyframes, 0 where none has
    two. `plays`: it is among those shown where no clip is named.
    """

    name: str
    duration: float | None
    first: float | None = None
    step: float = 0.0
    plays: bool = True


@dataclass(frozen=True, slots=True)
class SceneInfo:
    """What a scene file offers. `has_lights`: it has punctual lights, or surfaces that shine. `least_memory`: bytes
    without which it cannot be rendered. `lux` and `candela` are of its brightest sun and its brightest lamp, 0 where it
    has none; `generator` is the program that wrote it, as the file says."""

    name: str
    cameras: tuple[CameraInfo, ...]
    clips: tuple[ClipInfo, ...]
    scenes: tuple[str, ...]
    variants: tuple[str, ...]
    has_lights: bool
    least_memory: int
    warnings: tuple[str, ...]
    generator: str = ""
    lux: float = 0.0
    candela: float = 0.0

    def check_camera(self, name: str) -> None:
        """Raises NoSuchChoice, listing the cameras, where there is none of this name."""
        choose(self.name, "camera", name, [camera.name for camera in self.cameras])

    def check_clip(self, name: str) -> None:
        choose(self.name, "clip", name, [clip.name for clip in self.clips])

    def check_variant(self, name: str) -> None:
        choose(self.name, "variant", name, self.variants)


def inspect(entry: Path, *, scene: str = "") -> SceneInfo:
    """The choices in a .gltf or .glb file, for its scene called `scene` or its default one.

    Raises BadScene, UnsupportedExtension, UnknownFormat, MissingFiles or NoSuchChoice.
    """
    document = read_document(entry)
    nodes = walk(document, chosen_scene(document, scene))
    lights = [light for _, light in light_nodes(document, nodes)]
    suns, lamps = (
        [light.number("intensity", 1.0) for light in lights if (light.text("type") == SUN) is are_suns]
        for are_suns in (True, False)
    )
    return SceneInfo(
        name=entry.name,
        cameras=tuple(
            CameraInfo(name, camera_aspect(camera)) for name, _, camera in camera_nodes(document, nodes)
        ),
        clips=_clips(document),
        scenes=document.names("scenes"),
        variants=document.names_of_variants(),
        has_lights=bool(lights) or any(_shines(material) for material in document.objects("materials")),
        least_memory=least_memory(document, nodes),
        warnings=document.warnings,
        generator=document.root.required("asset").text("generator"),
        lux=max(suns, default=0.0),
        candela=max(lamps, default=0.0),
    )


def _clips(document: Document) -> tuple[ClipInfo, ...]:
    animations, accessors = document.objects("animations"), document.objects("accessors")
    played = played_together(animations)
    found = []
    for at, (name, animation) in enumerate(zip(document.names("animations"), animations, strict=True)):
        keys = keys_of(animation, accessors)
        found.append(ClipInfo(name, keys.last, keys.first, keys.step, at in played))
    return tuple(found)


def _shines(material: Value) -> bool:
    return any(component > 0.0 for component in material.numbers("emissiveFactor", (0.0, 0.0, 0.0)))
