"""What can be wrong with a scene file, as sentences for the person who submitted it. Knows no format."""

from __future__ import annotations

from mesh.errors import ExitCode, MeshError


class BadScene(MeshError):
    """{file} cannot be rendered: {where} {reason}. {hint}"""


class UnsupportedExtension(MeshError):
    """{file} requires {names}, which this version does not support. Export it again without, or use another engine."""


class MissingFiles(MeshError):
    """{file} needs {count} that cannot be read: {names}. Put what is missing where the scene expects it, save the scene as one .glb or, where files are still to come, submit it with --wait-for-files."""


class UnsafeReference(MeshError):
    """{file} refers to {reference!r} at {where}, {reason}. Keep a scene's files in its folder, or save the scene as one .glb."""


class NoSuchChoice(MeshError):
    """{file} has no {kind} called {name!r}. {choices}"""

    exit_code = ExitCode.USAGE


class UnknownFormat(MeshError):
    """{file} is not a scene file that can be read here: {reason}. Give a .gltf or .glb file."""

    exit_code = ExitCode.USAGE
