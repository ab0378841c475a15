"""What `tools.kill_runs` does to a mesh, planned by seed, and what it makes of what the nodes wrote down. No I/O."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mesh.sched.intervals import IntervalSet
from tools.sim.gossip_experiments import percentile
from tools.witness import Step, What

AGAIN_P50_SECONDS, AGAIN_P99_SECONDS = 5.0, 12.0
"""Lost work must be running again so soon after a kill."""


class Kind(StrEnum):
    THIEF = "thief"
    """kill -9 of a node that holds work which it has stolen."""
    VICTIM = "victim"
    """kill -9 of a node from which others have stolen what they have not finished, and that holds more."""
    HOLDER = "holder"
    """kill -9 of a node that keeps results of others, if possible while it fetches one."""
    SUBMITTER = "submitter"
    PAUSE = "pause"
    """SIGSTOP, and SIGCONT after `PAUSE_SECONDS`."""
    PARTITION = "partition"
    """Two nodes are cut off from the others for `PARTITION_SECONDS`."""

    @property
    def kills(self) -> bool:
        return self not in (Kind.PAUSE, Kind.PARTITION)


PAUSE_SECONDS, PARTITION_SECONDS = 30.0, 20.0
CUT_OFF = 2
_LEAST = 2
"""Buckets that a node must hold for its loss to mean anything."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. `submitter` and `cut_off` are names."""

    number: int
    kind: Kind
    seed: int
    submitter: str
    cut_off: tuple[str, ...]
    done: float
    """From this part of the job on, a node is looked for that fits the kind."""


def plans(runs: int, kinds: Sequence[Kind], names: Sequence[str], seed: int) -> list[Plan]:
    """All runs, kind after kind in turn. The same seed gives the same plans, and a run of them does not depend on
    how many follow."""
    planned = []
    for number in range(runs):
        rng = random.Random(f"{seed}/{number}")
        submitter = rng.choice(names)
        cut_off = tuple(sorted(rng.sample(names, CUT_OFF)))
        done = rng.uniform(0.1, 0.4)
        planned.append(
            Plan(number, kinds[number % len(kinds)], rng.getrandbits(32), submitter, cut_off, done)
        )
    return planned


@dataclass(slots=True)
class Standing:
    """How one node stands, by its own steps."""

    holds: IntervalSet = field(default_factory=IntervalSet)
    stolen: IntervalSet = field(default_factory=IntervalSet)
    """Everything that it was ever granted."""
    lent: IntervalSet = field(default_factory=IntervalSet)
    kept: int = 0
    """Copies of others' results."""
    fetching: int = 0
    """Copies that it is asked for and has not said it has."""


@dataclass(slots=True)
class Situation:
    """How the job stands at all nodes: take in steps in any order between nodes, in order within each."""

    nodes: dict[str, Standing]
    published: IntervalSet = field(default_factory=IntervalSet)

    def take_in(self, step: Step) -> None:
        one = self.nodes[step.node]
        match step.what:
            case What.HOLDS:
                one.holds = step.positions()
            case What.GRANTED:
                one.stolen.add_all(step.positions())
            case What.LENT:
                one.lent.add_all(step.positions())
            case What.ASKED_TO_KEEP:
                one.fetching += 1
            case What.KEEPS:
                one.kept += 1
                one.fetching -= 1
            case What.PUBLISHED:
                self.published.add_all(step.positions())

    def candidates(self, plan: Plan) -> list[str]:
        """The nodes whom the plan's fault may befall now."""
        if plan.kind is Kind.SUBMITTER:
            return [plan.submitter] if self._loses_something(plan.submitter) else []
        found = [name for name in self.nodes if self._loses_something(name) and self._fits(plan, name)]
        if plan.kind is Kind.HOLDER:
            return [name for name in found if self.nodes[name].fetching > 0] or found
        return found

    def _loses_something(self, name: str) -> bool:
        return self._open(self.nodes[name].holds).size >= _LEAST

    def _fits(self, plan: Plan, name: str) -> bool:
        one = self.nodes[name]
        if plan.kind.kills and name == plan.submitter:
            return False  # that is a kind of its own
        match plan.kind:
            case Kind.THIEF:
                return self._open(one.holds.common(one.stolen)).size >= _LEAST
            case Kind.VICTIM:
                return bool(self._open(one.lent))
            case Kind.HOLDER:
                return one.kept > 0
            case _:
                return True

    def _open(self, positions: IntervalSet) -> IntervalSet:
        rest = positions.copy()
        rest.remove_all(self.published)
        return rest


