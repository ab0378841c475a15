"""Which engines this machine has, by their exact builds. Loads none of them."""

from __future__ import annotations

from mesh.model.manifest import EngineName
from mesh.render.build import engine_build

SLEEP_BUILD = "sleep-1"
"""Changes when the sleeping engine's payloads do."""


def installed_engines() -> dict[EngineName, str]:
    """Engine to build, best first."""
    return {EngineName.BUILTIN: engine_build(), EngineName.SLEEP: SLEEP_BUILD}
