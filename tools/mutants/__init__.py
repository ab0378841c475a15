"""Bugs planted on purpose, each of which the suite must notice: `python -m tools.mutants.run`."""
