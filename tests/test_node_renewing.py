"""A node's certificate is renewed over real sockets; what an issuer answers falsely changes nothing."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import trio
from cryptography import x509

from mesh.identity.certificates import der, utc_now
from mesh.identity.folder import load
from mesh.identity.identity import Identity
from mesh.model.ids import NodeId
from mesh.model.status import MeshStatus, NodeState
from mesh.net.door import hear, say
from mesh.net.renewal import RenewalDesk
from mesh.net.tls import connected
from mesh.net.websocket import WebSocket
from mesh.node.journal import Journal
from mesh.node.renewing import LOOK_SECONDS, PATIENCE, Renewing
from mesh.node.seals import Seals
from mesh.wire.admission import Renewed, RenewRequest
from mesh.wire.effects import Address
from tests.net_nodes import Node, control, make_mesh, network, run
from tests.real_nodes import wait_for
from tests.test_identity_renewal import FALSE_ANSWERS, Answer
from tools.processes import LOOPBACK, running_mesh, start_node

NEARLY_OVER = timedelta(days=85)


def aged(founder: Identity, identity: Identity, age: timedelta) -> Identity:
    """The same node with a certificate that is `age` old, on disk too."""
    assert founder.own_issuer is not None
    old = founder.issue(identity.public_key, identity.node_name, identity.role, utc_now() - age)
    return identity.with_certificate(old, founder.own_issuer)


@dataclass
class Keeper:
    """What looks after one node's certificate, without the rest of the node."""

    seals: Seals
    issuers: dict[NodeId, Address] = field(default_factory=dict)
    journal: Journal = field(default_factory=Journal)
    now: datetime | None = None
    """Instead of the true time."""
    node: Node | None = None

    def adopt(self, certificate: x509.Certificate, issuer: x509.Certificate) -> None:
        self.seals.renew(certificate, issuer)
        if self.node is not None:
            self.node.links.use(self.seals.identity)

    def renewing(self) -> Renewing:
        return Renewing(
            lambda: self.seals.identity,
            lambda: self.issuers,
            self.adopt,
            self.journal,
            random.Random(1),
            self.clock,
        )

    def clock(self) -> datetime:
        return self.now or utc_now()

    def sentences(self) -> list[str]:
        return [event.text for event in self.journal.newest(100)]


