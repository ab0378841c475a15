"""What is worth knowing before a scene is rendered: where its frames, its framing or its lamps are not what its author
saw in the program that exported it. Pure functions of what the file says and what is asked for.

What is said of Blender is what its own exporter does: it writes frame f at f / fps seconds, so that time begins at its
frame 0, and by default lamps in lux and candela of 683 lumens a watt, while what shines keeps Blender's numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from mesh.model.manifest import RenderSettings
from mesh.scenes.inspection import CameraInfo, ClipInfo, SceneInfo

_BLENDER = "Khronos glTF Blender I/O"
_RATES = (12, 15, 23.976, 24, 24.024, 25, 29.97, 30, 30.03, 48, 50, 59.94, 60, 60.06, 100, 120, 240)
"""Frames a second that people animate at; those a little above a whole one are what Blender makes of NTSC's."""
_LUX, _CANDELA = 100.0, 2000.0
"""From here on a sun or a lamp is none that people give in watts: suns have a few, and 25 kW are 2000 without units."""
_NAMED = 5


def advice(info: SceneInfo, frames: Sequence[int], settings: RenderSettings) -> tuple[str, ...]:
    """Sentences for whoever submits these frames, as continuations of "Note:"; none where all is as it seems."""
    playing = [clip for clip in info.clips if (clip.name == settings.clip if settings.clip else clip.plays)]
    found = [*_clips(info.clips, settings)]
    if info.generator.startswith(_BLENDER):
        found += _blenders_frames(playing, frames, settings)
        if info.lux >= _LUX or info.candela >= _CANDELA:
            found.append(
                "its lamps have 683 times the numbers that they have in Blender, and what shines and --environment "
                "are that much too dark beside them: export with the lighting mode Unitless"
            )
    if len(info.cameras) > 1 and not settings.camera:
        others = _listed([camera.name for camera in info.cameras[1:]])
        found.append(
            f"its first camera, {info.cameras[0].name}, is taken: --camera NAME chooses another of {others}"
        )
    found += _framing(info.cameras, settings)
    return tuple(found)


def _clips(clips: Sequence[ClipInfo], settings: RenderSettings) -> list[str]:
    left = [clip.name for clip in clips if not clip.plays]
    if settings.clip or not left:
        return []
    names = [clip.name for clip in clips if clip.plays]
    verb = "plays" if len(names) == 1 else "play"
    return [f"of its clips {_listed(names)} {verb}, and not {_listed(left)}: --clip NAME chooses one"]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _blenders_frames(clips: Sequence[ClipInfo], frames: Sequence[int], settings: RenderSettings) -> list[str]:
    found = []
    firsts = [clip.first for clip in clips if clip.first is not None]
    lasts = [clip.duration for clip in clips if clip.duration is not None]
    if not firsts or not lasts or frames[-1] <= 1:
        return []
    step = min((clip.step for clip in clips if clip.step > 0.0), default=0.0)
    fps = _rate(step, settings.fps)
    if abs(fps / settings.fps - 1.0) > 5e-4:
        found.append(
            f"Blender exported it at {fps:g} frames a second: with --fps {fps:g}, which is {settings.fps:g} now, each "
            "frame shows one of Blender's"
        )
    first, last = round(min(firsts) * fps), round(max(lasts) * fps)
    if first > 0:
        found.append(
            f"Blender's frames {first}-{last} are frames {first + 1}-{last + 1} here, where time begins at frame 1 and "
            "not 0; what is exported with 'Set all glTF Animation Starting at 0' begins at frame 1"
        )
    if frames[0] > last + 1 > 1:
        found.append(f"all these frames are after the end of its animation, frame {last + 1}: it plays again")
    return found


def _rate(step: float, asked: float) -> float:
    """Frames a second that such a step stands for; those asked for where it is some of their frames, since Blender may
    have been told to take every second one, or nothing that people animate at."""
    frames = step * asked
    if step == 0.0 or (round(frames) >= 1 and abs(frames - round(frames)) < 5e-4):
        return asked
    return next((rate for rate in _RATES if abs(step * rate - 1.0) < 5e-4), asked)


def _framing(cameras: Sequence[CameraInfo], settings: RenderSettings) -> list[str]:
    """A camera is as high as the picture, whatever its sensor: where the aspect differs, the sides do."""
    camera = next((one for one in cameras if not settings.camera or one.name == settings.camera), None)
    if camera is None or camera.aspect is None:
        return []
    framed = camera.aspect * settings.height
    if abs(framed - settings.width) <= max(1.0, 0.01 * settings.width):
        return []
    longest = max(settings.width, settings.height)
    width, height = (
        max(1, round(longest * min(1.0, camera.aspect))),
        max(1, round(longest / max(1.0, camera.aspect))),
    )
    much = "more" if framed < settings.width else "less"
    seen = (
        f"at {settings.width}x{settings.height} {much} is seen at the sides than camera {camera.name} frames"
    )
    return [f"{seen}: --resolution {width}x{height} shows just that"]
