"""Ctrl-C while the program itself is still being loaded."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec

import pytest

from mesh.cli import main
from mesh.errors import ExitCode


class CtrlC:
    """Stands where modules are looked for."""

    def find_spec(self, name: str, _path: object, _target: object = None) -> ModuleSpec | None:
        if name == "mesh.cli.app":
            raise KeyboardInterrupt
        return None


def test_ctrl_c_while_the_program_is_loaded_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mesh.cli.app", raising=False)
    monkeypatch.setattr(sys, "meta_path", [CtrlC(), *sys.meta_path])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == ExitCode.INTERRUPTED
