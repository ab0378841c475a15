"""Follows one job to its end, writing its frames: the second half of submit, and all of collect."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from types import FrameType

import click

from mesh.cli.pipes import drop_output
from mesh.cli.printed import collect_command
from mesh.cli.reports import Closing, JsonReport, Report
from mesh.control.client import Client
from mesh.control.collection import Collector, Looked
from mesh.control.errors import NodeGone
from mesh.control.outputs import Format, OutputDiskFull, OutputPattern, work_folder
from mesh.control.service import JobAction, SubmitReceipt
from mesh.engines.writer_client import WriterClient
from mesh.errors import ExitCode, MeshError
from mesh.model.ids import short
from mesh.model.look import Look
from mesh.model.status import JobState, JobStatus
from mesh.ui.words import plural


class LeftBehind(MeshError):
    """{reason} Other nodes go on with the job; then, or from any of them, fetch its frames with: {command}"""

    exit_code = ExitCode.NO_MESH


class NoRoomForFrames(MeshError):
    """The disk of {folder} is full. Make room{first}, then fetch what is missing with `{command}`."""


class Choice(Enum):
    """What to do after Ctrl-C."""

    DETACH = "d"
    CANCEL = "c"
    GO_ON = "g"


@dataclass(frozen=True, slots=True)
class Following:
    """What to follow, and how: `job` by its id in hex. `output` and `formats` are the user's `-o` and `--format`, to be
    repeated in a printed command."""

    client: Client
    job: str
    frames: Sequence[int]
    pattern: OutputPattern
    report: Report
    output: str | None
    formats: tuple[Format, ...] = ()
    look: Look = field(default_factory=Look)
    receipt: SubmitReceipt | None = None
    """Of a job that was submitted just now, which is to be told."""
    own_node: bool = False
    """The node ends with this command, so that nothing renders after it."""
    whole_mesh: bool = False
    """So does every other node, and all they have: there is no choice after Ctrl-C, and nothing to collect."""


def follow(following: Following) -> ExitCode:
    """Until the job has ended or the user has had enough. Prints the closing summary. Raises LeftBehind, and what
    `Collector.run` raises."""
    try:
        return _follow(following)
    except NodeGone as error:
        if following.own_node or following.whole_mesh:
            raise
        command = _command(following, short(bytes.fromhex(following.job)))
        raise LeftBehind(reason=error, command=command) from error
    except OutputDiskFull as error:
        first = " and start a node with `mesh join`" if following.own_node else ""
        command = _command(following, short(bytes.fromhex(following.job)))
        raise NoRoomForFrames(folder=error.details["folder"], first=first, command=command) from error
    except BrokenPipeError:
        drop_output()
        name = short(bytes.fromhex(following.job))
        click.echo(f"mesh: Nobody reads this any more; {_how_to_collect(following, name)}", err=True)
        return ExitCode.INTERRUPTED


def _follow(following: Following) -> ExitCode:
    started = time.monotonic()
    pattern, report = following.pattern, following.report
    with work_folder(pattern) as work, WriterClient() as writer, report, _terminated_as_interrupted():
        collector = Collector(
            following.client, writer, following.job, following.frames, pattern, work, following.look
        )
        if following.receipt is not None:
            if following.own_node:
                report.note("no node runs here: this command renders by itself")
            report.submitted(following.receipt.job, following.receipt.durable_on)
        while True:
            try:
                job = _run(collector, report)
                break
            except KeyboardInterrupt:
                following.client.close()  # whatever was on its way belongs to nobody now
                report.pause()
                name = short(bytes.fromhex(collector.job))
                choice = _ask(following, name)
            if choice is Choice.GO_ON:
                report.resume()
                continue
            if choice is Choice.CANCEL:
                following.client.act(collector.job, JobAction.CANCEL)
                report.note(f"{name} is cancelled; {plural(collector.written, 'frame')} written to {pattern}")
            else:
                report.note(_how_to_collect(following, name))
            return ExitCode.INTERRUPTED
        report.close(Closing(job, collector.written, str(pattern), time.monotonic() - started))
    return ExitCode.DONE if job.state is JobState.DONE else ExitCode.FRAMES_FAILED


def _run(collector: Collector, report: Report) -> JobStatus:
    job: JobStatus | None = None
    for update in collector.run():
        report.update(update)
        if isinstance(update, Looked):
            job = update.job
    assert job is not None
    return job


def _ask(following: Following, name: str) -> Choice:
    """What the user wants; where nobody can be asked, or there is nothing to ask, to detach."""
    if following.whole_mesh or isinstance(following.report, JsonReport) or not _can_ask():
        return Choice.DETACH
    leave = "[d]etach until a node runs here" if following.own_node else "[d]etach: it goes on"
    click.echo(f"\n{name}: {leave}, [c]ancel it, or [g]o on watching?", nl=False)
    answers = {choice.value: choice for choice in Choice}
    while True:
        try:
            answer = click.prompt("", default="d", show_default=False, prompt_suffix=" ").strip().lower()
        except (click.Abort, KeyboardInterrupt):
            click.echo()  # what is said next is not to stand beside the ^C
            return Choice.DETACH
        if answer[:1] in answers:
            return answers[answer[:1]]
        click.echo("Type d, c or g:", nl=False)


def _can_ask() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _how_to_collect(following: Following, name: str) -> str:
    if following.whole_mesh:
        return f"its nodes end with this command; the frames that are written are in {following.pattern}"
    command = _command(following, name)
    if following.own_node:
        return f"this command's node ends with it; go on with `mesh join`, then fetch frames with: {command}"
    return f"{name} goes on; fetch its frames with: {command}"


def _command(following: Following, name: str) -> str:
    return collect_command(name, following.output, following.formats, following.look, resumed=True)


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM as Ctrl-C, so that what is half-written goes and the command to collect is printed."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
