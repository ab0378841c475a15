"""Joining a mesh end to end, over real sockets, and every way to be turned away."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from mesh.config.settings import DiscoveryConfig
from mesh.errors import MeshError
from mesh.identity.certificates import Role, der, raw_public
from mesh.identity.errors import AlreadyInMesh, InviteExpired, InviteSpent, NotInvited
from mesh.identity.folder import joining_key, load
from mesh.identity.identity import Identity, joiner_context
from mesh.identity.invites import InviteBook, InviteCode, proof_statement
from mesh.net.door import FAILURES_PER_MINUTE, Door
from mesh.net.endpoint import open_endpoint
from mesh.net.errors import CannotReach, DoorBusy, NoIssuerInReach, NoMeshHeard, WrongMesh
from mesh.net.join import Joined, join_mesh
from mesh.net.links import JOIN_PATH
from mesh.net.tls import connected
from mesh.net.websocket import Broken, dialled
from mesh.wire import codec
from mesh.wire.admission import JoinChallenge, JoinHello, JoinProof, JoinRefusal, JoinRefused, Peer
from tests.net_nodes import Network, Node, make_mesh, network, run

SILENT = DiscoveryConfig(enabled=False)
HOUR_MS = 3_600_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def invite(
    book: InviteBook, uses: int = 1, role: Role = Role.MEMBER, expires_ms: int | None = None
) -> InviteCode:
    return book.invite(role, uses, expires_ms or now_ms() + HOUR_MS)


async def open_door(net: Network, identity: Identity, book: InviteBook | None) -> Node:
    peer = Peer(identity.node_id, "127.0.0.1", 7401)
    return await net.start(identity, door=Door(lambda: identity, book, lambda: [peer]))


def test_a_joiner_becomes_a_member_that_others_talk_to(tmp_path: Path) -> None:
    (ann_identity,) = make_mesh(tmp_path, "ann")
    book = InviteBook(ann_identity)
    code = invite(book, role=Role.ADMIN)

    async def test() -> None:
        async with network() as net:
            ann = await open_door(net, ann_identity, book)

            joined = await join_mesh(tmp_path / "bob" / "identity", code, "bob", ann.address, SILENT)

            identity = joined.identity
            assert identity.node_id == load(tmp_path / "bob" / "identity").node_id
            assert (identity.mesh_name, identity.node_name, identity.role) == ("studio", "bob", Role.ADMIN)
            assert identity.fingerprint == ann_identity.fingerprint
            assert identity.gossip_keys == ann_identity.gossip_keys
            assert joined.peers == (Peer(ann.id, "127.0.0.1", 7401),)
            bob = await net.start(identity)
            bob.links.send(ann.id, JoinRefused(JoinRefusal.BUSY))
            assert await ann.inbox.receive() == (bob.id, JoinRefused(JoinRefusal.BUSY))

    run(test)


def test_a_machine_in_a_mesh_does_not_join_again(tmp_path: Path) -> None:
    (ann_identity,) = make_mesh(tmp_path, "ann")
    code = invite(InviteBook(ann_identity))

    async def test() -> None:
        with pytest.raises(AlreadyInMesh):
            await join_mesh(ann_identity.folder, code, "ann", ("127.0.0.1", 1), SILENT)

    run(test)


async def join_fails(
    identity: Identity, book: InviteBook | None, code: InviteCode, folder: Path
) -> MeshError:
    """The error that joining at the door of `identity` ends with."""
    async with network() as net:
        node = await open_door(net, identity, book)
        with pytest.raises(MeshError) as caught:
            await join_mesh(folder, code, "bob", node.address, SILENT)
        return caught.value


def test_a_code_nobody_made_is_not_invited(tmp_path: Path) -> None:
    (ann,) = make_mesh(tmp_path, "ann")
    book = InviteBook(ann)
    wrong = replace(invite(book), secret=b"guessed secret!!")

    assert isinstance(run(join_fails, ann, book, wrong, tmp_path / "bob"), NotInvited)
    assert not (tmp_path / "bob").exists()


def test_a_code_of_another_mesh_is_not_even_tried(tmp_path: Path) -> None:
    (ann,) = make_mesh(tmp_path / "one", "ann")
    (eve,) = make_mesh(tmp_path / "two", "eve")
    code = invite(InviteBook(ann))

    assert isinstance(run(join_fails, eve, InviteBook(eve), code, tmp_path / "bob"), WrongMesh)


def test_an_expired_code_is_named_as_such(tmp_path: Path) -> None:
    (ann,) = make_mesh(tmp_path, "ann")
    book = InviteBook(ann)
    code = invite(book, expires_ms=now_ms() - 1)

    assert isinstance(run(join_fails, ann, book, code, tmp_path / "bob"), InviteExpired)


def test_a_member_that_cannot_sign_says_so(tmp_path: Path) -> None:
    ann, bob = make_mesh(tmp_path, "ann", "bob")
    code = invite(InviteBook(ann))

    assert isinstance(run(join_fails, bob, None, code, tmp_path / "carol"), NoIssuerInReach)


def test_a_code_for_one_lets_one_machine_in(tmp_path: Path) -> None:
    (ann_identity,) = make_mesh(tmp_path, "ann")
    book = InviteBook(ann_identity)
    code = invite(book)

    async def test() -> None:
        async with network() as net:
            ann = await open_door(net, ann_identity, book)
            await join_mesh(tmp_path / "bob", code, "bob", ann.address, SILENT)
            with pytest.raises(InviteSpent):
                await join_mesh(tmp_path / "carol", code, "carol", ann.address, SILENT)

    run(test)


def test_machines_that_use_one_code_at_once_are_counted(tmp_path: Path) -> None:
    (ann_identity,) = make_mesh(tmp_path, "ann")
    book = InviteBook(ann_identity)
    code = invite(book, uses=2)
    outcomes: list[type] = []

    async def test() -> None:
        async with network() as net:
            ann = await open_door(net, ann_identity, book)

            async def join(name: str) -> None:
                try:
                    outcomes.append(type(await join_mesh(tmp_path / name, code, name, ann.address, SILENT)))
                except InviteSpent as error:
                    outcomes.append(type(error))

            async with trio.open_nursery() as nursery:
                for name in ("bob", "carol", "dave", "eve"):
                    nursery.start_soon(join, name)

    run(test)
    assert outcomes.count(Joined) == 2
    assert outcomes.count(InviteSpent) == 2


def test_a_join_cut_off_before_its_welcome_is_repeated_for_free(tmp_path: Path) -> None:
    (ann_identity,) = make_mesh(tmp_path, "ann")
    book = InviteBook(ann_identity)
    code = invite(book)
    folder = tmp_path / "bob"
    joiner = raw_public(joining_key(folder).public_key())
    book.redeem(raw_public(code.key().public_key()), joiner, now_ms())

    async def test() -> None:
        async with network() as net:
            ann = await open_door(net, ann_identity, book)
            joined = await join_mesh(folder, code, "bob", ann.address, SILENT)
            assert joined.identity.public_key == joiner

    run(test)


def test_nobody_there_is_explained_with_the_address(tmp_path: Path) -> None:
    (ann,) = make_mesh(tmp_path, "ann")
    code = invite(InviteBook(ann))

    async def test() -> None:
        closed = await open_endpoint("127.0.0.1", 0)
        await closed.aclose()
        with pytest.raises(CannotReach, match=f"127.0.0.1:{closed.port} could not be reached"):
            await join_mesh(tmp_path / "bob", code, "bob", ("127.0.0.1", closed.port), SILENT)

    run(test)


def test_without_address_and_beacons_the_error_says_what_to_give(tmp_path: Path) -> None:
    (ann,) = make_mesh(tmp_path, "ann")
    code = invite(InviteBook(ann))

    async def test() -> None:
        with pytest.raises(NoMeshHeard, match="--at"):
            await join_mesh(tmp_path / "bob", code, "bob", None, SILENT)

    run(test)


# --- at the door ------------------------------------------------------------------------------------


async def knock(node: Node, code: InviteCode, key_folder: Path, **wrong: bytes) -> object:
    """The door's answer to a joiner whose proof is made from wrong parts."""
    key = joining_key(key_folder)
    invite_key = code.key()
    async with (
        connected(node.address, joiner_context()) as (stream, certificate),
        dialled(stream, JOIN_PATH) as websocket,
    ):
        public, joiner = raw_public(invite_key.public_key()), raw_public(key.public_key())
        await websocket.send(codec.encode(JoinHello(public, joiner, "bob")))
        challenge = codec.decode(await websocket.receive(), 1 << 16)
        if not isinstance(challenge, JoinChallenge):
            return challenge
        named = {
            "nonce": challenge.nonce, "invite": public, "joiner": joiner,
            "door_certificate": certificate, "fingerprint": node.identity.fingerprint,
        } | {name: value for name, value in wrong.items() if not name.startswith("by_")}  # fmt: skip
        statement = proof_statement(name="bob", **named)
        by_joiner = wrong.get("by_joiner", key.sign(statement))
        by_invite = wrong.get("by_invite", invite_key.sign(statement))
        await websocket.send(codec.encode(JoinProof(by_invite, by_joiner)))
        return codec.decode(await websocket.receive(), 1 << 16)


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": b"n" * 32},
        {"joiner": b"j" * 32},
        {"invite": b"i" * 32},
        {"fingerprint": b"f" * 32},
        {"by_joiner": b"s" * 64},
        {"by_invite": b"s" * 64},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_proof_for_anything_else_does_not_count(tmp_path: Path, wrong: dict[str, bytes]) -> None:
    (ann_identity,) = make_mesh(tmp_path, "ann")
    book = InviteBook(ann_identity)
    code = invite(book)

    async def test() -> None:
        async with network() as net:
            ann = await open_door(net, ann_identity, book)
            assert await knock(ann, code, tmp_path / "bob", **wrong) == JoinRefused(JoinRefusal.NOT_INVITED)
            assert len(book.open_invites(now_ms())) == 1

    run(test)


