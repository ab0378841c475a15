"""The failure detector, discovery and push-pull, step by step, on one machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.gossip.config import GossipConfig
from mesh.gossip.events import (
    Clock,
    GossipTimer,
    Heard,
    Leave,
    LeftMesh,
    MemberDown,
    MemberQuarantined,
    MemberReleased,
    Start,
    UpdateMeta,
    Vouched,
)
from mesh.gossip.timers import Firing, Timers
from mesh.model.ids import Boot
from mesh.model.status import NodeState
from mesh.wire.effects import Effect, MessageReceived, Send, SendDatagram, SetTimer
from mesh.wire.gossip import (
    Accusation,
    Ack,
    Handle,
    Meta,
    Nack,
    Ping,
    PingRequest,
    Record,
    Sync,
    SyncRecords,
    SyncWanted,
)
from tests.gossip_lab import ME, Lab, accusation, handle, lab, node, record_of
from tools.sim.host import place


def first_probe(bench: Lab) -> tuple[Ping, int]:
    """Lets time pass until a member is probed; the Ping and the member's number."""
    for _ in range(100):
        bench.until(bench.now + 0.05)
        for effect in bench.effects:
            if (
                isinstance(effect, SendDatagram)
                and isinstance(ping := effect.messages[0], Ping)
                and ping.target
            ):
                number = next(n for n in range(1, 20) if place(n).address == effect.to)
                return ping, number
    raise AssertionError("nobody is probed")


ONE_CHANCE = GossipConfig(second_chance=False)


def probing(peers: int = 5, config: GossipConfig | None = None) -> tuple[Lab, Ping, int]:
    bench = lab(peers, config, start=True)
    ping, number = first_probe(bench)
    bench.effects.clear()
    return bench, ping, number


def ack(ping: Ping, number: int, boot: int = 1) -> Ack:
    return Ack(ping.probe, handle(number), Boot(boot))


def own_accusations(bench: Lab) -> set[Handle]:
    """Whom the machine itself accuses."""
    mine = handle(0)
    return {m.target for m in bench.datagrams() if isinstance(m, Accusation) and m.accuser == mine}


def test_an_answered_probe_measures_the_round_trip_and_asks_no_helpers() -> None:
    bench, ping, number = probing()
    bench.now += 0.02
    bench.hear(ack(ping, number), source=number)
    view = bench.machine.view(node(number))
    assert view is not None
    assert view.rtt == pytest.approx(0.02, abs=0.06)
    bench.until(bench.now + 0.6)
    assert not [m for m in bench.datagrams() if isinstance(m, PingRequest) and m.target == handle(number)]


def test_a_silent_member_is_asked_again_through_helpers_and_the_connection() -> None:
    bench, ping, number = probing()
    bench.until(bench.now + 0.6)
    requests = [m for m in bench.datagrams() if isinstance(m, PingRequest) and m.probe == ping.probe]
    assert len(requests) == 3
    assert not [m for m in bench.datagrams(to=number) if isinstance(m, PingRequest)]
    assert Send(node(number), ping) in bench.sends()
    assert bench.datagrams(to=number).count(ping) == 1
    bench.until(bench.now + 0.3)
    assert bench.datagrams(to=number).count(ping) == 2


def test_a_silent_member_is_not_asked_to_help_with_itself() -> None:
    bench, ping, _ = probing(peers=3)
    bench.until(bench.now + 0.6)
    assert len([m for m in bench.datagrams() if isinstance(m, PingRequest) and m.probe == ping.probe]) == 2


def test_a_member_that_helpers_cannot_reach_either_is_accused_and_we_are_well() -> None:
    bench, ping, number = probing(config=ONE_CHANCE)
    bench.until(bench.now + 0.6)
    for helper in {n for n in range(1, 6) if any(isinstance(m, PingRequest) for m in bench.datagrams(to=n))}:
        bench.hear(Nack(ping.probe, handle(helper)), source=helper)
    bench.until(bench.now + 0.5)
    assert own_accusations(bench) == {handle(number)}
    assert bench.state(number) is NodeState.SUSPECT
    assert bench.machine.health == 0


