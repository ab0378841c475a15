"""Makes a job of a scene file: checks what was asked of it, sends its files to the node, submits.

Runs in the command's process, which reads the scene with the user's rights. Loads no image or geometry.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from mesh.control.choosing import this_user
from mesh.control.client import Client
from mesh.control.service import PendingRequest, SceneFile, SubmitReceipt, SubmitRequest
from mesh.control.terms import JobTerms
from mesh.errors import ExitCode, MeshError
from mesh.model.manifest import EngineName, RenderSettings
from mesh.scenes.advice import advice
from mesh.scenes.inspection import SceneInfo, inspect
from mesh.scenes.pack import SceneFiles, find_files
from mesh.scenes.panorama import check_panorama

COMPUTED_SKY = "sky"
_GLTF = (".gltf", ".glb")
_EVERYBODY_HAS = 4_000_000_000
"""Bytes of memory: a scene that needs no more asks for none."""


class BadJobName(MeshError):
    """The job name {name!r} cannot be used: {reason}. Choose another with --name."""

    exit_code = ExitCode.USAGE


class NoSceneFile(MeshError):
    """There is no scene file {file}. Check the path or, where it is still to come, submit it with --wait-for-files."""

    exit_code = ExitCode.USAGE


class SceneIsFolder(MeshError):
    """{file} is a folder. Name the .gltf or .glb file in it that is to be rendered."""

    exit_code = ExitCode.USAGE


class NoEnvironmentFile(MeshError):
    """There is no environment image {file}. Give an equirectangular .hdr or .exr file, or `sky` for a computed one."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for; `settings.environment` is set from `environment` (a file, `sky` or empty)."""

    scene: Path
    frames: tuple[int, ...]
    engine: EngineName
    settings: RenderSettings
    environment: str = ""
    name: str = ""
    terms: JobTerms = field(default_factory=JobTerms)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A job that is known to be possible, before anything is sent. `warnings` are for the user."""

    name: str
    files: SceneFiles
    frames: tuple[int, ...]
    engine: EngineName
    settings: RenderSettings
    warnings: tuple[str, ...]
    terms: JobTerms = field(default_factory=JobTerms)


def prepare(wish: Wish) -> Prepared:
    """Find the scene's files and check the choices in it. Sends nothing.

    Raises NoSceneFile, SceneIsFolder, NoEnvironmentFile, NoPanorama, BadJobName, and what `mesh.scenes` finds wrong with the scene.
    """
    if wish.scene.is_dir():
        raise SceneIsFolder(file=wish.scene)
    if not wish.scene.is_file():
        raise NoSceneFile(file=wish.scene)
    name = job_name(wish)
    warnings: tuple[str, ...] = ()
    terms = wish.terms
    if wish.scene.suffix.lower() in _GLTF or wish.engine is EngineName.BUILTIN:
        info = _check_choices(wish.scene, wish.settings)
        warnings = (*info.warnings, *advice(info, wish.frames, wish.settings))
        if wish.engine is EngineName.BUILTIN and info.least_memory > max(_EVERYBODY_HAS, terms.memory_bytes):
            terms = replace(terms, memory_bytes=info.least_memory)
            gigabytes = f"{info.least_memory / 1e9:.1f} GB"
            warnings = (
                *warnings,
                f"it needs at least {gigabytes} of memory: only nodes with so much render it",
            )
    extra = extra_files(wish)
    if extra and not extra[0].is_file():
        raise NoEnvironmentFile(file=wish.environment)
    for image in extra:
        check_panorama(image)
    files = find_files(wish.scene, extra)
    environment = files.extras[0] if extra else wish.environment
    settings = replace(wish.settings, environment=environment)
    return Prepared(name, files, wish.frames, wish.engine, settings, warnings, terms)


def job_name(wish: Wish) -> str:
    """What the job is to be called. Raises BadJobName."""
    name = wish.name or wish.scene.stem
    if not 0 < len(name) <= 100 or not name.isprintable() or "/" in name:
        raise BadJobName(name=name, reason="it must be at most 100 printable characters without slashes")
    return name


def extra_files(wish: Wish) -> tuple[Path, ...]:
    """What it needs beside the scene's own files: its environment, where that is one."""
    return () if wish.environment in ("", COMPUTED_SKY) else (Path(wish.environment),)


def _check_choices(scene: Path, settings: RenderSettings) -> SceneInfo:
    """What the scene offers. Raises NoSuchChoice for a camera, clip or variant that is not in it."""
    info = inspect(scene, scene=settings.scene)
    if settings.camera:
        info.check_camera(settings.camera)
    if settings.clip:
        info.check_clip(settings.clip)
    if settings.variant:
        info.check_variant(settings.variant)
    return info


def submit(
    client: Client, prepared: Prepared, sent: Callable[[int], None] = lambda _bytes: None
) -> SubmitReceipt:
    """Store every file with the node, then submit; `sent` hears of the bytes of each file that went.

    Raises UnreadableSceneFile, and what the node raises, such as DiskFull.
    """
    files: list[SceneFile] = []
    for file in prepared.files.files:
        stored = client.put_blob(file.local, file.tree_path)
        files.append(SceneFile(file.tree_path, stored.blob, stored.size))
        sent(stored.size)
    return client.submit(
        SubmitRequest(
            name=prepared.name,
            submitter=submitter(),
            files=tuple(files),
            entry=prepared.files.entry,
            frames=prepared.frames,
            engine=prepared.engine,
            settings=prepared.settings,
            terms=prepared.terms,
        )
    )


def submit_when_complete(client: Client, wish: Wish) -> SubmitReceipt:
    """Have the node submit it once all files of its scene are there, whether or not anybody still waits for that.

    Raises BadJobName, and what the node raises.
    """
    return client.submit_pending(
        PendingRequest(
            name=job_name(wish),
            submitter=submitter(),
            scene=str(wish.scene.absolute()),
            environment=next((str(file.absolute()) for file in extra_files(wish)), wish.environment),
            frames=wish.frames,
            engine=wish.engine,
            settings=wish.settings,
            terms=wish.terms,
        )
    )


def submitter() -> str:
    """user@host, as others see who asked."""
    return f"{this_user()}@{socket.gethostname()}"