def test_a_proof_made_for_another_door_does_not_count(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")
    book = InviteBook(ann_identity)
    code = invite(book)

    async def test() -> None:
        async with network() as net:
            ann = await open_door(net, ann_identity, book)
            answer = await knock(
                ann, code, tmp_path / "carol", door_certificate=der(bob_identity.certificate)
            )
            assert answer == JoinRefused(JoinRefusal.NOT_INVITED)

    run(test)


def test_guessing_is_limited(tmp_path: Path) -> None:
    (ann_identity,) = make_mesh(tmp_path, "ann")
    book = InviteBook(ann_identity)
    code = replace(invite(book), secret=b"guessed secret!!")

    async def test() -> None:
        async with network() as net:
            ann = await open_door(net, ann_identity, book)
            for _ in range(FAILURES_PER_MINUTE):
                assert await knock(ann, code, tmp_path / "eve") == JoinRefused(JoinRefusal.NOT_INVITED)
            assert await knock(ann, code, tmp_path / "eve") == JoinRefused(JoinRefusal.BUSY)
            with pytest.raises(DoorBusy):
                await join_mesh(tmp_path / "bob", code, "bob", ann.address, SILENT)

    run(test)


@pytest.mark.parametrize("data", [b"", b"\xff\xff", codec.encode(JoinProof(b"", b"")), b"\x00" * 100_000])
def test_what_is_no_hello_ends_the_talk(tmp_path: Path, data: bytes) -> None:
    (ann_identity,) = make_mesh(tmp_path, "ann")

    async def test() -> None:
        async with network() as net:
            ann = await open_door(net, ann_identity, InviteBook(ann_identity))
            async with (
                connected(ann.address, joiner_context()) as (stream, _),
                dialled(stream, JOIN_PATH) as websocket,
            ):
                await websocket.send(data)
                with pytest.raises(Broken):
                    await websocket.receive()

    run(test)
