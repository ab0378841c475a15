"""Which engines' results can be held against what another node renders of the same."""

from __future__ import annotations

from mesh.model.manifest import EngineName, Manifest

EXACT = frozenset({EngineName.BUILTIN})
"""Engines whose pixels depend on nothing but the manifest."""


def audited(manifest: Manifest) -> bool:
    return manifest.engine in EXACT
