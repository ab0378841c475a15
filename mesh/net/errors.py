"""What can go wrong between machines, as a person reads it."""

from __future__ import annotations

from mesh.errors import ExitCode, MeshError


class PortInUse(MeshError):
    """Port {port} of {host} is taken by another program, perhaps by another node. Choose another one with
    `--port`, or `port` under [listen] in mesh.toml, where 0 takes any free one."""


class CannotListen(MeshError):
    """This machine cannot listen on {host}, port {port}: {reason}. Set others with
    `--listen` and `--port`, or `host` and `port` under [listen] in mesh.toml."""


class CannotReach(MeshError):
    """{where} could not be reached: {reason}. Check that a node runs there, and that a firewall lets TCP
    and UDP through to its port."""

    exit_code = ExitCode.NO_MESH


class NoMeshHeard(MeshError):
    """No node of the mesh this code is for was heard within {seconds:g} seconds. Tried: {tried}. Check that a
    node runs on the same network and that no firewall stops UDP port {port}, or name one with
    `--at HOST:PORT`."""

    exit_code = ExitCode.NO_MESH


class WrongMesh(MeshError):
    """{where} belongs to another mesh than the one this code is for. Check the address, or ask for an
    invite of that mesh."""


class DoorBusy(MeshError):
    """{where} has had too many tries to join just now. Wait a minute and try again."""


class NoIssuerInReach(MeshError):
    """{where} cannot admit anybody now, since no node that signs certificates is in reach. Start the node
    that made the invite, or join at its address."""
