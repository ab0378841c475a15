"""Which jobs' results can be held against what another node renders of the same."""

from __future__ import annotations

from mesh.model.manifest import Manifest
from mesh.model.tolerance import TOLERANCES


def audited(manifest: Manifest) -> bool:
    return manifest.engine in TOLERANCES
