"""The frame's light and camera for the path tracer: environment, punctual lights, default camera and turntable."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mesh.engines.builtin_errors import CameraUnknown, EnvironmentUnreadable
from mesh.engines.builtin_geometry import Box, Placed
from mesh.model.manifest import RenderSettings
from mesh.render.camera import Pose, framed, pose_of, turned
from mesh.render.environment import Environment, make_environment
from mesh.render.lights import PUNCTUAL, Lights, make_lights, punctual_record
from mesh.render.sky import sky_map
from mesh.scenes.description import Camera, Light, LightKind, Scene, Snapshot
from mesh.scenes.exact import sin_cos

Points = NDArray[np.float64]
"""(n, 3), in the world."""

SKY = "sky"
_CIRCLE = 32
_FILM_HEIGHT = 0.024
"""Of 35 mm film, in metres: what f-stops are commonly understood of."""


def read_environment(scene_dir: Path, scene: Scene, settings: RenderSettings) -> Environment:
    """The environment that the settings ask for; darkness where the scene brings its own light."""
    name = settings.environment
    if not name:
        own = bool(scene.at(0.0).lights) or any(max(m.emissive) > 0.0 for m in scene.materials)
        if own:
            return make_environment(np.zeros((1, 2, 3), np.float32), 0.0, 0.0)
        name = SKY
    pixels = sky_map() if name == SKY else _read_image(scene_dir, name)
    return make_environment(pixels, settings.environment_strength, settings.environment_rotation)


def _read_image(scene_dir: Path, name: str) -> NDArray[np.float32]:
    """Errors call it by the user's name for it, not by where this node keeps it."""
    import OpenImageIO

    image = OpenImageIO.ImageInput.open(str(scene_dir / name))
    if image is None:
        raise EnvironmentUnreadable(path=name, reason=OpenImageIO.geterror() or "it cannot be opened")
    pixels = image.read_image(OpenImageIO.FLOAT)
    image.close()
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] < 1:
        raise EnvironmentUnreadable(path=name, reason=image.geterror() or "it has no pixels")
    if pixels.shape[2] < 3:
        pixels = np.repeat(pixels[:, :, :1], 3, axis=2)
    return np.ascontiguousarray(pixels[:, :, :3], np.float32)


def gather_lights(snapshot: Snapshot, placed: Placed, environment: Environment) -> Lights:
    """All lights of the moment, with their powers inside the scene's bounding sphere."""
    disc = _disc(placed)
    records = np.zeros((len(snapshot.lights), PUNCTUAL), np.float32)
    powers = []
    for row, light in enumerate(snapshot.lights):
        records[row], power = _punctual(light, disc)
        powers.append(power)
    own = np.concatenate([np.array(powers, np.float64), placed.shining.powers])
    sky = float(environment.mean) * math.pi * disc
    total = _sum(own.tolist())
    if sky > 0.0 and total > 0.0:
        # Power is a crude guide to what matters where; neither kind may starve the other.
        sky = min(max(sky, 0.25 * total), 4.0 * total)
    return make_lights(sky, own, records, placed.shining.records, placed.shining.ids)


def white_level(snapshot: Snapshot, placed: Placed, environment: Environment) -> float:
    """About what radiance a white wall in this light shows: all power, over the disc that the scene fills."""
    disc = _disc(placed)
    if disc == 0.0:
        return 0.0
    powers = [_punctual(light, disc)[1] for light in snapshot.lights]
    total = _sum(powers) + _sum(placed.shining.powers.tolist())
    return float(environment.mean) + total / (math.pi * disc)


def _disc(placed: Placed) -> float:
    """The cross section of the sphere around the scene."""
    return math.pi * sum((b - a) ** 2 for a, b in zip(placed.low, placed.high, strict=True)) / 4.0


def _sum(values: Iterable[float]) -> float:
    """In order, which no vectorised sum promises."""
    total = 0.0
    for value in values:
        total += value
    return total


