"""What can go wrong with this machine's node as a whole, and with what people call things by."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from mesh.errors import ExitCode, MeshError
from mesh.model.status import JobState


class AlreadyRunning(MeshError):
    """A node already runs with the data folder {home} (process {pid}). Use that one, or set MESH_HOME to
    another folder to run a second node here."""


class HomeUnwritable(MeshError):
    """The node cannot keep its data in {home}: {reason}. Make room there, or the folder writable, or set MESH_HOME to
    another."""


class UnknownNode(MeshError):
    """No node is called {text!r}.{hint} `mesh nodes` lists those there are."""

    exit_code = ExitCode.USAGE

    def __init__(self, text: str, known: Iterable[str] = ()) -> None:
        super().__init__(text=text, hint=_near(text, known))


class AmbiguousNode(MeshError):
    """{text!r} may mean several nodes: {candidates}. Use a longer part of the id."""

    exit_code = ExitCode.USAGE


class UnknownJob(MeshError):
    """No job is called {text!r}.{hint} `mesh jobs` lists those this node knows."""

    exit_code = ExitCode.USAGE

    def __init__(self, text: str, known: Iterable[str] = ()) -> None:
        super().__init__(text=text, hint=_near(text, known))


class AmbiguousJob(MeshError):
    """{text!r} may mean several jobs: {candidates}. Use the id instead."""

    exit_code = ExitCode.USAGE


class JobHasEnded(MeshError):
    """{name} {ended} already; there is nothing left to {action}."""

    def __init__(self, name: str, state: JobState, action: str) -> None:
        ended = "has failed" if state is JobState.FAILED else f"is {state.value}"
        super().__init__(name=name, ended=ended, action=action)


class BlobUnavailable(MeshError):
    """{what} is on no node that can be reached now: {reason}. Bring the nodes that had it back, or run
    `mesh retry` to render it again."""


class NotYourJob(MeshError):
    """{name} was submitted on {owner}: only that node, and nodes that can invite others, may {action} it. Run the
    command on one of them."""


class UnknownFrame(MeshError):
    """{name} has no frame {frame}; it has {frames}."""

    exit_code = ExitCode.USAGE


class LogUnavailable(MeshError):
    """The log cannot be had now: {reason}. It is on {names}, as far as known; ask again when that is back."""


class SceneNotKept(MeshError):
    """The scene's {size:.1f} MB do not fit into this node's cache in {folder}, which has room for {room:.1f} MB. Free
    disk space there, or raise `limit` under `[cache]` in mesh.toml, or name a `folder` on a larger disk there."""


class EngineMissing(MeshError):
    """This node cannot tell the build of the engine {engine!r}: it is not installed here. Choose one of
    {engines} with --engine."""

    exit_code = ExitCode.USAGE


def _near(text: str, known: Iterable[str]) -> str:
    """A hint at what `text` may be meant to be."""
    close = difflib.get_close_matches(text, list(dict.fromkeys(known)), n=2)
    return f" Did you mean {' or '.join(close)}?" if close else ""
