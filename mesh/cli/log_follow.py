"""`mesh logs --follow`: tells what becomes of a job's frames, or of one of them, until there is no more to come.

Polls the node whenever something has changed. Of what a renderer writes only what is new is told: the node has the end of
it, and where more was written between two looks than it keeps, the lines between are lost.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Protocol

import click

from mesh.cli.reports import EventFilter
from mesh.control.client import Client
from mesh.control.convert import to_json
from mesh.control.service import AttemptEntry, RunningEntry
from mesh.model.status import ENDED, EventStatus, JobStatus
from mesh.ui.words import clock

_REFRESH = 1.0
"""Seconds between two looks at the most."""
_PAUSE = 0.25
"""And at the least."""
_STEPS = 10
"""Words of progress for a unit."""


class Teller(Protocol):
    """Says what has come."""

    def attempt(self, one: AttemptEntry) -> None: ...

    def running(self, one: RunningEntry) -> None: ...

    def words(self, node: str, text: str) -> None: ...

    def event(self, event: EventStatus) -> None: ...

    def closed(self, status: JobStatus) -> None: ...


class LineTeller:
    """Lines for people."""

    def __init__(self, show: Callable[[AttemptEntry], None], line: Callable[[RunningEntry], str]) -> None:
        self.attempt = show
        self._line = line

    def running(self, one: RunningEntry) -> None:
        _say(self._line(one))

    def words(self, node: str, text: str) -> None:
        for line in text.splitlines():
            click.echo(f"    {node}: {line}")

    def event(self, event: EventStatus) -> None:
        _say(event.text, event.unix_ms)

    def closed(self, status: JobStatus) -> None:
        _say(f"{status.name} ({status.short}) is {status.state.value}")


def _say(text: str, unix_ms: int | None = None) -> None:
    click.echo(f"{clock(int(time.time() * 1000) if unix_ms is None else unix_ms)}  {text}")


class JsonTeller:
    """One object a line: `{"event": "attempt" | "running" | "words" | "log" | "closed", ...}`."""

    def __init__(self, log: Callable[[AttemptEntry], str | None]) -> None:
        self._log = log

    def attempt(self, one: AttemptEntry) -> None:
        self._print("attempt", **to_json(one), text=self._log(one))

    def running(self, one: RunningEntry) -> None:
        self._print("running", **{name: value for name, value in to_json(one).items() if name != "words"})

    def words(self, node: str, text: str) -> None:
        self._print("words", node=node, text=text)

    def event(self, event: EventStatus) -> None:
        self._print("log", kind=event.kind, text=event.text, unix_ms=event.unix_ms)

    def closed(self, status: JobStatus) -> None:
        self._print("closed", state=status.state.value, job=to_json(status))

    def _print(self, event: str, **facts: object) -> None:
        click.echo(json.dumps({"event": event, **facts}))


def follow(client: Client, status: JobStatus, frame: int | None, teller: Teller) -> None:
    """Until the job has ended, or all buckets of `frame` are there. A job that is paused is followed on."""
    told: set[AttemptEntry] = set()
    stages: dict[tuple[str, int, int], object] = {}
    heard: dict[str, str] = {}
    events = EventFilter()
    while True:
        mesh = client.status()
        status = client.job(status.job).status
        for event in events.fresh(mesh.events, status):
            teller.event(event)
        listed = client.attempts(status.job, frame)
        for one in listed.attempts:
            if one not in told:
                told.add(one)
                teller.attempt(one)
        for unit in listed.running:
            stage = (unit.preparing, int(unit.fraction * _STEPS))
            if stages.get((unit.node, unit.frame, unit.start)) != stage:
                stages[unit.node, unit.frame, unit.start] = stage
                teller.running(unit)
            fresh = news(heard.get(unit.node, ""), unit.words)
            heard[unit.node] = unit.words
            if fresh:
                teller.words(unit.node, fresh)
        if status.state in ENDED or (frame is not None and _complete(listed.attempts)):
            teller.closed(status)
            return
        looked = time.monotonic()
        client.wait_status(mesh.revision, _REFRESH)
        time.sleep(max(0.0, _PAUSE - (time.monotonic() - looked)))


def _complete(attempts: tuple[AttemptEntry, ...]) -> bool:
    """Whether what was rendered of a frame makes it whole."""
    done = {bucket for one in attempts if one.failure is None for bucket in range(one.start, one.stop)}
    return bool(attempts) and len(done) == attempts[0].of_buckets


def news(before: str, now: str) -> str:
    """What `now` has after the end of `before`, both being ends of one growing text; all of `now` where nothing of
    `before` is left in it."""
    for start in range(len(before)):
        if now.startswith(before[start:]):
            return now[len(before) - start :]
    return now
