"""A data folder on a disk that takes no more: a sentence where nothing goes without it, and no harm elsewhere."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from mesh.identity import files
from mesh.node import home
from mesh.node.errors import HomeUnwritable
from mesh.node.home import next_boot, remember_peers, remembered_peers, writing_in


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_node_cannot_begin_a_life_that_it_cannot_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = next_boot(tmp_path)
    monkeypatch.setattr(files.os, "fsync", full_disk)
    with (
        pytest.raises(HomeUnwritable, match="No space left on device"),
        writing_in(tmp_path),
    ):
        next_boot(tmp_path)
    monkeypatch.undo()
    assert next_boot(tmp_path) > first


def test_a_database_that_cannot_be_opened_is_the_folder_s_fault(tmp_path: Path) -> None:
    with pytest.raises(HomeUnwritable, match="database or disk is full"), writing_in(tmp_path):
        raise sqlite3.OperationalError("database or disk is full")


def test_what_no_disk_says_is_nobody_s_excuse(tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError), writing_in(tmp_path):
        raise ConnectionResetError(errno.ECONNRESET, "reset")


def test_a_running_node_survives_that_it_cannot_note_where_others_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember_peers(tmp_path, (("10.0.0.5", 7401),))
    monkeypatch.setattr(home, "write_private", full_disk)
    remember_peers(tmp_path, (("10.0.0.6", 7401),))
    assert remembered_peers(tmp_path) == (("10.0.0.5", 7401),)
