"""Commands that are printed for people to copy: they say again what was asked for, in a form that a shell reads."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from mesh.control.outputs import Format
from mesh.model.look import Look

_DEFAULT = Look()


def collect_command(
    job: str, output: str | None, formats: Sequence[Format], look: Look, *, resumed: bool = False
) -> str:
    """Fetches the frames of `job` to where they were to go and as they were to look: `output` is what the user gave as
    -o, `formats` as --format. Where it is `resumed`, what is on disk already stays."""
    words = ["mesh", "collect", job]
    if output:
        words += ["-o", output]
    if formats:
        words += ["--format", ",".join(formats)]
    words += _look_words(look)
    if resumed:
        words.append("--skip-existing")
    return shlex.join(words)


def _look_words(look: Look) -> Iterator[str]:
    if look.ocio is not None:
        yield from ("--ocio", look.ocio.config)
        if look.ocio.display:
            yield from ("--display", look.ocio.display)
        if look.ocio.view:
            yield from ("--view", look.ocio.view)
    elif look.view is not _DEFAULT.view:
        yield from ("--view", look.view.value)
    if look.auto_exposure:
        yield from ("--exposure", "auto")
    elif look.exposure != _DEFAULT.exposure:
        yield from ("--exposure", f"{look.exposure:g}")
    if look.denoise:
        yield "--denoise"
    if look.depth is not _DEFAULT.depth:
        yield from ("--exr-bits", look.depth.value)
