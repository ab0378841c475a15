"""The simulator itself: what each fault does to a machine that only counts what it sees."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field

import pytest

from mesh.model.ids import Boot
from mesh.wire.base import Message
from mesh.wire.effects import (
    DatagramReceived,
    Effect,
    Fetch,
    MessageReceived,
    Send,
    SendDatagram,
    SendFailed,
    SetTimer,
    TimerFired,
)
from mesh.wire.gossip import Handle, Nack
from tools.sim.host import SOCKET_BUFFER, Birth, Place, place
from tools.sim.simulation import Simulation


@dataclass(frozen=True, slots=True)
class Do:
    """Tells the machine under test what to ask for."""

    effects: tuple[Effect, ...]


@dataclass
class Recorder:
    """A machine that does as told and writes down what it sees."""

    boot: Boot
    seen: list[tuple[float, object]] = field(default_factory=list)

    def handle(self, event: object, now: float) -> list[Effect]:
        if isinstance(event, Do):
            return list(event.effects)
        self.seen.append((now, event))
        return []

    def check(self) -> None:
        assert not any(isinstance(event, str) for _, event in self.seen), "told something bad"


def two_nodes(seed: int = 1) -> Simulation:
    def birth(at: Place, boot: Boot, rng: random.Random) -> Birth:
        return Birth(Recorder(boot))

    simulation = Simulation(seed, birth)
    for index in range(2):
        simulation.add(place(index))
        simulation.boot(index)
    return simulation


def recorder(simulation: Simulation, index: int) -> Recorder:
    machine = simulation.hosts[index].machine
    assert isinstance(machine, Recorder)
    return machine


def do(simulation: Simulation, index: int, *effects: Effect) -> None:
    simulation.deliver(simulation.hosts[index], Do(effects))


def numbered(number: int) -> Message:
    return Nack(number, Handle(b"x"))


def datagrams(simulation: Simulation, count: int) -> None:
    to = simulation.hosts[1].place.address
    do(simulation, 0, *(SendDatagram(to, (numbered(n),)) for n in range(count)))


def arrived(simulation: Simulation, index: int = 1) -> list[int]:
    """The numbers of the datagrams that came, in order."""
    events = [event for _, event in recorder(simulation, index).seen]
    messages = [e.messages[0] for e in events if isinstance(e, DatagramReceived)]
    return [message.probe for message in messages if isinstance(message, Nack)]


def test_a_calm_network_loses_and_doubles_nothing() -> None:
    simulation = two_nodes()
    datagrams(simulation, 200)
    simulation.run(1.0)
    assert sorted(arrived(simulation)) == list(range(200))


def test_loss_duplication_and_reordering_happen_at_their_rates() -> None:
    simulation = two_nodes()
    network = simulation.network
    network.jitter, network.loss, network.duplication, network.reordering = 0.0, 0.5, 0.2, 0.3
    datagrams(simulation, 1000)
    simulation.run(1.0)
    came = arrived(simulation)
    assert 420 < len(set(came)) < 580
    assert 60 < len(came) - len(set(came)) < 140
    assert sum(later < earlier for earlier, later in itertools.pairwise(came)) > 50


def test_a_one_way_cut_leaves_the_other_way_open() -> None:
    simulation = two_nodes()
    simulation.network.cut(0, 1)
    datagrams(simulation, 5)
    do(simulation, 1, SendDatagram(simulation.hosts[0].place.address, (numbered(9),)))
    simulation.run(1.0)
    assert arrived(simulation, 1) == []
    assert arrived(simulation, 0) == [9]


def test_connections_keep_order_however_the_delays_vary() -> None:
    simulation = two_nodes()
    simulation.network.jitter = 0.2
    to = simulation.hosts[1].place.node
    do(simulation, 0, *(Send(to, numbered(n)) for n in range(100)))
    simulation.run(60.0)
    messages = [e.message for _, e in recorder(simulation, 1).seen if isinstance(e, MessageReceived)]
    assert messages == [numbered(n) for n in range(100)]


@pytest.mark.parametrize("fault", ["kill", "partition", "reboot"])
def test_a_broken_connection_tells_the_sender(fault: str) -> None:
    simulation = two_nodes()
    simulation.network.delay = 0.5
    do(simulation, 0, Send(simulation.hosts[1].place.node, numbered(1)))
    simulation.run(0.1)
    if fault == "partition":
        simulation.network.partition([[0], [1]])
    else:
        simulation.kill(1)
    if fault == "reboot":
        simulation.boot(1)
    simulation.run(20.0)
    failures = [e for _, e in recorder(simulation, 0).seen if isinstance(e, SendFailed)]
    assert [failure.message for failure in failures] == [numbered(1)]


def test_a_new_life_sees_nothing_meant_for_the_old_one() -> None:
    simulation = two_nodes()
    do(simulation, 1, SetTimer("old", 5.0))
    datagrams(simulation, 3)
    simulation.run(0.0)
    simulation.kill(1)
    simulation.boot(1)
    simulation.run(10.0)
    assert recorder(simulation, 1).boot > recorder(simulation, 0).boot
    assert recorder(simulation, 1).seen == []


def test_a_resumed_process_sees_its_late_timers_before_its_mail_and_a_full_socket_drops() -> None:
    simulation = two_nodes()
    do(simulation, 1, SetTimer("due", 2.0))
    simulation.run(0.5)
    simulation.pause(1)
    datagrams(simulation, SOCKET_BUFFER + 50)
    simulation.run(3.0)
    assert recorder(simulation, 1).seen == []
    simulation.resume(1)
    simulation.run(4.0)
    at, first = recorder(simulation, 1).seen[0]
    assert (at, first) == (3.0, TimerFired("due"))
    assert len(arrived(simulation)) == SOCKET_BUFFER


def test_a_starved_process_takes_its_time_for_each_step() -> None:
    simulation = two_nodes()
    simulation.starve(1, 0.25)
    datagrams(simulation, 4)
    simulation.run(10.0)
    times = [at for at, _ in recorder(simulation, 1).seen]
    assert [round(b - a, 3) for a, b in itertools.pairwise(times)] == [0.25] * 3


def test_a_clock_jump_makes_pending_timers_due_once() -> None:
    simulation = two_nodes()
    do(simulation, 0, SetTimer("in a minute", 60.0), SetTimer("tomorrow", 86_400.0))
    simulation.run(1.0)
    simulation.jump(0, 3600.0)
    simulation.run(100.0)
    assert recorder(simulation, 0).seen == [(3601.0, TimerFired("in a minute"))]


def test_no_timer_fires_before_its_time_though_clocks_differ_by_fractions() -> None:
    simulation, rng = two_nodes(), random.Random(1)
    simulation.hosts[0].offset = -8 / 3  # its clock stood still for a while
    due = [rng.uniform(1.0, 90.0) for _ in range(1000)]
    do(simulation, 0, *(SetTimer(number, at) for number, at in enumerate(due)))
    simulation.run(100.0)
    fired = [
        (now, event.token) for now, event in recorder(simulation, 0).seen if isinstance(event, TimerFired)
    ]
    assert len(fired) == len(due)
    assert all(isinstance(number, int) and now >= due[number] for now, number in fired)


def test_check_runs_after_every_step_and_its_failure_names_time_and_node() -> None:
    simulation = two_nodes()
    simulation.deliver(simulation.hosts[1], "something bad", 2.5)
    with pytest.raises(AssertionError, match="told something bad") as caught:
        simulation.run(10.0)
    assert caught.value.__notes__ == ["at 2.500000, in n1, after 'something bad'"]


def test_an_effect_that_the_world_does_not_know_is_noticed() -> None:
    simulation = two_nodes()
    do(simulation, 0, Fetch(simulation.hosts[0].place.node, ()))  # type: ignore[arg-type]  # any digest will do
    with pytest.raises(TypeError, match="no such thing"):
        simulation.run(1.0)
