"""What a file is called while it is written: beside its target, so that a rename makes it whole."""

from __future__ import annotations

from pathlib import Path


def unfinished(target: Path, writer: int) -> Path:
    """The name under which the process `writer` writes `target`. The ending stays, which names the format to libraries."""
    return target.with_name(f".{target.stem}.{writer}.part{target.suffix}")
