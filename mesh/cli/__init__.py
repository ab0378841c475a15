"""The command line. Imports nothing until it is called, so that `mesh --help` answers at once."""

from __future__ import annotations


def main() -> None:
    """The `mesh` command: runs it and exits."""
    from mesh.cli.app import run

    run()