def _punctual(light: Light, disc: float) -> tuple[list[float], float]:
    matrix = light.transform.tolist()
    position = [matrix[k][3] for k in range(3)]
    direction = [-matrix[k][2] for k in range(3)]
    intensity = [c * light.intensity for c in light.color]
    inner, outer = sin_cos(light.inner_cone)[1], sin_cos(light.outer_cone)[1]
    record = punctual_record(int(light.kind), position, direction, intensity, light.range, (inner, outer))
    bright = 0.2126 * intensity[0] + 0.7152 * intensity[1] + 0.0722 * intensity[2]
    if light.kind is LightKind.DIRECTIONAL:
        return record, bright * disc
    if light.kind is LightKind.SPOT:
        return record, bright * 2.0 * math.pi * (1.0 - outer)
    return record, bright * 4.0 * math.pi


def choose_pose(
    snapshot: Snapshot, box: Box, settings: RenderSettings, frame: float, points: Points | None = None
) -> Pose:
    """The camera the settings name, the first, or one that frames `points` (the corners of `box` where None); turned
    around the box for a turntable.

    The box is of one moment, the same for all frames: a camera that framed each frame anew would jitter.
    """
    pose = _pose(snapshot, box, settings, _corners(box) if points is None else points)
    if settings.turntable:
        centre = tuple((a + b) / 2.0 for a, b in zip(*box, strict=True))
        pose = turned(
            pose, (centre[0], centre[1], centre[2]), (frame - 1) % settings.turntable / settings.turntable
        )
    return _with_lens(pose, box, settings) if settings.f_stop > 0.0 else pose


def _with_lens(pose: Pose, box: Box, settings: RenderSettings) -> Pose:
    """The pose with a lens of the f-stop asked for, focused as far away as asked, or as the middle of the scene is."""
    if pose.height is not None:
        return pose  # a parallel camera has no focal length
    sine, cosine = sin_cos(pose.yfov / 2.0)
    focal_length = _FILM_HEIGHT / 2.0 * cosine / sine
    middle = (pose.origin[k] - (box[0][k] + box[1][k]) / 2.0 for k in range(3))
    depth = _sum(offset * back for offset, back in zip(middle, pose.back, strict=True))
    focus = settings.focus or max(depth, focal_length)
    return replace(pose, aperture_radius=focal_length / settings.f_stop / 2.0, focus_distance=focus)


def choose_camera(snapshot: Snapshot, settings: RenderSettings) -> Camera | None:
    """The camera the settings name, or the first; None where the scene has none. Raises CameraUnknown."""
    for camera in snapshot.cameras:
        if not settings.camera or camera.name == settings.camera:
            return camera
    if settings.camera:
        known = ", ".join(camera.name for camera in snapshot.cameras) or "none"
        raise CameraUnknown(camera=settings.camera, known=known)
    return None


def _pose(snapshot: Snapshot, box: Box, settings: RenderSettings, points: Points) -> Pose:
    camera = choose_camera(snapshot, settings)
    if camera is not None:
        return _camera_pose(camera)
    if settings.turntable:
        points = _around(box, points)
    return framed(points, settings.width / settings.height)


def _corners(box: Box) -> Points:
    low, high = box
    return np.array(
        [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    )


def _around(box: Box, points: Points) -> Points:
    """The cylinder in which the points turn, so that a turntable shows all of it all the time."""
    low, high = box
    x, z = (low[0] + high[0]) / 2.0, (low[2] + high[2]) / 2.0
    away = (points[:, 0] - x) * (points[:, 0] - x) + (points[:, 2] - z) * (points[:, 2] - z)
    radius = math.sqrt(float(away.max()))
    turns = [sin_cos(math.tau * step / _CIRCLE) for step in range(_CIRCLE)]
    return np.array([(x + radius * c, y, z + radius * s) for s, c in turns for y in (low[1], high[1])])


def _camera_pose(camera: Camera) -> Pose:
    return pose_of(
        camera.transform.tolist(),
        yfov=camera.yfov,
        height=camera.orthographic_height,
        aperture_radius=camera.aperture_radius,
        focus_distance=camera.focus_distance,
    )
