"""The exact build of the built-in engine, by which jobs and nodes are matched. Imports no numba."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_SOURCES = ("render/*.py", "scenes/**/*.py", "engines/builtin*.py")
_LIBRARIES = ("numba", "llvmlite", "numpy", "OpenImageIO")


@cache
def engine_build() -> str:
    """Names everything that pixels depend on beside the manifest: our sources, and the libraries that
    compile kernels and decode images. Two nodes with equal builds render equal bytes."""
    digest = hashlib.sha256()
    for pattern in _SOURCES:
        for source in sorted(_PACKAGE.glob(pattern)):
            text = source.read_bytes()
            digest.update(f"{source.relative_to(_PACKAGE)} {len(text)}\n".encode())
            digest.update(text)
    for library in _LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    return f"builtin-{digest.hexdigest()[:12]}"