def test_a_member_whom_nobody_suspects_has_a_second_chance_and_no_third() -> None:
    bench, ping, number = probing()
    helpers = [n for n in range(1, 6) if n != number]
    probes = [ping.probe]
    for accused in (False, True):
        bench.until(bench.now + 0.6)
        for helper in helpers:
            bench.hear(Nack(probes[-1], handle(helper)), source=helper)
        bench.until(bench.now + 0.5)
        assert (handle(number) in own_accusations(bench)) is accused
        again = [m.probe for m in bench.datagrams(to=number) if isinstance(m, Ping) and m.target]
        probes.append(next((probe for probe in reversed(again) if probe not in probes), 0))


def test_where_nobody_at_all_answers_we_blame_ourselves_for_a_while() -> None:
    bench, _, _ = probing()
    bench.until(10.0)
    assert own_accusations(bench) == set()
    assert bench.machine.health >= 3
    bench.until(60.0)
    assert own_accusations(bench) != set()


@pytest.mark.parametrize("late", [0.5, 60.0])
def test_a_verdict_that_comes_late_is_no_verdict(late: float) -> None:
    bench, ping, number = probing(config=ONE_CHANCE)
    bench.until(bench.now + 0.6)
    for helper in {1, 2, 3, 4, 5} - {number}:
        bench.hear(Nack(ping.probe, handle(helper)), source=helper)
    bench.now += 0.4 + late
    bench.until(bench.now)
    bench.hear(ack(ping, number), source=number)
    bench.until(bench.now + 0.5)
    assert handle(number) not in own_accusations(bench)


def test_a_conviction_that_comes_late_waits_for_the_objection_that_may_lie_unread() -> None:
    bench = lab(6)
    bench.hear(accusation(2, 1), accusation(3, 1), accusation(4, 1))
    bench.now = 60.0
    bench.until(61.5)
    assert bench.state(1) is NodeState.SUSPECT
    bench.hear(record_of(1, 1))
    bench.until(120.0)
    assert bench.state(1) is NodeState.ALIVE


@pytest.mark.parametrize("stale", ["other member", "other life", "other probe"])
def test_a_stale_reply_saves_nobody(stale: str) -> None:
    bench, ping, number = probing(config=ONE_CHANCE)
    other = number % 5 + 1
    false = {
        "other member": Ack(ping.probe, handle(other), Boot(1)),
        "other life": ack(ping, number, boot=7),
        "other probe": replace(ack(ping, number), probe=ping.probe ^ 1),
    }[stale]
    bench.hear(false, source=other)
    bench.until(bench.now + 0.6)
    for helper in range(1, 6):
        bench.hear(Nack(ping.probe, handle(helper)), source=helper)
    bench.until(bench.now + 0.5)
    assert bench.state(number) is NodeState.SUSPECT


def test_a_helper_relays_the_answer_or_says_that_there_was_none() -> None:
    bench = lab(3)
    bench.hear(PingRequest(77, handle(1), handle(2), Boot(1)), source=1)
    relayed = next(m for m in bench.datagrams(to=2) if isinstance(m, Ping))
    bench.hear(Ack(relayed.probe, handle(2), Boot(1)), source=2)
    assert Ack(77, handle(2), Boot(1)) in bench.datagrams(to=1)
    bench.effects.clear()
    bench.hear(PingRequest(78, handle(1), handle(3), Boot(1)), source=1)
    bench.until(0.45)
    assert Nack(78, handle(0)) in bench.datagrams(to=1)


def test_a_ping_is_answered_by_whom_it_names_and_by_nobody_else() -> None:
    bench = lab(2)
    bench.hear(Ping(5, handle(1), handle(2), Boot(1)), source=1)
    assert bench.datagrams(to=1) == []
    bench.hear(Ping(6, handle(1), handle(0), Boot(1)), source=1)
    assert Ack(6, handle(0), Boot(1)) in bench.datagrams(to=1)


