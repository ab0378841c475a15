"""Members of a mesh with keys and certificates of their own."""

from __future__ import annotations

from pathlib import Path

from mesh.identity.certificates import Role, raw_public
from mesh.identity.folder import complete_join, joining_key
from mesh.identity.identity import Identity


def member(folder: Path, founder: Identity, name: str) -> Identity:
    key = joining_key(folder / name)
    certificate = founder.issue(raw_public(key.public_key()), name, Role.MEMBER)
    return complete_join(folder / name, certificate, founder.issuer, founder.root, founder.gossip_keys)
