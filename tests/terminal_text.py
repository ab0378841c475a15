"""What a view shows, as text."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType


def text(view: RenderableType, width: int) -> list[str]:
    """The lines of a view, without colour, trailing spaces cut."""
    console = Console(width=width, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(view)
    return [line.rstrip() for line in capture.get().splitlines()]