def test_who_takes_us_for_an_older_life_is_told_of_the_present_one() -> None:
    bench = lab(1)
    bench.hear(Ping(6, handle(1), handle(0), Boot(0)), source=1)
    assert bench.machine.record in bench.datagrams(to=1)


def test_a_suspect_is_told_of_the_suspicion_in_every_first_probe_of_it() -> None:
    bench = lab(1, GossipConfig(quorum=3), start=True)
    bench.hear(record_of(2))
    charge = accusation(2, 1)
    bench.hear(charge)
    bench.until(1.5)
    assert bench.datagrams().count(charge) > 5, "the rumour has not been told yet"
    bench.effects.clear()
    bench.until(4.0)
    first: dict[int, bool] = {}
    for effect in bench.effects:
        ping = effect.messages[0] if isinstance(effect, SendDatagram) else None
        if isinstance(effect, SendDatagram) and isinstance(ping, Ping) and ping.target == handle(1):
            first.setdefault(ping.probe, charge in effect.messages)
    assert first
    assert all(first.values())


def test_a_moved_timer_fires_once_at_its_new_time() -> None:
    timers, effects = Timers(late=0.25), list[Effect]()
    token = GossipTimer(Clock.SYNC)
    timers.set(Clock.SYNC, 1.0, effects)
    timers.set(Clock.SYNC, 5.0, effects)
    assert effects == [SetTimer(token, 1.0), SetTimer(token, 5.0)]
    assert timers.fired(token, 1.0) is Firing.STALE
    assert timers.fired(token, 5.0) is Firing.DUE
    assert timers.fired(token, 5.0) is Firing.STALE
    timers.set(Clock.SYNC, 6.0, effects)
    assert timers.fired(token, 6.3) is Firing.LATE


def test_a_stranger_is_asked_who_it_is_and_then_pulled_from() -> None:
    bench = lab()
    bench.tell(Heard((place(1).address,)))
    asked = bench.datagrams(to=1)
    assert asked == [Ping(0, handle(0), Handle(b""), Boot(0)), bench.machine.record]
    bench.hear(Ack(0, handle(1), Boot(1)), record_of(1))
    assert [(send.to, type(send.message)) for send in bench.sends()] == [(node(1), Sync)]
    bench.effects.clear()
    bench.hear(Ack(0, handle(1), Boot(1)))
    assert bench.sends() == []


@pytest.mark.parametrize(("keep", "again"), [(True, True), (False, False)])
def test_a_seed_is_asked_again_until_somebody_lives_there(keep: bool, again: bool) -> None:
    bench = lab()
    bench.tell(Heard((place(1).address,), keep=keep))
    bench.effects.clear()
    bench.until(20.0)
    assert bool(bench.datagrams(to=1)) is again
    bench.hear(record_of(1))
    bench.effects.clear()
    bench.until(100.0)
    assert not [m for m in bench.datagrams(to=1) if isinstance(m, Ping)]


def test_push_pull_makes_two_tables_equal_whoever_opens_it() -> None:
    one, two = lab(3), lab()
    for number in (4, 5):
        two.hear(record_of(number))
    two.hear(record_of(1, 9))
    numbers = {id(one): 21, id(two): 22}
    queue: list[tuple[Lab, Lab, object]] = [(one, two, Sync(one.machine.record, _digest(one)))]
    while queue:
        sender, receiver, message = queue.pop(0)
        receiver.effects.clear()
        receiver.tell(MessageReceived(node(numbers[id(sender)]), message))  # type: ignore[arg-type]  # a message
        queue += [(receiver, sender, send.message) for send in receiver.sends()]
    assert one.machine.alive() == two.machine.alive()
    view = one.machine.view(node(1))
    assert view is not None
    assert view.incarnation == 9


def _digest(bench: Lab) -> bytes:
    """What the machine says of its table when it opens a push-pull."""
    bench.tell(Heard((place(9).address,)))
    bench.hear(Ack(0, handle(3), Boot(1)))
    sync = bench.sends()[-1].message
    assert isinstance(sync, Sync)
    return sync.digest


