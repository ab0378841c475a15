"""Virtual time: a heap of (time, number, ...), hosts with machines, and their effects carried out.

    simulation = Simulation(seed, factory, network=..., world=...)
    simulation.add(place(0)); simulation.boot(0)
    simulation.at(20.0, lambda: simulation.kill(0))
    simulation.run(60.0)

Everything random derives from the seed. Where a machine raises or its `check()` fails, the exception
passes through with a note of the time and the step.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass

from mesh.model.ids import Boot, NodeId
from mesh.wire.base import Message
from mesh.wire.effects import (
    Address,
    DatagramReceived,
    Effect,
    MessageReceived,
    Notify,
    Send,
    SendDatagram,
    SendFailed,
    SetTimer,
    TimerFired,
)
from tools.sim.connections import REFUSED, TIMED_OUT, Connection, Connections
from tools.sim.host import SOCKET_BUFFER, Factory, Host, Place
from tools.sim.log import Log, describe
from tools.sim.network import Network
from tools.sim.world import EmptyWorld, World

DATAGRAM_OVERHEAD = 29 + 3
"""Bytes of sealing and of the array around the messages (UDP and IP headers are not counted)."""


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A message on a connection, about to come out at the other end."""

    connection: Connection
    source: int
    to: int
    message: Message


@dataclass(frozen=True, slots=True)
class _Timer:
    token: object


@dataclass(frozen=True, slots=True)
class _Drain:
    """A host may have time for what waits."""


