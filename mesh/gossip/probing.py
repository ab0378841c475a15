"""Single probes, ours and those we make for others (SWIM, section 3; Lifeguard, section 4.1).

A member is sent a Ping. Where it stays silent, helpers are asked to try; where the period ends without an
Ack, the probe has failed. Whom to probe, and what a failure means for the member, the `Detector` decides.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import Enum

from mesh.gossip.awareness import Awareness
from mesh.gossip.claims import Known
from mesh.gossip.config import GossipConfig, LinkTiming
from mesh.gossip.events import Clock
from mesh.gossip.formulas import direct_timeout, smoothed
from mesh.gossip.outbox import Outbox
from mesh.gossip.table import Table
from mesh.gossip.timers import Firing, Timers
from mesh.model.ids import Boot
from mesh.model.status import NodeState
from mesh.wire.base import Message
from mesh.wire.effects import Address
from mesh.wire.gossip import Ack, Handle, Nack, Ping, PingRequest

_MOST_HELPING = 1024
_MOST_PROBES = 64


class Verdict(Enum):
    PENDING = "pending"
    FAILED = "failed"
    """Nobody could reach it, though we could reach others."""
    FAILED_ONCE = "failed once"
    """The same, by a first probe, of a member that may have a second chance."""
    OUR_FAULT = "our fault"
    """Nobody answered us at all: it says nothing about the member."""


@dataclass(slots=True)
class _Probe:
    target: Handle
    boot: Boot
    sent: float
    patience: float
    """Seconds from the Ping to the verdict."""
    second: bool = False
    """The one before it, of the same member, has failed."""
    indirect: bool = False
    """The time for a direct answer is over."""
    asked: int = 0
    answered: set[Handle] = field(default_factory=set)
    """Helpers that were heard of, by Ack or Nack."""


@dataclass(slots=True)
class _Help:
    """A probe made for somebody else."""

    probe: int
    asker: Address
    target: Handle


class Prober:
    def __init__(
        self,
        config: GossipConfig,
        table: Table,
        timers: Timers,
        outbox: Outbox,
        awareness: Awareness,
        rng: random.Random,
    ) -> None:
        self._config = config
        self._table = table
        self._timers = timers
        self._outbox = outbox
        self._awareness = awareness
        self._rng = rng
        self._probes: dict[int, _Probe] = {}
        self._helping: dict[int, _Help] = {}
        self._rtt: dict[Handle, float] = {}
        self._heard_anyone = 0.0

    def rtt(self, handle: Handle) -> float | None:
        return self._rtt.get(handle)

    def heard(self, now: float) -> None:
        """Any datagram came in: we are not cut off."""
        self._heard_anyone = now

    def forget(self, handle: Handle) -> None:
        self._rtt.pop(handle, None)

    def abandon(self) -> None:
        """No probe under way may be blamed on its target."""
        for probe in list(self._probes):
            self._close(probe)

    def probe(self, target: Known, more: list[Message], now: float, *, second: bool = False) -> None:
        """Sends a Ping, with `more` beside it, and awaits the Ack."""
        if len(self._probes) >= _MOST_PROBES:
            return
        link = self._link(target)
        patience = self._awareness.scale(link.period)
        direct = self._awareness.scale(direct_timeout(link.timeout, link.period, self.rtt(target.handle)))
        number = self._new_number()
        self._probes[number] = _Probe(target.handle, target.claim.boot, now, patience, second)
        self._outbox.timer(Clock.DIRECT, now + direct, number)
        self._outbox.timer(Clock.VERDICT, now + patience, number)
        self._ping(number, target, more, now)

    def _ping(self, number: int, target: Known, more: list[Message], now: float) -> None:
        ping = Ping(number, self._table.me, target.handle, target.claim.boot)
        self._outbox.datagram(target.claim.address, [ping, *more], now)

    def _link(self, target: Known) -> LinkTiming:
        return self._config.for_link(self._table.own.site, target.site)

    def _new_number(self) -> int:
        while (number := self._rng.getrandbits(32)) in self._probes or number in self._helping:
            pass
        return number

    def silent(self, number: int, firing: Firing, now: float) -> None:
        """The time for a direct answer is over: ask helpers."""
        probe = self._probes[number]
        target = self._table.get(probe.target)
        if firing is Firing.LATE:
            self._outbox.timer(Clock.DIRECT, now + min(0.5, probe.patience / 2), number)
            return
        if target is None:
            return
        helpers = self._table.draw(
            self._config.helpers,
            lambda handle: handle != probe.target and self._table.state(handle) is NodeState.ALIVE,
        )
        probe.indirect, probe.asked = True, len(helpers)
        if self._config.fallback:
            self._ping(number, target, [], now)
            self._outbox.timer(Clock.RETRY, (now + probe.sent + probe.patience) / 2, number)
            self._outbox.send(target.node, Ping(number, self._table.me, target.handle, probe.boot))
        request = PingRequest(number, self._table.me, target.handle, target.claim.boot)
        for helper in helpers:
            self._outbox.datagram(helper.claim.address, [request], now)

    def again(self, number: int, now: float) -> None:
        """One more direct try, late enough that a burst of loss is over."""
        probe = self._probes[number]
        target = self._table.get(probe.target)
        if target is not None:
            self._ping(number, target, [], now)

    def verdict(self, number: int, firing: Firing, now: float) -> tuple[Handle, Verdict]:
        """The time of a probe is over."""
        probe = self._probes[number]
        if firing is Firing.LATE:
            self._awareness.add(1)
            self._outbox.timer(Clock.VERDICT, now + probe.patience, number)
            return probe.target, Verdict.PENDING
        self._close(number)
        blames_us = probe.asked - len(probe.answered) if probe.asked and self._config.nacks else 1
        self._awareness.add(blames_us)
        silence = now - self._heard_anyone
        cut_off = probe.asked >= 2 and not probe.answered and self._heard_anyone < probe.sent
        if cut_off and silence < self._config.isolation:
            return probe.target, Verdict.OUR_FAULT
        if self._config.second_chance and not probe.second:
            return probe.target, Verdict.FAILED_ONCE
        return probe.target, Verdict.FAILED

    def acked(self, ack: Ack, now: float) -> Handle | None:
        """An answer came. Returns the member that it shows to be alive, if the probe still stands."""
        help_ = self._helping.pop(ack.probe, None)
        if help_ is not None:
            self._timers.stop(Clock.HELPER, ack.probe)
            if ack.sender == help_.target:
                self._outbox.datagram(help_.asker, [Ack(help_.probe, ack.sender, ack.boot)], now)
            return ack.sender
        probe = self._probes.get(ack.probe)
        if probe is None or ack.sender != probe.target or ack.boot != probe.boot:
            return None
        if not probe.indirect:
            self._rtt[probe.target] = smoothed(self._rtt.get(probe.target), now - probe.sent)
        self._close(ack.probe)
        self._awareness.add(-1)
        return probe.target

    def nacked(self, nack: Nack) -> None:
        probe = self._probes.get(nack.probe)
        if probe is not None and len(probe.answered) < probe.asked:
            probe.answered.add(nack.sender)

    def help(self, request: PingRequest, asker: Address, more: list[Message], now: float) -> None:
        """Probes `request.target` for somebody; an unknown target is answered at once."""
        target = self._table.get(request.target)
        if target is None or len(self._helping) >= _MOST_HELPING:
            self._nack(request.probe, asker, now)
            return
        number = self._new_number()
        self._helping[number] = _Help(request.probe, asker, target.handle)
        link = self._link(target)
        self._outbox.timer(Clock.HELPER, now + min(link.timeout, 0.8 * (link.period - link.timeout)), number)
        self._ping(number, target, more, now)

    def helped_in_vain(self, number: int, now: float) -> None:
        help_ = self._helping.pop(number)
        self._nack(help_.probe, help_.asker, now)

    def _nack(self, probe: int, asker: Address, now: float) -> None:
        if self._config.nacks:
            self._outbox.datagram(asker, [Nack(probe, self._table.me)], now)

    def _close(self, number: int) -> None:
        del self._probes[number]
        self._timers.stop(Clock.DIRECT, number)
        self._timers.stop(Clock.RETRY, number)
        self._timers.stop(Clock.VERDICT, number)

    def check(self) -> None:
        assert len(self._probes) <= _MOST_PROBES
        assert len(self._helping) <= _MOST_HELPING
        for number in self._probes:
            assert self._timers.is_set(Clock.VERDICT, number), "a probe that never ends"
        for number in self._helping:
            assert self._timers.is_set(Clock.HELPER, number), "help that never ends"
