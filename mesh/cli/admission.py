"""How a machine comes to belong to a mesh before its node starts: it is a member, founds one, or joins one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import trio

from mesh.config.paths import Paths
from mesh.config.settings import NodeConfig
from mesh.errors import ExitCode, MeshError
from mesh.identity.errors import AlreadyInMesh, NoMeshHere
from mesh.identity.folder import found_mesh, load
from mesh.identity.identity import Identity
from mesh.identity.invites import parse_code
from mesh.net.beacons import Heard, listen_for_meshes
from mesh.net.interfaces import describe_search
from mesh.net.join import join_mesh
from mesh.node.home import writing_in
from mesh.wire.effects import Address

SOLO_MESH = "solo"
"""Name of the mesh that a machine founds to render by itself. Nobody else can be in it, so it makes way for
any other."""
_LISTEN_SECONDS = 3.0
"""Long enough for every node on a quiet network to answer once."""


class CodeNeeded(MeshError):
    """The mesh {name} was heard on this network. Join it with `mesh join CODE`, where CODE is what `mesh invite` prints on one of its machines; or found another mesh with `mesh join --found`."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asked for. `ask` puts a question and gives the answer; None where nobody is there."""

    code: str | None
    at: Address | None
    found: bool
    solo: bool
    ask: Callable[[str], str] | None


@dataclass(frozen=True, slots=True)
class Admitted:
    """`news` is a sentence where something changed; `peers` are members to talk to first."""

    identity: Identity
    news: str | None = None
    peers: tuple[Address, ...] = ()


def admit(paths: Paths, config: NodeConfig, wanted: Wanted) -> Admitted:
    """See to it that `paths.identity` holds an identity, and load it.

    Raises CodeNeeded, AlreadyInMesh, BadInviteCode, HomeUnwritable, and all that can go wrong with joining and with an
    identity folder.
    """
    with writing_in(paths.home):
        return _admit(paths, config, wanted)


def _admit(paths: Paths, config: NodeConfig, wanted: Wanted) -> Admitted:
    identity = _identity(paths.identity)
    if wanted.solo:
        return Admitted(identity or found_mesh(paths.identity, SOLO_MESH, config.name))
    code = None if wanted.code is None else parse_code(wanted.code)
    if identity is not None and identity.mesh_name == SOLO_MESH:
        shutil.rmtree(paths.identity)
        identity = None
    if identity is not None:
        if code is not None or wanted.found:
            raise AlreadyInMesh(folder=paths.identity)
        return Admitted(identity)
    if code is None and not wanted.found:
        heard = trio.run(listen_for_meshes, config.discovery, _LISTEN_SECONDS, lambda _one: True)
        if heard:
            code = parse_code(_ask_for_code(heard[0], wanted))
    if code is None:
        identity = found_mesh(paths.identity, f"{config.name}-mesh", config.name)
        nobody = "" if wanted.found else f" No other was heard ({describe_search(config.discovery)})."
        news = f"Founded the mesh {identity.mesh_name}; to let another machine in, run `mesh invite` here."
        return Admitted(identity, news + nobody)
    joined = trio.run(join_mesh, paths.identity, code, config.name, wanted.at, config.discovery)
    peers = tuple((peer.host, peer.port) for peer in joined.peers)
    return Admitted(joined.identity, f"Joined the mesh {joined.identity.mesh_name}.", peers)


def _identity(folder: Path) -> Identity | None:
    """This machine's identity, if it is in a mesh."""
    try:
        return load(folder)
    except NoMeshHere:
        return None


def _ask_for_code(heard: Heard, wanted: Wanted) -> str:
    name, node = heard.beacon.mesh_name, heard.beacon.node_name
    if wanted.ask is None:
        raise CodeNeeded(name=name)
    return wanted.ask(f"{node} of the mesh {name} is on this network. Its invite code")
