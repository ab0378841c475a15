"""Which scenes the renderer has open, and under which session: so that units of one scene share it.

Two jobs that take turns do not reload theirs each time: a few stay open, and the one not used for longest is closed
for another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mesh.engines.protocol import Close, Open
from mesh.model.manifest import Manifest

OPEN_SCENES = 2
"""Scenes the renderer keeps open at once."""


@dataclass(frozen=True, slots=True)
class SceneKey:
    """What must be equal for two units to share one open scene."""

    scene_dir: Path
    manifest: Manifest


class OpenScenes:
    def __init__(self, threads: int, say: Callable[[Open | Close], None]) -> None:
        """`say` tells the renderer, which renders with so many threads."""
        self._threads = threads
        self._say = say
        self._sessions: dict[SceneKey, int] = {}
        """Newest last."""
        self._latest: tuple[SceneKey, int] | None = None
        self._next_session = 1

    def key(self, scene_dir: Path, manifest: Manifest) -> SceneKey:
        """That of the newest scene, where it is this one."""
        latest = self._latest
        if latest is not None and latest[0].manifest is manifest and latest[0].scene_dir == scene_dir:
            return latest[0]
        return SceneKey(scene_dir, manifest)

    def session(self, key: SceneKey) -> int:
        """The open session for `key`; opens it, and closes the oldest, where need be."""
        # A key holds all frames of a job: hashing it for each unit would take long.
        if self._latest is not None and self._latest[0] is key:
            return self._latest[1]
        session = self._sessions.pop(key, None)
        if session is None:
            session = self._next_session
            self._next_session += 1
            manifest = key.manifest
            if len(self._sessions) >= OPEN_SCENES:
                self._say(Close(self._sessions.pop(next(iter(self._sessions)))))
            self._say(
                Open(
                    session,
                    manifest.engine,
                    str(key.scene_dir),
                    manifest.entry,
                    manifest.settings,
                    manifest.frames,
                    self._threads,
                )
            )
        self._sessions[key] = session
        self._latest = (key, session)
        return session

    def refused(self, session: int) -> None:
        """The renderer cannot open it; who asks again may have another try."""
        self._sessions = {key: one for key, one in self._sessions.items() if one != session}
        self._latest = None

    def all_closed(self) -> None:
        """The renderer has ended."""
        self._sessions.clear()
        self._latest = None
