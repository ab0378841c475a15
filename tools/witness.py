"""`python -m tools.witness ...`: the `mesh` command, whose node also writes down what it does for the one job
that it hears of.

A line each in `steps.jsonl` of its home, at the very moment and with the time of day, so that what a killed node did
last is known, and what several nodes of one computer did can be put in order. `read` makes `Step`s of the lines.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from mesh.cli import main
from mesh.gossip.events import MemberDown
from mesh.model.ids import NodeId
from mesh.model.policy import FrameOrder
from mesh.node import runtime
from mesh.node.core import NodeCore
from mesh.sched import news as sched
from mesh.sched.intervals import Interval, IntervalSet, from_numbers
from mesh.sched.layout import Layout
from mesh.wire.copies import KeepPixels, PixelsKept
from mesh.wire.effects import MessageReceived, Notify, RenderDone, Send, Together
from mesh.wire.ledger import LedgerDelta
from mesh.wire.stealing import StealGrant

FILE = "steps.jsonl"


class What(StrEnum):
    """`other` of a step is the node in brackets, in hex."""

    HOLDS = "holds"
    """It tells the others that it vouches for these positions, and for no more."""
    STARTED = "started"
    RENDERED = "rendered"
    PUBLISHED = "published"
    """It learned that the result of (a node) counts."""
    GRANTED = "granted"
    """It got these positions from (a node)."""
    LENT = "lent"
    """It gave these positions to (a node)."""
    ASKED_TO_KEEP = "asked to keep"
    """(A node) wants it to keep a copy of a result."""
    KEEPS = "keeps"
    """It tells (a node) that it has that copy."""
    DOWN = "down"
    """It takes (a node) for dead."""


@dataclass(frozen=True, slots=True)
class Step:
    at: float
    """Unix seconds."""
    node: str
    """Name of who noted it."""
    what: What
    spans: tuple[Interval, ...] = ()
    other: str = ""

    def positions(self) -> IntervalSet:
        return IntervalSet(self.spans)


def read(node: str, lines: Iterable[bytes]) -> Iterator[Step]:
    """The steps in whole lines of a node's file."""
    for line in lines:
        at, what, spans, other = json.loads(line)
        yield Step(at, node, What(what), tuple((start, stop) for start, stop in spans), other)


class Witness(NodeCore):
    def __init__(self, *machines: Any) -> None:
        super().__init__(*machines)
        self._file = Path(os.environ["MESH_HOME"], FILE).open("ab", buffering=0)  # noqa: SIM115  # open for life
        self._layout: Layout | None = None
        self._stamp = 0
        """Of the newest claims written down."""

    def handle(self, event: object, now: float) -> list[Any]:
        for one in event.events if isinstance(event, Together) else (event,):
            self._happened(one)
        effects = super().handle(event, now)
        for effect in effects:
            if isinstance(effect, Notify):
                self._told(effect.event)
            elif isinstance(effect, Send):
                self._sent(effect)
        return effects

    def _happened(self, event: object) -> None:
        match event:
            case RenderDone(unit=unit) if self._layout is not None:
                self._note(What.RENDERED, [self._layout.span(unit)])
            case MessageReceived(sender, StealGrant(spans=spans)) if self._layout is not None:
                self._note(What.GRANTED, from_numbers(spans, self._layout.total), sender)
            case MessageReceived(sender, KeepPixels()):
                self._note(What.ASKED_TO_KEEP, (), sender)

    def _told(self, news: object) -> None:
        match news:
            case sched.JobKnown(manifest=manifest):
                self._layout = Layout(manifest, FrameOrder.FORWARD)
            case sched.UnitStarted(unit=unit) if self._layout is not None:
                self._note(What.STARTED, [self._layout.span(unit)])
            case sched.ResultKnown(result=result) if self._layout is not None:
                self._note(What.PUBLISHED, [self._layout.span(result.unit)], result.renderer)
            case MemberDown(node=node):
                self._note(What.DOWN, (), node)

    def _sent(self, effect: Send) -> None:
        me = self.membership.me
        match effect.message:
            case LedgerDelta(claims=claims) if self._layout is not None:
                for claim in claims:
                    if claim.node == me and claim.stamp != self._stamp:
                        self._stamp = claim.stamp  # it is said to everybody
                        self._note(What.HOLDS, from_numbers(claim.spans, self._layout.total))
            case StealGrant(spans=spans) if self._layout is not None:
                self._note(What.LENT, from_numbers(spans, self._layout.total), effect.to)
            case PixelsKept(kept=True):
                self._note(What.KEEPS, (), effect.to)

    def _note(self, what: What, spans: Iterable[Interval], other: NodeId | None = None) -> None:
        line = json.dumps([time.time(), what, list(spans), "" if other is None else other.hex()])
        self._file.write(line.encode() + b"\n")


if __name__ == "__main__":
    vars(runtime)["NodeCore"] = Witness  # the class that Node makes its machines of
    main()
