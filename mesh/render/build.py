"""The exact build of the built-in engine, as a name: jobs pin it, and only nodes that have it take part.

Loads neither numba nor numpy: a node says what it can render without loading a renderer.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
# Everything that decides a pixel: the path tracer, the glue around it, and what reads scenes.
_SOURCES = ("render/**/*.py", "engines/builtin*.py", "scenes/**/*.py")
_LIBRARIES = ("numba", "llvmlite", "numpy", "OpenImageIO", "DracoPy", "pillow")


@cache
def engine_build() -> str:
    """`builtin-` and 12 hexadecimal digits over the sources and the libraries that pixels depend on."""
    digest = hashlib.sha256()
    for pattern in _SOURCES:
        for source in sorted(_PACKAGE.glob(pattern)):
            text = source.read_bytes()
            digest.update(f"{source.relative_to(_PACKAGE).as_posix()} {len(text)}\n".encode())
            digest.update(text)
    for library in _LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    return f"builtin-{digest.hexdigest()[:12]}"