def test_a_member_is_renewed_by_the_issuer_and_shows_it_from_then_on(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")
    bob_identity = aged(ann_identity, bob_identity, NEARLY_OVER)

    async def test() -> None:
        async with network() as net:
            ann = await net.start(ann_identity, renewer=RenewalDesk(lambda: ann_identity))
            bob = await net.start(bob_identity)
            bob.links.send(ann.id, control(1))
            assert await ann.inbox.receive() == (bob.id, control(1))
            keeper = Keeper(Seals(bob_identity), {ann.id: ann.address}, node=bob)
            renewing = keeper.renewing()

            assert await renewing.step() == 0.0
            assert await renewing.step() == LOOK_SECONDS

            renewed = keeper.seals.identity
            assert renewed.certificate.not_valid_after_utc > utc_now() + timedelta(days=89)
            assert load(bob_identity.folder).certificate == renewed.certificate
            assert (renewed.node_name, renewed.role) == ("bob", bob_identity.role)
            # What stands goes on, and new connections show the new certificate.
            assert bob.links.connected(ann.id)
            async with connected(bob.address, ann_identity.client_context()) as (_, shown):
                assert shown == der(renewed.certificate)
            assert [sentence[:36] for sentence in keeper.sentences()] == [
                "this node's certificate is renewed u"
            ]

    run(test)


def test_a_founder_signs_its_own_and_asks_nobody(tmp_path: Path) -> None:
    (ann,) = make_mesh(tmp_path, "ann")
    keeper = Keeper(Seals(aged(ann, ann, NEARLY_OVER)))

    assert run(keeper.renewing().step) == 0.0

    assert keeper.seals.identity.certificate.not_valid_after_utc > utc_now() + timedelta(days=89)
    assert keeper.seals.identity.own_issuer == ann.own_issuer


Talk = Callable[[bytes, WebSocket], Awaitable[None]]


def saying(answer: Answer) -> Talk:
    async def talk(_certificate: bytes, websocket: WebSocket) -> None:
        await hear(websocket, RenewRequest)
        await say(websocket, Renewed(*map(der, answer)))

    return talk


async def _garbage(_certificate: bytes, websocket: WebSocket) -> None:
    await say(websocket, Renewed(b"\x30\x00", b""))


async def _silence(_certificate: bytes, _websocket: WebSocket) -> None:
    await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("falsehood", [*FALSE_ANSWERS, "garbage", "nothing"])
def test_a_false_answer_changes_nothing(tmp_path: Path, falsehood: str) -> None:
    ann, bob_identity = make_mesh(tmp_path, "ann", "bob")
    bob = aged(ann, bob_identity, NEARLY_OVER)
    before = (bob.folder / "node.crt").read_bytes()
    talks: dict[str, Talk] = {"garbage": _garbage, "nothing": _silence}
    talk = talks.get(falsehood) or saying(FALSE_ANSWERS[falsehood](ann, bob, utc_now()))
    keeper = Keeper(Seals(bob))

    async def test() -> None:
        async with network() as net:
            liar = await net.start(ann, renewer=talk)
            keeper.issuers[liar.id] = liar.address
            assert 0.0 < await keeper.renewing().step() < LOOK_SECONDS

    run(test)
    assert keeper.seals.identity is bob
    assert (bob.folder / "node.crt").read_bytes() == before


def test_an_expired_certificate_gets_nothing_from_an_issuer_that_knows_the_time(tmp_path: Path) -> None:
    ann, bob_identity = make_mesh(tmp_path, "ann", "bob")
    bob = aged(ann, bob_identity, NEARLY_OVER)
    later = bob.certificate.not_valid_after_utc + timedelta(seconds=1)
    keeper = Keeper(Seals(bob))

    async def test() -> None:
        async with network() as net:
            # TLS still takes it: only the issuer's clock is past its end.
            issuer = await net.start(ann, renewer=RenewalDesk(lambda: ann, lambda: later))
            keeper.issuers[issuer.id] = issuer.address
            assert await keeper.renewing().step() > 0.0

    run(test)
    assert keeper.seals.identity is bob


def test_a_member_without_issuers_key_is_asked_in_vain(tmp_path: Path) -> None:
    ann, bob, carol_identity = make_mesh(tmp_path, "ann", "bob", "carol")
    keeper = Keeper(Seals(aged(ann, carol_identity, NEARLY_OVER)))

    async def test() -> None:
        async with network() as net:
            other = await net.start(bob)
            keeper.issuers[other.id] = other.address
            assert await keeper.renewing().step() > 0.0

    run(test)


def test_where_no_issuer_is_in_reach_people_are_told_once_before_and_once_after_the_end(
    tmp_path: Path,
) -> None:
    ann, bob_identity = make_mesh(tmp_path, "ann", "bob")
    bob = aged(ann, bob_identity, timedelta(days=70))
    keeper = Keeper(Seals(bob))
    renewing = keeper.renewing()
    start, ends = utc_now(), bob.certificate.not_valid_after_utc

    async def test() -> None:
        for now, told in (
            (start, 0),
            (ends - timedelta(days=13), 1),
            (ends - timedelta(days=12), 1),
            (ends, 1),
            (ends + timedelta(days=1), 2),
            (ends + timedelta(days=2), 2),
        ):
            keeper.now = now
            for _ in range(PATIENCE):
                await renewing.step()
            assert len(keeper.sentences()) == told, now

    run(test)
    assert "expires on" in keeper.sentences()[0]
    assert "expired on" in keeper.sentences()[1]


def test_a_certificate_that_cannot_be_kept_is_not_used(tmp_path: Path) -> None:
    (ann,) = make_mesh(tmp_path, "ann")
    old = aged(ann, ann, NEARLY_OVER)
    keeper = Keeper(Seals(old))
    # A folder in the way of the temporary file, as a full disk would be.
    (old.folder / ".node.crt.new").mkdir()

    assert run(keeper.renewing().step) > 0.0

    assert keeper.seals.identity is old


def all_well(status: MeshStatus) -> bool:
    """Two nodes live, and as far as is known here no certificate is about to end."""
    alive = [node for node in status.nodes if node.state is NodeState.ALIVE]
    return len(alive) == 2 and not any(node.expiring for node in alive)


def test_a_real_node_is_renewed_while_it_runs_and_starts_again_with_it(tmp_path: Path) -> None:
    with running_mesh(tmp_path, ("ada", "bob")) as nodes:
        # given a member whose certificate is nearly over
        folder = nodes["bob"].paths.identity
        nodes["bob"].end()
        old = aged(load(nodes["ada"].paths.identity), load(folder), NEARLY_OVER)
        # when it runs beside its issuer
        bob = start_node("bob", tmp_path / "bob", *LOOPBACK)
        try:
            with bob.connect() as client:
                wait_for(client, lambda status: any("is renewed" in event.text for event in status.events))
            # then it has a new one, whose warrant the issuer hears of by gossip
            renewed = load(folder).certificate
            assert renewed.not_valid_after_utc > old.certificate.not_valid_after_utc + timedelta(days=80)
            with nodes["ada"].connect() as client:
                wait_for(client, all_well)
        finally:
            bob.end()
        # and starts with it
        bob = start_node("bob", tmp_path / "bob", *LOOPBACK)
        try:
            with bob.connect() as client:
                status = wait_for(client, all_well)
            assert not any(event.kind == "certificate" for event in status.events)
            assert load(folder).certificate == renewed
        finally:
            bob.end()
