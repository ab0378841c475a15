"""The join command: a node in the foreground."""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import click

from mesh.cli.admission import Admitted, Wanted, admit
from mesh.cli.numbers import Whole
from mesh.config.load import load_config
from mesh.config.paths import Paths
from mesh.config.settings import NodeConfig
from mesh.config.values import read_endpoint, write_endpoint
from mesh.control.client import Client
from mesh.control.daemon import Life, Ready, run_node
from mesh.control.errors import NoNode
from mesh.errors import BadOption, MeshError
from mesh.node.errors import HomeUnwritable
from mesh.node.occupancy import Doing, occupant, occupied

_LOG_BYTES = 5_000_000
_OPTIONS = {
    "name": "--name",
    "site.path": "--site",
    "tags": "--tags",
    "threads": "--threads",
    "listen.host": "--listen",
    "listen.port": "--port",
    "listen.advertise": "--advertise",
}
"""By which options people give settings."""


class NodeRunsAlready(MeshError):
    """A node runs on this machine already (process {pid}). Watch it with `mesh status`; to run a second one, set MESH_HOME to another folder."""


class CommandRendersHere(MeshError):
    """A command on this machine renders by itself, with a node of its own (process {pid}). Run `mesh join` again when it has ended; or set MESH_HOME to another folder."""


class _Endpoint(click.ParamType[str]):
    """`HOST` or `HOST:PORT`."""

    name = "HOST:PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            read_endpoint(value)
        except ValueError as error:
            self.fail(f"{value!r} is not {error}", param, ctx)
        return str(value)


@click.command()
@click.argument("code", required=False)
@click.option("--at", type=_Endpoint(), help="A member to join through, where none is heard.")
@click.option("--found", is_flag=True, help="Found a new mesh, even where another is heard.")
@click.option("--name", help="What others call this node. Default: the host name.")
@click.option("--site", metavar="PATH", help="Where it stands, such as paris/floor2.")
@click.option("--tags", metavar="A,B", help="What it is good for.")
@click.option("--threads", type=Whole(0), help="Render threads. Default: one per core.")
@click.option("--no-render", is_flag=True, help="Submit and collect only; render nothing here.")
@click.option("--exclusive", is_flag=True, help="Render only for jobs that ask for this node or its tags.")
@click.option("--listen", metavar="HOST", help="Address to listen on. Default: *, all.")
@click.option("--port", type=Whole(0, 65535), help="TCP and UDP port; 0 for any. Default: 7401.")
@click.option("--advertise", type=_Endpoint(), help="Where others reach it, if that differs.")
@click.option("--no-discovery", is_flag=True, help="Send and hear no beacons.")
@click.option("--loopback", is_flag=True, help="Stay on this machine: beacons and connections alike.")
@click.option("--headless", is_flag=True, help="Log to the standard error output, and ask nothing.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="Settings. Default: mesh.toml, see above.",
)
@click.option("--solo", is_flag=True, hidden=True)
@click.option("--ephemeral", is_flag=True, hidden=True)
def join(
    code: str | None,
    at: str | None,
    found: bool,
    name: str | None,
    site: str | None,
    tags: str | None,
    threads: int | None,
    no_render: bool,
    exclusive: bool,
    listen: str | None,
    port: int | None,
    advertise: str | None,
    no_discovery: bool,
    loopback: bool,
    headless: bool,
    config_file: Path | None,
    solo: bool,
    ephemeral: bool,
) -> None:
    """Run a node on this machine: found a mesh, or join one.

    A machine that is in a mesh goes on in it. Any other looks for one on the network: where it hears one,
    it asks for an invite code; else it founds one. The node runs until Ctrl-C or `mesh leave`. Settings are
    read from mesh.toml in the user's configuration folder, or in MESH_HOME; these options go before them.

    \b
    Examples:
      mesh join                                    # found one, or go on
      mesh join CODE                               # CODE is what `mesh invite` prints
      mesh join CODE --at render.example:7401      # a mesh elsewhere
      mesh join --site paris/floor2 --tags gpu,fast --threads 8
    """
    paths = Paths.locate()
    _refuse_second(paths)
    config = load_config(
        _existing(config_file) or paths.config_file,
        {
            "name": name,
            "site.path": site,
            "tags": tags,
            "threads": threads,
            "slots": 0 if no_render else None,
            "exclusive": exclusive or None,
            "headless": headless or None,
            "listen.host": "127.0.0.1" if loopback else listen,
            "listen.port": port,
            "listen.advertise": advertise,
            "discovery.enabled": False if no_discovery else None,
            "discovery.loopback_only": loopback or None,
            "control.port": 0 if solo else None,
        },
        _OPTIONS,
    )
    _start_logging(config, paths)
    life = Life(solo=solo, ephemeral=ephemeral)
    _run(config, paths, code, None if at is None else read_endpoint(at), found, life)


