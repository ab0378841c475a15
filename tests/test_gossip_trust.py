"""Who may say what of whom: only X speaks of X, and no single node can have another evicted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.gossip.claims import sign_claim
from mesh.gossip.config import GossipConfig
from mesh.gossip.events import DownReason, IdentityClash, MemberCleared, MemberDown, MemberSuspected, MemberUp
from mesh.model.ids import Boot
from mesh.model.status import NodeState
from mesh.wire.effects import DatagramReceived
from mesh.wire.gossip import Accusation, Claim, Meta
from tests.gossip_lab import ME, accusation, handle, keys_of, lab, node, record_of
from tools.sim.gossip import gossip_mesh
from tools.sim.gossip_scenarios import Watch
from tools.sim.host import place

BYSTANDER = replace(GossipConfig(), neighbours=False)
"""Leaves it to others to look after the accused."""

LEAST = 3.0
LONGEST = 6 * LEAST


def test_a_record_that_its_owner_did_not_sign_is_nothing() -> None:
    bench = lab()
    genuine = record_of(1)
    bench.hear(replace(genuine, signature=bytes(64)))
    bench.hear(replace(genuine, claim=record_of(2).claim))
    bench.hear(replace(genuine, public_key=place(2).public_key))
    bench.hear(replace(genuine, claim=b"\xff\xff", signature=keys_of(place(1)).sign(b"claim\xff\xff")))
    assert bench.machine.live == 1
    bench.hear(genuine)
    assert bench.machine.live == 2


@pytest.mark.parametrize(("boot", "incarnation"), [(5, 2), (5, 3), (4, 9)])
def test_an_older_claim_is_never_believed_again(boot: int, incarnation: int) -> None:
    bench = lab()
    bench.hear(record_of(1, 3, 5, meta=Meta(load=1)))
    bench.hear(record_of(1, incarnation, boot, meta=Meta(load=99)))
    view = bench.machine.view(node(1))
    assert view is not None
    assert (view.boot, view.incarnation, view.meta.load) == (5, 3, 1)


def test_one_accuser_has_nobody_declared_dead_however_long_it_lasts() -> None:
    bench = lab(peers=6, config=BYSTANDER)
    for _ in range(40):
        bench.hear(accusation(2, 1), source=2)
        bench.until(bench.now + 5.0)
    assert bench.state(1) is NodeState.ALIVE
    assert bench.told(MemberDown) == []
    assert len(bench.told(MemberSuspected)) == len(bench.told(MemberCleared)) == 1


def test_accusations_in_others_names_count_for_nothing() -> None:
    bench = lab(peers=6)
    for accuser in range(2, 7):
        forged = replace(accusation(6, 1), accuser=handle(accuser))
        bench.hear(forged if accuser != 6 else replace(forged, signature=bytes(64)), source=6)
    assert bench.state(1) is NodeState.ALIVE


def test_strangers_suspects_of_nobody_and_the_accused_itself_cannot_accuse() -> None:
    bench = lab(peers=6)
    bench.hear(accusation(99, 1))
    bench.hear(accusation(1, 1))
    bench.hear(accusation(2, 98))
    assert bench.state(1) is NodeState.ALIVE


def test_keys_that_no_issuer_vouches_for_are_nobody() -> None:
    # Given a member that invents keys, signs claims with them, and lets them accuse
    bench = lab(peers=6)
    for invented in (20, 21, 22):
        record = record_of(invented)
        bench.hear(replace(record, warrant=bytes(72)), source=2)
        bench.hear(replace(record, warrant=record_of(2).warrant), source=2)
        bench.hear(accusation(invented, 1), source=2)
    # Then none of them exists, and nobody is suspected
    assert bench.machine.live == 7
    assert bench.state(1) is NodeState.ALIVE
    # And with warrants they would have counted
    for member in (20, 21, 22):
        bench.hear(record_of(member), accusation(member, 1))
    assert bench.machine.live == 10
    assert bench.state(1) is NodeState.SUSPECT


def test_who_is_no_longer_vouched_for_cannot_accuse(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = lab(peers=6)
    monkeypatch.setattr(
        "tools.sim.gossip.SimKeys.vouches", lambda _, public_key, __: public_key != place(2).public_key
    )
    bench.hear(accusation(2, 1))
    assert bench.state(1) is NodeState.ALIVE
    bench.hear(accusation(3, 1))
    assert bench.state(1) is NodeState.SUSPECT


def test_three_accusers_make_a_death_after_the_least_suspicion_and_no_earlier() -> None:
    bench = lab(peers=6)
    for accuser in (2, 3, 4):
        bench.hear(accusation(accuser, 1), source=accuser)
    bench.until(LEAST - 0.1)
    assert bench.state(1) is NodeState.SUSPECT
    bench.until(LEAST + 0.6)
    assert bench.state(1) is NodeState.DEAD
    assert bench.told(MemberDown) == [MemberDown(node(1), Boot(1), DownReason.DEAD)]


def test_two_accusers_take_longer_than_three() -> None:
    bench = lab(peers=6, config=BYSTANDER)
    bench.hear(accusation(2, 1), accusation(3, 1))
    bench.until(LEAST + 2.0)
    assert bench.state(1) is NodeState.SUSPECT
    bench.until(LONGEST)
    assert bench.state(1) is NodeState.DEAD


def test_a_newer_incarnation_clears_and_an_accusation_of_the_old_one_is_void() -> None:
    bench = lab(peers=6)
    bench.hear(accusation(2, 1), accusation(3, 1), accusation(4, 1))
    bench.hear(record_of(1, 1))
    assert bench.state(1) is NodeState.ALIVE
    bench.hear(accusation(5, 1), accusation(6, 1))
    bench.until(60.0)
    assert bench.state(1) is NodeState.ALIVE
    assert bench.told(MemberDown) == []


def test_an_outdated_accusation_is_answered_with_the_objection() -> None:
    bench = lab(peers=3)
    newer = record_of(1, 4)
    bench.hear(newer)
    bench.effects.clear()
    bench.hear(accusation(2, 1), source=2)
    assert newer in bench.datagrams(to=2)


def test_a_node_about_to_convict_asks_the_suspect_and_a_few_others_first() -> None:
    bench = lab(peers=6)
    charges = [accusation(accuser, 1) for accuser in (2, 3, 4)]
    bench.hear(*charges)
    bench.until(LEAST - 0.1)
    bench.effects.clear()
    bench.until(LEAST + 0.01)
    assert charges[0] in bench.datagrams(to=1)
    assert bench.datagrams().count(charges[0]) >= 4
    bench.hear(record_of(1, 1), source=5)
    bench.until(60.0)
    assert bench.state(1) is NodeState.ALIVE


def test_accused_of_being_dead_we_object_with_a_newer_incarnation() -> None:
    bench = lab(peers=3)
    mine = bench.machine.view(ME.node)
    assert mine is not None
    bench.hear(accusation(2, 0))
    after = bench.machine.view(ME.node)
    assert after is not None
    assert after.incarnation > mine.incarnation
    bench.until(1.0)
    assert bench.machine.record in bench.datagrams()


def test_a_flood_of_accusations_makes_few_objections() -> None:
    bench = lab(peers=3)
    for step in range(1000):
        mine = bench.machine.view(ME.node)
        assert mine is not None
        bench.hear(accusation(2, 0, mine.incarnation))
        bench.until(step / 100)
    after = bench.machine.view(ME.node)
    assert after is not None
    assert after.incarnation <= 22


def test_a_claim_of_ours_that_we_never_made_tells_of_a_clone() -> None:
    bench = lab()
    clone = sign_claim(Claim("n0", ("10.9.9.9", 7401), Boot(77), 0), keys_of(ME))
    bench.hear(clone)
    bench.hear(clone)
    assert bench.told(IdentityClash) == [IdentityClash(("10.9.9.9", 7401))]


def test_a_reborn_node_replaces_its_old_life_and_inherits_no_suspicion() -> None:
    bench = lab(peers=6)
    bench.hear(accusation(2, 1), accusation(3, 1))
    bench.effects.clear()
    bench.hear(record_of(1, 0, boot=2))
    assert bench.told(MemberDown) == [MemberDown(node(1), Boot(1), DownReason.REPLACED)]
    assert bench.told(MemberUp) == [MemberUp(node(1), Boot(2))]
    bench.until(60.0)
    assert bench.state(1) is NodeState.ALIVE


def test_in_a_mesh_one_liar_with_a_megaphone_evicts_nobody() -> None:
    """Node 0 accuses everyone, every second, truly signed, to everyone, and answers no objection."""
    mesh = gossip_mesh(3, 12)
    watch = Watch(mesh)
    mesh.start_warm()
    simulation = mesh.simulation

    def accuse_everyone() -> None:
        for target in range(1, 12):
            view = mesh.machine(target).view(node(target))
            assert view is not None
            charge = accusation(0, target, view.incarnation, view.boot)
            for to in range(1, 12):
                simulation.deliver(mesh.hosts[to], DatagramReceived(ME.address, (charge,)))

    for second in range(2, 60):
        simulation.at(float(second), accuse_everyone)
    simulation.run(90.0)
    assert watch.deaths() == []
    assert watch.quarantines == []


def test_members_are_bounded() -> None:
    bench = lab(config=GossipConfig(max_members=5))
    for number in range(1, 30):
        bench.hear(record_of(number))
    assert len(bench.machine.members()) == 5


def test_an_accusation_is_of_one_life_and_one_incarnation() -> None:
    bench = lab(peers=4)
    true = accusation(2, 1)
    bench.hear(replace(true, incarnation=1), replace(true, boot=Boot(2)))
    assert bench.state(1) is NodeState.ALIVE
    assert isinstance(true, Accusation)
