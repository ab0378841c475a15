"""How a command tells of a job while its frames come in: live on a terminal, as lines, or as JSON lines."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

import click

from mesh.control.collection import FrameWritten, Looked, Update, Writing
from mesh.control.convert import to_json
from mesh.model.ids import JobId, short
from mesh.model.status import EventStatus, JobState, JobStatus
from mesh.ui.words import clock, duration, percent, plural, size

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

_EVERY = 10.0
"""Seconds after which a line of progress comes though no frame was written."""


_CTRL_C = 2
"""Columns that a picture leaves free, where the terminal writes `^C`: else that would begin a line below it."""
_LEAST = 10


@dataclass(frozen=True, slots=True)
class Closing:
    """What is said at the end."""

    job: JobStatus
    written: int
    output: str
    seconds: float
    """Wall time of this command."""


class Report(Protocol):
    """`with report:` around the whole; `pause` gives the terminal back for a question."""

    def __enter__(self) -> Report: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def submitted(self, job: JobId, durable_on: tuple[str, ...]) -> None: ...

    def note(self, sentence: str) -> None: ...

    def update(self, update: Update) -> None: ...

    def close(self, closing: Closing) -> None: ...


class _Quiet:
    """What reports without a live display need not do."""

    def __enter__(self) -> Report:
        return self  # type: ignore[return-value]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put back."""

    def pause(self) -> None:
        """Nothing to clear."""

    def resume(self) -> None:
        """Nothing to draw again."""


class EventFilter:
    """The events that concern one job, each once, beginning with those after the first look."""

    def __init__(self) -> None:
        self._seen: int | None = None

    def fresh(self, events: tuple[EventStatus, ...], job: JobStatus) -> list[EventStatus]:
        newest = max((event.number for event in events), default=0)
        if self._seen is None:
            self._seen = newest
        found = [one for one in events if one.number > self._seen and one.job in (None, job.job)]
        self._seen = max(newest, self._seen)
        return found


class JsonReport(_Quiet):
    """One JSON object a line: `{"event": "submitted" | "note" | "writing" | "frame" | "progress" | "log" | "closed", ...}`."""

    def __init__(self) -> None:
        self._events = EventFilter()
        self._last: tuple[object, ...] = ()

    def submitted(self, job: JobId, durable_on: tuple[str, ...], **more: object) -> None:
        self._print("submitted", job=job.hex(), short=short(job), durable_on=durable_on, **more)

    def note(self, sentence: str) -> None:
        self._print("note", text=sentence)

    def update(self, update: Update) -> None:
        if isinstance(update, FrameWritten):
            files = [{"path": path, "sha256": digest} for path, digest in update.files]
            self._print("frame", frame=update.frame, files=files, nodes=update.nodes)
            return
        if isinstance(update, Writing):
            self._print("writing", frame=update.frame, bytes=update.size)
            return
        for event in self._events.fresh(update.mesh.events, update.job):
            self._print("log", kind=event.kind, text=event.text, unix_ms=event.unix_ms)
        job = update.job
        now = (
            job.state,
            job.frames_done,
            job.frames_failed,
            update.written,
            int(job.fraction * 100),
            job.waiting,
        )
        if now != self._last:
            self._last = now
            self._print("progress", written=update.written, job=to_json(job))

    def close(self, closing: Closing) -> None:
        job = closing.job
        self._print(
            "closed",
            **_named(job),
            written=closing.written,
            output=closing.output,
            seconds=round(closing.seconds, 3),
            shares=to_json(job.shares),
        )

    def nothing_to_write(self, job: JobStatus | None, output: str) -> None:
        """Every frame that was asked for is there already; `job` where it is known."""
        self._print("closed", **({} if job is None else _named(job)), written=0, output=output)

    def _print(self, event: str, **facts: object) -> None:
        click.echo(json.dumps({"event": event, **facts}))


def _named(job: JobStatus) -> dict[str, object]:
    """What a script wants to know of a job at its end; all of it is in `mesh show --json`."""
    return {
        "job": job.job,
        "short": job.short,
        "name": job.name,
        "state": job.state.value,
        "frames_done": job.frames_done,
        "frames_failed": job.frames_failed,
        "failures": job.failures,
    }