def _run(
    config: NodeConfig,
    paths: Paths,
    code: str | None,
    at: tuple[str, int] | None,
    found: bool,
    life: Life,
) -> None:
    """Become a member, then be a node until told to stop."""
    with occupied(paths.home, Doing.ONE_COMMAND if life.ephemeral and life.solo else Doing.NODE) as tell:

        def ask(question: str) -> str:
            tell(Doing.ASKING)
            answer = str(click.prompt(question))
            tell(Doing.NODE)
            return answer

        can_ask = sys.stdin.isatty() and not config.headless
        admitted = admit(paths, config, Wanted(code, at, found, life.solo, ask if can_ask else None))
        _serve(config, paths, admitted, (*admitted.peers, *((at,) if at else ())), life)


def _serve(
    config: NodeConfig, paths: Paths, admitted: Admitted, peers: tuple[tuple[str, int], ...], life: Life
) -> None:
    def say_ready(ready: Ready) -> None:
        if admitted.news:
            _say(config, admitted.news)
        where = write_endpoint(ready.address)
        _say(config, f"This node is {config.name} at {where}.")
        if not config.headless:
            _say(config, "Watch the mesh with `mesh status`; stop with Ctrl-C.")

    run_node(config, paths, admitted.identity, peers, life, say_ready)
    _say(config, f"{config.name} has stopped; `mesh join` brings it back.")


def _say(config: NodeConfig, sentence: str) -> None:
    if config.headless:
        logging.getLogger("mesh").info("%s", sentence)
    else:
        click.echo(sentence)


def _refuse_second(paths: Paths) -> None:
    try:
        with Client.connect(paths) as client:
            holder = occupant(paths.home)
            if holder is not None and holder.doing is Doing.ONE_COMMAND:
                raise CommandRendersHere(pid=holder.pid)
            raise NodeRunsAlready(pid=client.program().pid)
    except NoNode:
        return


def _existing(config_file: Path | None) -> Path | None:
    """A file that was named must be there; the default one need not."""
    if config_file is not None and not config_file.is_file():
        raise BadOption(field="--config", reason=f"there is no file {config_file}", hint="Check the path.")
    return config_file


def _start_logging(config: NodeConfig, paths: Paths) -> None:
    """Everything into a file that is cut at times; on the terminal only what a person must see.

    The first to write into the data folder. Raises HomeUnwritable.
    """
    try:
        paths.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        paths.logs.mkdir(exist_ok=True)
        file = RotatingFileHandler(
            paths.logs / "node.log", maxBytes=_LOG_BYTES, backupCount=2, encoding="utf-8"
        )
    except OSError as error:
        raise HomeUnwritable(home=paths.home, reason=error.strerror) from error
    terminal = logging.StreamHandler()
    terminal.setLevel(config.log_level.upper() if config.headless else "WARNING")
    logging.basicConfig(
        level=config.log_level.upper(),
        handlers=[file, terminal],
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
