"""Errors a person meets. The docstring of each class is the sentence they read.

Each docstring is a format string: what is wrong, where, and what to do next. The command line prints it
and exits with the class's code; a traceback is shown only with `--debug`. Nothing else in the project
turns exceptions into text for people. A package adds its own errors in its own `errors.py`.
"""

from __future__ import annotations

import inspect
from enum import IntEnum


class ExitCode(IntEnum):
    """What the command line's exit status means (documented in the README)."""

    DONE = 0
    FRAMES_FAILED = 1
    USAGE = 2
    NO_MESH = 3
    REFUSED = 4
    INTERRUPTED = 130


class MeshError(Exception):
    """Something went wrong: {reason}."""

    exit_code: ExitCode = ExitCode.REFUSED

    def __init__(self, **details: object) -> None:
        super().__init__(details)
        self.details = details

    def __str__(self) -> str:
        sentence = " ".join(inspect.getdoc(type(self)).split())  # type: ignore[union-attr]
        return sentence.format(**self.details)


class BadFrameSet(MeshError):
    """The frame set {text!r} is not understood: {reason}. Write it like 1-240, 1-240x2 or 1,5,10-20."""

    exit_code = ExitCode.USAGE


class BadConfig(MeshError):
    """The setting {field} in {where} is wrong: {reason}. {hint}"""

    exit_code = ExitCode.USAGE


class BadOption(BadConfig):
    """{field}: {reason}. {hint}"""
