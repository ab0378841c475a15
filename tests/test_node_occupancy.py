"""Who has a data folder: one node, and any number of commands that use it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from mesh.node.errors import AlreadyRunning
from mesh.node.occupancy import Doing, Occupant, occupant, occupied, using, wait_until_unused


def test_a_folder_that_nobody_has_has_no_occupant(tmp_path: Path) -> None:
    assert occupant(tmp_path / "none") is None
    with occupied(tmp_path):
        pass
    assert occupant(tmp_path) is None


def test_others_learn_who_has_a_folder_and_what_it_is_at(tmp_path: Path) -> None:
    with occupied(tmp_path, Doing.ONE_COMMAND) as tell:
        assert occupant(tmp_path) == Occupant(os.getpid(), Doing.ONE_COMMAND)
        tell(Doing.ASKING)
        assert occupant(tmp_path) == Occupant(os.getpid(), Doing.ASKING)


def test_a_second_node_is_refused_with_the_first_one_s_process(tmp_path: Path) -> None:
    with (
        occupied(tmp_path),
        pytest.raises(AlreadyRunning, match=rf"\(process {os.getpid()}\)"),
        occupied(tmp_path),
    ):
        pass


def test_what_an_older_program_wrote_is_a_node(tmp_path: Path) -> None:
    with occupied(tmp_path):
        (tmp_path / "lock").write_text("4711\n")
        assert occupant(tmp_path) == Occupant(4711, Doing.NODE)


def test_the_last_command_is_the_one_beside_which_no_other_uses_the_node(tmp_path: Path) -> None:
    with using(tmp_path) as first, using(tmp_path) as second:
        assert not first.is_the_last()
    with using(tmp_path) as alone:
        assert alone.is_the_last()
    del second


def test_a_node_waits_for_the_commands_that_use_it(tmp_path: Path) -> None:
    ended = threading.Event()

    def node() -> None:
        wait_until_unused(tmp_path)
        ended.set()

    with using(tmp_path):
        thread = threading.Thread(target=node)
        thread.start()
        assert not ended.wait(0.2)
    thread.join()
    assert ended.is_set()
