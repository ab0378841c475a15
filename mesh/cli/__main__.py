"""`python -m mesh.cli`: the `mesh` command where it is not on the path."""

from mesh.cli import main

main()
