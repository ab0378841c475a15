"""What can be wrong with a job for the built-in renderer, as sentences."""

from __future__ import annotations

from mesh.errors import MeshError


class CameraUnknown(MeshError):
    """The scene has no camera named {camera!r}; its cameras: {known}. Leave --camera out for the first one."""


class EnvironmentUnreadable(MeshError):
    """The environment image {path} cannot be read: {reason}. Use an equirectangular .hdr or .exr file, or `sky`."""
