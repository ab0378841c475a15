"""Cameras and punctual lights as the scene description has them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mesh.scenes.description import Camera, Light, LightKind
from mesh.scenes.gltf.cursor import Value
from mesh.scenes.gltf.lenses import PERSPECTIVE, SUN, camera_aspect
from mesh.scenes.matrices import Matrix

_KINDS = {SUN: LightKind.DIRECTIONAL, "point": LightKind.POINT, "spot": LightKind.SPOT}


def read_camera(name: str, camera: Value, transform: Matrix) -> Camera:
    aspect = camera_aspect(camera)
    if camera.text("type") == PERSPECTIVE:
        yfov = camera.required(PERSPECTIVE).number("yfov", low=1e-6, high=math.pi - 1e-6)
        return Camera(name, to_array(transform), yfov=yfov, aspect=aspect)
    height = 2.0 * abs(camera.required("orthographic").number("ymag"))
    if height == 0.0:
        camera.fail("is 0 high", key="orthographic.ymag")
    return Camera(name, to_array(transform), aspect=aspect, orthographic_height=height)


def read_light(name: str, light: Value, transform: Matrix) -> Light:
    kind = _KINDS[light.choice("type", "", tuple(_KINDS))]
    red, green, blue = light.numbers("color", (1.0, 1.0, 1.0), low=0.0)
    spot = light.required("spot") if kind is LightKind.SPOT else Value(light.file, light.where, {})
    outer = spot.number("outerConeAngle", math.pi / 4.0, low=0.0, high=math.pi / 2.0)
    inner = spot.number("innerConeAngle", 0.0, low=0.0, high=math.pi / 2.0)
    reach = light.number("range", math.inf, low=0.0)
    return Light(
        name=light.text("name") or name,
        kind=kind,
        transform=to_array(transform),
        color=(red, green, blue),
        intensity=light.number("intensity", 1.0, low=0.0),
        range=reach if reach > 0.0 else math.inf,
        inner_cone=min(inner, outer),
        outer_cone=outer,
    )


def to_array(transform: Matrix) -> NDArray[np.float64]:
    return np.array(transform, np.float64).reshape(4, 4)
