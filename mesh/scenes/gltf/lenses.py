"""A camera's aspect and the kind of a lamp, which the command line wants too. Standard library only."""

from __future__ import annotations

from mesh.scenes.gltf.cursor import Value

PERSPECTIVE = "perspective"
SUN = "directional"


def camera_aspect(camera: Value) -> float | None:
    """Width over height that the camera was made for; None where it takes any."""
    if camera.choice("type", "", (PERSPECTIVE, "orthographic")) == PERSPECTIVE:
        return camera.required(PERSPECTIVE).number("aspectRatio", 0.0, low=0.0, high=1e6) or None
    lens = camera.required("orthographic")
    width, height = (abs(lens.number(key)) for key in ("xmag", "ymag"))
    return width / height if width and height else None
