"""Odd surroundings: no output, no room for it, names that no path can say, options that cannot be what they are."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mesh.config.load import load_config
from mesh.config.paths import Paths
from mesh.errors import BadOption, ExitCode
from tests.command_line import Mesh, one_sentence
from tests.fake_service import FakeService

pytest_plugins = ("tests.cli_fixtures",)


def shell(home: Paths, line: str) -> subprocess.CompletedProcess[str]:
    """`mesh` as `$0` in a shell of its own."""
    program = f'{sys.executable} -m mesh.cli "$@"'
    script = f"mesh() {{ {program}; }}\n{line}"
    return subprocess.run(
        ["/bin/sh", "-c", script],
        env={**os.environ, "MESH_HOME": str(home.home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_closed_output_is_what_somebody_wanted(home: Paths, node: FakeService) -> None:
    done = shell(home, "mesh jobs >&-")
    assert (done.returncode, done.stderr) == (ExitCode.DONE, "")


def test_a_full_disk_behind_the_output_is_told_in_a_sentence(home: Paths, node: FakeService) -> None:
    done = shell(home, "mesh jobs --json >/dev/full")
    assert done.returncode == ExitCode.REFUSED
    assert (
        done.stderr == "mesh: No space is left where this command writes. Make room there and run it again.\n"
    )


@pytest.mark.parametrize("name", ["", "shots/beach"])
@pytest.mark.parametrize(
    ("command", "what"), [("show", "job"), ("collect", "job"), ("cancel", "job"), ("nodes", "node")]
)
def test_a_name_that_no_path_can_say_is_the_name_of_nothing(
    mesh: Mesh, node: FakeService, command: str, what: str, name: str
) -> None:
    outcome = mesh(command, name)
    assert outcome.code == ExitCode.USAGE
    assert one_sentence(outcome).startswith(f"No {what} is called {name!r}.")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--threads", "5000"], "--threads: it is 5000. Allowed: a whole number from 0 to 4096."),
        (["--name", "a b"], "--name: it is 'a b'. Allowed: letters, digits"),
        (["--site", "/x/"], "--site: it is '/x/'. Allowed: a slash path"),
        (["--tags", "a b,c"], "--tags: it is 'a b,c'. Allowed: tags of letters"),
        (["--listen", "a/b"], "--listen: it is 'a/b'. Allowed: an address of this machine"),
        (["--config", "none.toml"], "--config: there is no file none.toml. Check the path."),
    ],
)
def test_what_was_given_as_an_option_is_named_as_one(mesh: Mesh, options: list[str], sentence: str) -> None:
    outcome = mesh("join", *options)
    assert outcome.code == ExitCode.USAGE
    assert one_sentence(outcome).startswith(sentence)


def test_a_flag_is_named_as_people_know_it() -> None:
    with pytest.raises(BadOption, match="--threads: it is -1"):
        load_config(None, {"threads": -1}, {"threads": "--threads"})


@pytest.mark.parametrize(
    ("token", "sentence"),
    [
        ("another", "What answers at this machine's address refuses its token"),
        ("", "No mesh node runs on this machine"),
        ("two\nlines", "No mesh node runs on this machine"),
    ],
)
def test_a_token_of_a_node_that_is_gone_means_that_there_is_no_mesh_here(
    mesh: Mesh, node: FakeService, home: Paths, token: str, sentence: str
) -> None:
    home.control_token.write_text(token)
    outcome = mesh("jobs")
    assert outcome.code == ExitCode.NO_MESH
    assert one_sentence(outcome).startswith(sentence)
