"""The command line. Imports nothing until it is called, so that `mesh --help` answers at once."""

from __future__ import annotations


def main() -> None:
    """The `mesh` command: runs it and exits."""
    try:
        from mesh.cli.app import run
    except KeyboardInterrupt:  # while it is still being loaded, which takes a moment on a cold disk
        raise SystemExit(130) from None
    run()