class Simulation:
    def __init__(
        self,
        seed: int,
        factory: Factory,
        *,
        network: Network | None = None,
        world: World | None = None,
        size_of: Callable[[Message], int] | None = None,
        log: Log | None = None,
        check_every: int = 1,
    ) -> None:
        """`size_of` makes traffic be counted, and lets `network.bandwidth` work. `check_every` calls a
        machine's `check()` after every so many steps; 0 never."""
        self.seed = seed
        self.network = network or Network(self.rng("network"))
        self.world: World = world or EmptyWorld()
        self.now = 0.0
        self.steps = 0
        self.hosts: list[Host] = []
        self.on_notify: list[Callable[[Host, object, float], None]] = []
        """Called with every Notify: how scenarios measure."""
        self.on_traffic: list[Callable[[Host, int, float], None]] = []
        """Called with the bytes of all that a host sends."""
        self._factory = factory
        self._size_of = size_of
        self._log = log
        self._check_every = check_every
        self._heap: list[tuple[float, int, int, int, object]] = []
        self._number = 0
        self._connections = Connections()
        self._by_address: dict[Address, int] = {}
        self._by_node: dict[NodeId, int] = {}

    def rng(self, name: str) -> random.Random:
        """A random source of its own for each purpose, so that purposes do not disturb one another."""
        return random.Random(f"{self.seed}/{name}")

    def host_of(self, node: NodeId) -> Host:
        return self.hosts[self._by_node[node]]

    # --- the cast -------------------------------------------------------------------------------------

    def add(self, place: Place) -> Host:
        """A computer on which nothing runs yet. Places must come in the order of their indices."""
        assert place.index == len(self.hosts), "places come in order"
        host = Host(place)
        self.hosts.append(host)
        self._by_address[place.address] = place.index
        self._by_node[place.node] = place.index
        self.network.sites[place.index] = place.site
        return host

    def boot(self, index: int) -> None:
        """Starts the process, under the same NodeId and with a new boot each time."""
        host = self.hosts[index]
        assert not host.running, "it runs already"
        host.life += 1
        birth = self._factory(host.place, Boot(host.life), self.rng(f"node {index} life {host.life}"))
        host.machine = birth.machine
        host.busy_until = self.now
        self.world.booted(self, host)
        for event in birth.events:
            self.deliver(host, event)

    def kill(self, index: int) -> None:
        """SIGKILL: no goodbye."""
        host = self.hosts[index]
        host.forget()
        self.world.killed(self, host)

    def connected_with(self, index: int) -> list[Host]:
        """Those who notice when this host's process ends: its connections break."""
        partners = self._connections.partners(index, self.hosts[index].life)
        return [self.hosts[each] for each in partners if self.network.connectable(index, each)]

    def pause(self, index: int) -> None:
        """SIGSTOP: nothing runs, the clock goes on, datagrams fill the socket."""
        self.hosts[index].paused = True

    def resume(self, index: int) -> None:
        host = self.hosts[index]
        host.paused = False
        host.busy_until = self.now
        self._push(self.now, host, _Drain())

    def starve(self, index: int, step_cost: float) -> None:
        """Each step of the machine takes `step_cost` seconds from now on; 0 ends it."""
        self.hosts[index].step_cost = step_cost

    def jump(self, index: int, seconds: float) -> None:
        """The node's clock leaps forward: a suspended laptop, seen by a clock that counts sleep."""
        host = self.hosts[index]
        host.offset += seconds
        for number, (due, token) in list(host.timers.items()):
            if due <= self.now + host.offset:
                del host.timers[number]
                self._push(self.now, host, TimerFired(token))

    # --- time -----------------------------------------------------------------------------------------

    def at(self, time: float, action: Callable[[], object]) -> None:
        """Does something to the mesh at a time."""
        self._number += 1
        heapq.heappush(self._heap, (time, self._number, -1, 0, action))

    def deliver(self, host: Host, event: object, delay: float = 0.0) -> None:
        """Hands `event` to the present life of `host` after `delay`."""
        self._push(self.now + delay, host, event)

    def _push(self, time: float, host: Host, event: object) -> int:
        self._number += 1
        heapq.heappush(self._heap, (time, self._number, host.place.index, host.life, event))
        return self._number

    def run(self, until: float, stop: Callable[[], bool] | None = None) -> None:
        """Goes on to time `until`, or to the first step after which `stop` says so."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            time, number, index, life, event = heapq.heappop(heap)
            self.now = time
            if index < 0:
                event()  # type: ignore[operator]  # `at` put it there
            else:
                host = self.hosts[index]
                if host.life == life or type(event) is _Arrival:
                    self._arrive(host, number, event)
            if stop is not None and stop():
                return
        self.now = until

    def _arrive(self, host: Host, number: int, event: object) -> None:
        """Turns what the heap holds into what the machine sees, now or once it has time."""
        if type(event) is _Timer:
            pending = host.timers.pop(number, None)
            if pending is None:
                return
            # A timer never fires before its time, not even by what rounding two clocks to each other loses.
            host.clock = max(host.clock, pending[0])
            event = TimerFired(pending[1])
        elif type(event) is _Arrival:
            self._come_out(event)
            return
        elif type(event) is _Drain:
            self._drain(host)
            return
        if host.machine is None:
            return
        if host.paused or host.busy_until > self.now or host.inbox or host.late_timers:
            self._wait(host, event)
        else:
            self._step(host, event)

    def _wait(self, host: Host, event: object) -> None:
        if type(event) is TimerFired:
            host.late_timers.append(event)
        elif type(event) is not DatagramReceived or len(host.inbox) < SOCKET_BUFFER:
            host.inbox.append(event)

    def _drain(self, host: Host) -> None:
        if host.paused or host.machine is None or host.busy_until > self.now:
            return
        event = host.next_waiting()
        if event is not None:
            self._step(host, event)
            if not host.step_cost:
                self._push(self.now, host, _Drain())

    def _step(self, host: Host, event: object) -> None:
        machine = host.machine
        assert machine is not None
        self.steps += 1
        host.clock = max(host.clock, self.now + host.offset)
        try:
            effects = machine.handle(event, host.clock)
            if self._check_every and self.steps % self._check_every == 0:
                machine.check()
        except Exception as error:
            error.add_note(f"at {self.now:.6f}, in {host.place.name}, after {describe(event)}")
            raise
        if self._log is not None:
            self._log.line(self.now, host.place.name, "<-", event)
            for effect in effects:
                self._log.line(self.now, host.place.name, "->", effect)
        if host.step_cost:
            host.busy_until = self.now + host.step_cost
            self._push(host.busy_until, host, _Drain())
        for effect in effects:
            self._carry_out(host, effect)

    # --- effects --------------------------------------------------------------------------------------

    def _carry_out(self, host: Host, effect: Effect) -> None:
        match effect:
            case SendDatagram():
                self._send_datagram(host, effect)
            case SetTimer(token, at):
                number = self._push(max(self.now, at - host.offset), host, _Timer(token))
                host.timers[number] = (at, token)
            case Send(to, message):
                self._send(host, to, message)
            case Notify(event):
                for watcher in self.on_notify:
                    watcher(host, event, self.now)
            case _:
                self.world.perform(self, host, effect)

    def _count(self, host: Host, size: int) -> None:
        for watcher in self.on_traffic:
            watcher(host, size, self.now)

    def _send_datagram(self, host: Host, effect: SendDatagram) -> None:
        if self._size_of is not None:
            self._count(host, sum(map(self._size_of, effect.messages)) + DATAGRAM_OVERHEAD)
        to = self._by_address.get(effect.to)
        if to is None:
            return
        target = self.hosts[to]
        received = DatagramReceived(host.place.address, effect.messages)
        for delay in self.network.deliveries(host.place.index, to):
            if target.running:
                self._push(self.now + delay, target, received)

    def _send(self, host: Host, to_node: NodeId, message: Message) -> None:
        size = 0 if self._size_of is None else self._size_of(message)
        self._count(host, size)
        source, to = host.place.index, self._by_node.get(to_node)
        if to is None or not self.network.connectable(source, to):
            self.deliver(host, SendFailed(to_node, message), TIMED_OUT)
            return
        target = self.hosts[to]
        if not target.running:
            self.deliver(host, SendFailed(to_node, message), REFUSED)
            return
        connection, dialled = self._connections.between(source, to, (host.life, target.life), self.now)
        packets = 4 if dialled else 1
        arrival = self.now + sum(self.network.segment(source, to) for _ in range(packets))
        if self.network.bandwidth is not None:
            arrival = max(arrival, connection.free_at) + size / self.network.bandwidth
        connection.free_at = max(arrival, connection.free_at)
        if dialled:
            connection.usable_from = connection.free_at
        self._push(connection.free_at, target, _Arrival(connection, source, to, message))

    def _come_out(self, arrival: _Arrival) -> None:
        source, target, connection = self.hosts[arrival.source], self.hosts[arrival.to], arrival.connection
        alive = (source.life, target.life) == connection.lives
        if not alive or connection.broken or not self.network.connectable(arrival.source, arrival.to):
            connection.broken = True
            if source.life == connection.lives[0] and source.running:
                self.deliver(source, SendFailed(target.place.node, arrival.message), TIMED_OUT)
            return
        if self.network.doubt and self.network.rng.random() < self.network.doubt:
            connection.broken = True
            self.deliver(source, SendFailed(target.place.node, arrival.message), TIMED_OUT)
        event = MessageReceived(source.place.node, arrival.message)
        if target.paused or target.busy_until > self.now or target.inbox or target.late_timers:
            self._wait(target, event)
        else:
            self._step(target, event)