def test_a_push_pull_of_equal_tables_sends_nothing_more() -> None:
    one, two = lab(3), lab(3)
    answers = two.tell(MessageReceived(node(0), Sync(one.machine.record, _digest(one))))
    assert not [
        e for e in answers if isinstance(e, Send) and isinstance(e.message, (SyncRecords, SyncWanted))
    ]


def test_one_side_that_takes_a_member_for_dead_shows_the_grounds() -> None:
    one, two = lab(6), lab(6)
    charges = [accusation(accuser, 1) for accuser in (2, 3, 4)]
    two.hear(*charges)
    two.until(10.0)
    assert two.state(1) is NodeState.DEAD
    two.effects.clear()
    two.tell(MessageReceived(node(0), Sync(one.machine.record, _digest(one))))
    batch = next(send.message for send in two.sends() if isinstance(send.message, SyncRecords))
    assert set(charges) <= set(batch.accusations)


def test_the_dead_are_asked_now_and_then_whether_they_agree() -> None:
    bench = lab(6, start=True)
    charges = [accusation(accuser, 1) for accuser in (2, 3, 4)]
    bench.hear(*charges)
    bench.until(5.0)
    assert bench.state(1) is NodeState.DEAD
    bench.effects.clear()
    bench.until(15.0)
    assert Ping(0, handle(0), handle(1), Boot(1)) in bench.datagrams(to=1)
    assert charges[0] in bench.datagrams(to=1)
    bench.hear(Ack(0, handle(1), Boot(1)), record_of(1, 1))
    assert bench.state(1) is NodeState.ALIVE


def test_progress_is_rumoured_about_once_a_second_however_often_it_changes() -> None:
    bench = lab(3, start=True)
    for step in range(300):
        bench.tell(UpdateMeta(Meta(load=step % 256)))
        bench.until(step / 100)
    mine = {m.claim for m in bench.datagrams() if isinstance(m, Record) and m.public_key == ME.public_key}
    assert 3 <= len(mine) <= 5
    bench.until(6.0)
    view = bench.machine.view(ME.node)
    assert view is not None
    assert view.meta.load == 299 % 256


def test_a_new_warrant_is_told_though_nothing_else_is_new() -> None:
    bench = lab(3, start=True)
    bench.until(2.0)
    before = bench.machine.record
    bench.effects.clear()

    bench.tell(Vouched())
    bench.until(4.0)

    assert bench.machine.record != before
    assert bench.machine.record in bench.datagrams()


def test_a_goodbye_is_told_around_and_then_we_are_gone() -> None:
    bench = lab(3, start=True)
    bench.tell(Leave())
    bench.until(2.0)
    assert bench.told(LeftMesh) == [LeftMesh()]
    assert bench.machine.record in bench.datagrams()
    bench.effects.clear()
    bench.hear(Ping(1, handle(1), handle(0), Boot(1)))
    bench.until(30.0)
    assert bench.effects == []


def test_who_said_goodbye_is_neither_suspected_nor_remembered_for_ever() -> None:
    bench = lab(4, start=True)
    bench.hear(record_of(1, 1, left=True))
    bench.hear(accusation(2, 1, 1), accusation(3, 1, 1))
    assert bench.state(1) is NodeState.LEFT
    bench.until(700.0)
    assert bench.state(1) is None


def test_a_member_in_trouble_again_and_again_is_quarantined_and_released_when_calm() -> None:
    bench = lab(8)
    for incarnation in range(2):
        for accuser in (2, 3, 4, 5):
            bench.hear(accusation(accuser, 1, incarnation))
        bench.until(bench.now + 2.0)
        bench.hear(record_of(1, incarnation + 1))
    assert bench.told(MemberQuarantined) == [MemberQuarantined(node(1))]
    view = bench.machine.view(node(1))
    assert view is not None
    assert view.quarantined
    assert bench.told(MemberDown) == []
    bench.tell(Start())
    bench.until(100.0)
    assert bench.told(MemberReleased) == [MemberReleased(node(1))]
