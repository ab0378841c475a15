"""What can go wrong between a command and the node of this machine, as sentences."""

from __future__ import annotations

from mesh.errors import ExitCode, MeshError


class BadRequest(MeshError):
    """The control API does not understand the request: {reason}. Its document is at /v1/openapi.json."""

    exit_code = ExitCode.USAGE


class NotAuthorised(MeshError):
    """The control API refuses the request: {reason}. Send the token in {token} as `Authorization: Bearer`."""


class TooLarge(MeshError):
    """The control API refuses a body of more than {limit} bytes. Send less at a time."""


class ControlPortInUse(MeshError):
    """The control API cannot listen on 127.0.0.1:{port}: {reason}. Choose another one with `port` under [control] in mesh.toml, where 0 takes any free one."""


class NoNode(MeshError):
    """No mesh node runs on this machine; start one with `mesh join`."""

    exit_code = ExitCode.NO_MESH


class NodeGone(MeshError):
    """The mesh node of this machine stopped answering: {reason}. See its log in {logs}, then start it again with `mesh join`."""

    exit_code = ExitCode.NO_MESH


class TokenUnreadable(MeshError):
    """The node of this machine runs, but its token {file} cannot be read: {reason}. Run the command as the user who runs the node."""


class TokenStale(MeshError):
    """What answers at this machine's address refuses its token {file}: the node that wrote it has ended, and another has its port. Start one here with `mesh join`."""

    exit_code = ExitCode.NO_MESH


class DownloadBroken(MeshError):
    """The node stopped sending the payload of frame data {blob} midway: {reason}. Run the command again; frames already written are kept with --skip-existing."""


class UnreadableSceneFile(MeshError):
    """{file} cannot be read: {reason}. Check that it exists and that you may read it."""


class RefusedByNode(MeshError):
    """{sentence}"""


def from_node(sentence: str, kind: str, exit_code: int) -> RefusedByNode:
    """The error a node answered with, with its own sentence and exit code; `details["kind"]` is its class."""
    error = RefusedByNode(sentence=sentence, kind=kind)
    error.exit_code = ExitCode(exit_code)
    return error
