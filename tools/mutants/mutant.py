"""A planted bug: a few characters of one file replaced, and the tests that must fail because of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    module: str
    """Below `mesh`, such as `sched/thief`."""
    old: str
    """Must occur exactly once in the file."""
    new: str
    tests: str
    """Arguments of pytest: the smallest part of the suite that notices."""

    @property
    def file(self) -> str:
        """Relative to the project's root."""
        return f"mesh/{self.module}.py"

    def apply(self, root: Path) -> None:
        """Plants the bug in the copy of the project at `root`. Raises ValueError where the code is no
        longer what the mutant expects."""
        path = root / self.file
        text = path.read_text()
        if text.count(self.old) != 1:
            raise ValueError(
                f"mutant {self.name}: {self.old!r} is {text.count(self.old)} times in {self.file}"
            )
        path.write_text(text.replace(self.old, self.new))
