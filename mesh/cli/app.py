"""The table of commands, loaded one at a time, and the one place where errors become words and exit codes."""

from __future__ import annotations

import difflib
import errno
import importlib
import io
import os
import sys
import traceback
from typing import Any, NoReturn

import click

import mesh
from mesh.cli.pipes import drop_output
from mesh.errors import ExitCode, MeshError

# Command -> (module, attribute, one line of help). The line stands here too so that `mesh --help` loads
# no command; a test holds it against the command's own.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "join": ("mesh.cli.join", "join", "Run a node on this machine: found a mesh, or join one."),
    "invite": ("mesh.cli.members", "invite", "Print a code that lets other machines join."),
    "rotate-key": ("mesh.cli.members", "rotate_key", "Replace the key that seals the mesh's gossip."),
    "leave": ("mesh.cli.members", "leave", "Stop this machine's node; its work goes to others."),
    "status": ("mesh.cli.status", "status", "Watch what every node is doing, live."),
    "nodes": ("mesh.cli.members", "nodes", "List the nodes, or show one."),
    "submit": ("mesh.cli.submit", "submit", "Render a scene on the mesh; frames land here."),
    "jobs": ("mesh.cli.listing", "jobs", "List the jobs: all of them, or those that are meant."),
    "show": ("mesh.cli.jobs", "show", "Show one job: progress, who did what, failures."),
    "collect": ("mesh.cli.collect", "collect", "Fetch a job's frames, from any node."),
    "cancel": ("mesh.cli.jobs", "cancel", "Stop a job; what is rendered stays."),
    "pause": ("mesh.cli.jobs", "pause", "Start nothing more of a job until resumed."),
    "resume": ("mesh.cli.jobs", "resume", "Go on with a paused job."),
    "retry": ("mesh.cli.jobs", "retry", "Render a job's failed frames again."),
    "logs": ("mesh.cli.logs", "logs", "Show how a job's frames were tried, and the logs of failures."),
    "edit": (
        "mesh.cli.edit",
        "edit",
        "Change a job's priority, category, tags, nodes or frames while it runs.",
    ),
    "exclude": ("mesh.cli.edit", "exclude", "Keep nodes from rendering a job."),
    "include": ("mesh.cli.edit", "include", "Let nodes render a job again."),
    "replay": ("mesh.cli.replay", "replay_command", "Trace one sample of a pixel again and print its path."),
    "demo": ("mesh.cli.demo", "demo", "See a mesh of three nodes render and survive a kill."),
}

_SECTIONS = {
    "Nodes": ("join", "invite", "leave", "nodes", "rotate-key"),
    "Rendering": ("submit", "collect", "status", "demo"),
    "Jobs": (
        "jobs",
        "show",
        "logs",
        "pause",
        "resume",
        "cancel",
        "retry",
        "edit",
        "exclude",
        "include",
        "replay",
    ),
}
"""How `mesh --help` lists them; a test holds it against the table above."""

_EPILOG = """\b
`mesh COMMAND --help` tells more, with examples.

\b
Exit codes:
  0  done                      3  no mesh node runs here
  1  some frames failed        4  refused
  2  not understood          130  interrupted
"""


class LazyGroup(click.Group):
    """A group that imports a command when it is asked for, and its help from the table above."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            close = difflib.get_close_matches(args[0], COMMANDS, n=2)
            hint = f". Did you mean {' or '.join(close)}?" if close else ""
            ctx.fail(f"there is no command {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Whoever reads our output may have enough of it, as `| head` does, before click calls that a failure."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            drop_output()
            return ExitCode.DONE

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        for title, names in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, COMMANDS[name][2]) for name in names])


@click.group(
    cls=LazyGroup,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(mesh.__version__, prog_name="mesh")
@click.option("--debug", is_flag=True, help="Show tracebacks of errors. Also MESH_DEBUG=1.")
def program(debug: bool) -> None:
    """A render mesh: machines that find each other, share frames and lose no work.

    \b
    On every machine:        mesh join
    From any of them:        mesh submit scene.glb --frames 1-240
    See what is going on:    mesh status
    From another machine:    mesh collect JOB
    """
    if debug:
        os.environ["MESH_DEBUG"] = "1"  # child processes are to show theirs too


_FULL = (errno.ENOSPC, errno.EDQUOT)


class OutOfMemory(MeshError):
    """There is not enough memory here for this command. A scene file takes about twenty times the size of its JSON: for
    millions of nodes use EXT_mesh_gpu_instancing, or submit on a machine with more memory."""


class NoRoomToWrite(MeshError):
    """No space is left where this command writes{where}. Make room there and run it again."""


def run() -> NoReturn:
    """Run the command of `sys.argv`, say what went wrong in one sentence, and exit."""
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows fewer letters shows what it can
    arguments = sys.argv[1:]
    try:
        sys.exit(program.main(arguments, prog_name="mesh", standalone_mode=False) or ExitCode.DONE)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(ExitCode.USAGE)
    except click.ClickException as error:
        _tell(misuse(error), error)
        sys.exit(ExitCode.USAGE)
    except MeshError as error:
        _tell(str(error), error)
        sys.exit(error.exit_code)
    except MemoryError as error:
        _tell(str(OutOfMemory()), error)
        sys.exit(OutOfMemory.exit_code)
    except (click.Abort, KeyboardInterrupt):
        if sys.stderr.isatty():
            click.echo(err=True)  # the shell's prompt is not to stand beside the ^C
        sys.exit(ExitCode.INTERRUPTED)
    except OSError as error:
        if error.errno not in _FULL:
            _tell_bug(error)
        where = f": {error.filename}" if error.filename else ""
        _tell(str(NoRoomToWrite(where=where)), error)
        sys.exit(NoRoomToWrite.exit_code)
    except Exception as error:  # noqa: BLE001 - the last boundary: a person reads this
        _tell_bug(error)


def _open_what_is_closed() -> None:
    """Whoever starts us with a closed output (`>&-`) wants none of it; Python has no stream for it then."""
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY))
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")


def _tell_bug(error: BaseException) -> NoReturn:
    _tell(
        f"{type(error).__name__}: {error}. This is a bug in mesh; please report it with what "
        "`mesh --debug ...` prints.",
        error,
    )
    sys.exit(ExitCode.REFUSED)


def misuse(error: click.ClickException) -> str:
    """What was typed wrongly, and where to look, in the form of all our errors; click has another for each."""
    match error:
        case click.MissingParameter(param=click.Parameter() as param):
            said = f"{param.make_metavar(click.Context(program)).strip('[]')} is missing"
        case click.BadParameter():
            said = f"{_parameter(error)}{error.message}"
        case click.NoSuchOption(option_name=name):
            close = f". Did you mean {' or '.join(error.possibilities[:2])}?" if error.possibilities else ""
            said = f"there is no option {name}{close}"
        case _:
            said = error.format_message()
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    end = "" if said.endswith((".", "?")) else "."
    return f"{said[0].upper()}{said[1:]}{end} See `{ctx.command_path if ctx else 'mesh'} --help`."


def _parameter(error: click.BadParameter) -> str:
    """`--frames: `, which then begins the sentence."""
    if error.param_hint is not None:
        return f"{error.param_hint}: "
    if isinstance(error.param, click.Option):
        return f"{max(error.param.opts, key=len)}: "
    return "" if error.param is None else f"{str(error.param.name).upper()}: "


def _tell(sentence: str, error: BaseException) -> None:
    if os.environ.get("MESH_DEBUG"):
        traceback.print_exception(error)
    click.echo(f"mesh: {sentence}", err=True)