@dataclass(frozen=True, slots=True)
class Rescue:
    """What became of the work of a node that was lost."""

    lost: int
    """Buckets that it alone vouched for and whose results were not there."""
    noticed: float | None
    """Seconds until somebody took the node for dead; None where nobody did."""
    again: float | None
    """Seconds until all of the lost work was vouched for by others and some of it was being rendered; None where
    nothing was lost, or where it never was."""


def rescue_of(gone: str, identity: str, at: float, steps: Sequence[Step]) -> Rescue:
    """`gone` is the name, and `identity` the id, of a node lost at `at`; `steps` are of all nodes."""
    last: dict[str, Step] = {}
    lost = IntervalSet()
    for step in steps:
        if step.what is What.HOLDS and step.at <= at:
            last[step.node] = max(last.get(step.node, step), step, key=lambda one: one.at)
    if gone in last:
        lost = last[gone].positions()
    for name, step in last.items():
        if name != gone:
            lost.remove_all(step.positions())
    later = [step for step in steps if step.at > at and step.node != gone]
    for step in steps:
        if step.what is What.PUBLISHED and (step.other == identity or step.at <= at):
            lost.remove_all(step.positions())
    noticed = [step.at - at for step in later if step.what is What.DOWN and step.other == identity]
    return Rescue(lost.size, min(noticed, default=None), _again(lost, at, later))


def _again(lost: IntervalSet, at: float, later: Sequence[Step]) -> float | None:
    """`later` are the steps of the others after `at`."""
    unheld, first = lost.copy(), None
    for step in sorted(later, key=lambda one: one.at):
        spans = step.positions()
        if first is None and step.what is What.STARTED and lost.common(spans):
            first = step.at
        if step.what in (What.HOLDS, What.STARTED, What.PUBLISHED):
            unheld.remove_all(spans)
        if first is not None and not unheld:
            return step.at - at
    return None


def rendered_twice(steps: Iterable[Step]) -> int:
    """Buckets rendered to the end more than once, by whomever: each time beyond the first counts."""
    seen, twice = IntervalSet(), 0
    for step in steps:
        if step.what is What.RENDERED:
            for start, stop in step.spans:
                twice += stop - start - seen.add(start, stop)
    return twice


@dataclass(frozen=True, slots=True)
class Outcome:
    plan: Plan
    whom: tuple[str, ...]
    """Names of the nodes that it befell."""
    files: int
    equal: int
    """Picture files, two a frame, that are the bytes that one node alone makes."""
    rescue: Rescue | None
    duplicates: int
    seconds: float
    """Of the whole run."""
    failure: str = ""
    """What went wrong, and where the logs are; empty where nothing did."""


@dataclass(frozen=True, slots=True)
class Row:
    """Of the report: one kind, or all."""

    name: str
    runs: int
    files: int
    equal: int
    again_p50: float | None
    again_p99: float | None
    duplicates: int
    failures: int


def summary(name: str, outcomes: Sequence[Outcome]) -> Row:
    times = [one.rescue.again for one in outcomes if one.rescue and one.rescue.again is not None]
    return Row(
        name,
        len(outcomes),
        sum(one.files for one in outcomes),
        sum(one.equal for one in outcomes),
        percentile(times, 0.5) if times else None,
        percentile(times, 0.99) if times else None,
        sum(one.duplicates for one in outcomes),
        sum(bool(one.failure) for one in outcomes),
    )


def rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """One for each kind, one for all kills, whose times are what is promised, and one for all."""
    table = [
        summary(kind.value, chosen)
        for kind in Kind
        if (chosen := [one for one in outcomes if one.plan.kind is kind])
    ]
    killed = [one for one in outcomes if one.plan.kind.kills]
    return [*table, *([summary("all kills", killed)] if killed else []), summary("all", outcomes)]


def verdict(outcomes: Sequence[Outcome]) -> list[str]:
    """A sentence for every promise that was not kept."""
    broken = [one.failure for one in outcomes if one.failure]
    kills = [one for one in outcomes if one.plan.kind.kills]
    row = summary("all kills", kills)
    for share, measured, most in (
        ("p50", row.again_p50, AGAIN_P50_SECONDS),
        ("p99", row.again_p99, AGAIN_P99_SECONDS),
    ):
        if measured is not None and measured > most:
            broken.append(
                f"{share} of the time from kill to running again is {measured:.1f} s, more than {most:.0f} s"
            )
    return broken


def as_table(table: Sequence[Row]) -> str:
    lines = [("kind", "runs", "files equal", "again p50", "p99", "twice", "failed")]
    lines += [
        (
            row.name,
            str(row.runs),
            f"{row.equal} of {row.files}",
            _seconds(row.again_p50),
            _seconds(row.again_p99),
            str(row.duplicates),
            str(row.failures),
        )
        for row in table
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"