class LineReport(_Quiet):
    """A line for each frame and event, for logs and pipes."""

    def __init__(self, output: str, frames: int, now: Callable[[], float] = time.monotonic) -> None:
        self._output = output
        self._frames = frames
        self._events = EventFilter()
        self._now = now
        self._spoke = now()
        self._job: JobStatus | None = None
        self._written = 0
        self._said_ms = 0

    def submitted(self, job: JobId, durable_on: tuple[str, ...]) -> None:
        self._say(f"submitted as {short(job)}{_safe(durable_on)}; frames go to {self._output}")

    def note(self, sentence: str) -> None:
        self._say(sentence)

    def update(self, update: Update) -> None:
        if isinstance(update, FrameWritten):
            self._written += 1
            left = self._job.eta_seconds if self._job else None
            tail = "" if left is None else f", {duration(left)} left"
            by = " and ".join(update.nodes)
            self._say(
                f"frame {update.frame} written ({self._written} of {self._frames}{tail}), rendered by {by}"
            )
            return
        if isinstance(update, Writing):
            self._say(_writing(update))
            return
        before, self._job = self._job, update.job
        for event in self._events.fresh(update.mesh.events, update.job):
            self._say(event.text, event.unix_ms)
        if update.job.waiting and (before is None or before.waiting != update.job.waiting):
            self._say(f"waits: {update.job.waiting}")
        if self._now() - self._spoke >= _EVERY:
            self._say(_progress_line(update))

    def close(self, closing: Closing) -> None:
        from rich.console import Console

        print_closing(Console(highlight=False), closing)

    def _say(self, text: str, unix_ms: int | None = None) -> None:
        self._spoke = self._now()
        # What others saw a moment ago is told after what happened here meanwhile: no line goes back in time.
        self._said_ms = max(self._said_ms, int(time.time() * 1000) if unix_ms is None else unix_ms)
        click.echo(f"{clock(self._said_ms)}  {text}")


def _writing(update: Writing) -> str:
    return f"frame {update.frame} is rendered; its {size(update.size)} of pixels are fetched and written"


def _progress_line(look: Looked) -> str:
    job = look.job
    busy = [
        f"{node.name} {one.what}" + (f" ({node.preparing})" if node.preparing else "")
        for node in look.mesh.nodes
        for one in node.activities
        if one.job == job.job
    ]
    doing = "; ".join(busy[:4]) + (f" and {len(busy) - 4} more" if len(busy) > 4 else "")
    left = "" if job.eta_seconds is None else f", {duration(job.eta_seconds)} left"
    nobody = "no node has begun it yet" if job.state is JobState.WAITING else job.state.value
    return f"{percent(job.fraction).strip()} done{left}: {doing or job.waiting or nobody}"


class LiveReport:
    """A picture redrawn in place; notes scroll by above it."""

    def __init__(self, console: Console, output: str) -> None:
        self._console = console
        self._output = output
        self._live = _picture(console)
        self._filter = EventFilter()
        self._recent: deque[EventStatus] = deque(maxlen=5)
        self._look: Looked | None = None

    def __enter__(self) -> LiveReport:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def pause(self) -> None:
        self._live.stop()

    def resume(self) -> None:
        # The one that was stopped would begin with erasing as many lines as it had, which are others' now.
        self._live = _picture(self._console)
        self._live.start()
        self._draw()

    def submitted(self, job: JobId, durable_on: tuple[str, ...]) -> None:
        self.note(f"submitted as {short(job)}{_safe(durable_on)}")

    def note(self, sentence: str) -> None:
        self._console.print(f" {sentence}", highlight=False, markup=False, soft_wrap=True)

    def update(self, update: Update) -> None:
        if isinstance(update, Looked):
            self._look = update
            self._recent.extend(self._filter.fresh(update.mesh.events, update.job))
        elif isinstance(update, Writing):
            self.note(_writing(update))
        self._draw()

    def _draw(self) -> None:
        from rich.constrain import Constrain

        from mesh.ui.progress_view import render_progress

        if self._look is not None:
            look = self._look
            width = max(_LEAST, self._console.width - _CTRL_C)
            view = render_progress(
                look.job, look.mesh, tuple(self._recent), look.written, self._output, width
            )
            self._live.update(Constrain(view, width), refresh=True)

    def close(self, closing: Closing) -> None:
        self._live.stop()
        print_closing(self._console, closing)


def _picture(console: Console) -> Live:
    from rich.live import Live

    return Live(console=console, auto_refresh=False, transient=True)


def _safe(durable_on: tuple[str, ...]) -> str:
    return f", safe on {' and '.join(durable_on)} too" if durable_on else ""


def print_closing(console: Console, closing: Closing) -> None:
    """Frames, where they are, how long it took, and who did what."""
    from mesh.ui.progress_view import shares_table

    job = closing.job
    ended = {JobState.DONE: "is done", JobState.CANCELLED: "is cancelled"}.get(job.state, "has failed")
    failed = f", {job.frames_failed} failed" if job.frames_failed else ""
    what = f"{plural(closing.written, 'frame')} written to {closing.output}"
    console.print(
        f"\n{job.name} ({job.short}) {ended}: {what}{failed}, in {duration(closing.seconds)}.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    for failure in job.failures:
        console.print(f"  {failure}", style="red", highlight=False, markup=False, soft_wrap=True)
    if job.shares:
        console.print(shares_table(job))
    if job.frames_failed:
        console.print(
            f"What was tried: mesh logs {job.short}. To try failed frames again: mesh retry {job.short}; "
            "where the scene is at fault, mend and submit it again.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def choose_report(as_json: bool, output: str, frames: int) -> Report:
    """JSON where asked for, live on a terminal, lines elsewhere; `frames` are to be written."""
    if as_json:
        return JsonReport()
    if not sys.stdout.isatty():
        return LineReport(output, frames)
    from rich.console import Console

    return LiveReport(Console(), output)
