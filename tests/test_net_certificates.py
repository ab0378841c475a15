"""Who gets in: members of this mesh, as their certificates say, and nobody else at either end."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mesh.identity import certificates
from mesh.identity.certificates import NODE_LIFE, Role, make_node, pem, utc_now
from mesh.identity.files import write_private
from mesh.identity.identity import Identity, joiner_context
from mesh.model.ids import NodeId
from mesh.net.connection import Kind, Timing
from mesh.net.tls import connected
from mesh.net.websocket import Broken, dialled
from tests.net_nodes import Network, Node, control, make_mesh, network, run


async def refused(net: Network, dialler: Node, wanted: NodeId) -> bool:
    """Whether a message from `dialler` to `wanted` comes back."""
    dialler.links.send(wanted, control(1))
    return await dialler.failed.receive() == (wanted, control(1))


def test_a_node_of_another_mesh_is_refused_at_both_ends(tmp_path: Path) -> None:
    (ann_identity,) = make_mesh(tmp_path / "one", "ann")
    (eve_identity,) = make_mesh(tmp_path / "two", "eve")

    async def test() -> None:
        async with network() as net:
            ann, eve = await net.start(ann_identity), await net.start(eve_identity)

            assert await refused(net, eve, ann.id)
            assert await refused(net, ann, eve.id)

    run(test)


def test_a_server_refuses_another_meshs_certificate_even_from_a_careless_client(tmp_path: Path) -> None:
    (ann_identity,) = make_mesh(tmp_path / "one", "ann")
    (eve_identity,) = make_mesh(tmp_path / "two", "eve")
    context = joiner_context()
    context.load_cert_chain(eve_identity.folder / "node.crt", eve_identity.folder / "node.key")

    run(_knock_is_refused, ann_identity, context)


def test_without_a_certificate_only_the_joiners_path_is_there(tmp_path: Path) -> None:
    (ann_identity,) = make_mesh(tmp_path, "ann")

    run(_knock_is_refused, ann_identity, joiner_context())


async def _knock_is_refused(identity: Identity, context: ssl.SSLContext) -> None:
    async def door(_websocket: object) -> None:
        raise AssertionError("nobody who asks for another path reaches the door")

    async with network() as net:
        node = await net.start(identity, door=door)
        for kind in Kind:
            with pytest.raises(Broken):
                async with connected(node.address, context) as (stream, _), dialled(stream, kind.path):
                    raise AssertionError("let in")


def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")
    assert ann_identity.issuer_key is not None
    expired = make_node(
        ann_identity.issuer_key,
        ann_identity.issuer,
        bob_identity.public_key,
        "bob",
        Role.MEMBER,
        utc_now() - NODE_LIFE - timedelta(days=1),
    )
    write_private(bob_identity.folder / "node.crt", pem(expired) + pem(ann_identity.issuer))

    async def test() -> None:
        async with network() as net:
            ann, bob = await net.start(ann_identity), await net.start(bob_identity)

            assert await refused(net, bob, ann.id)
            assert await refused(net, ann, bob.id)

    run(test)


def test_a_certificate_made_by_a_mere_node_is_refused(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")
    key = Ed25519PrivateKey.generate()
    forged = make_node(
        bob_identity.node_key,
        bob_identity.certificate,
        certificates.raw_public(key.public_key()),
        "eve",
        Role.ADMIN,
        utc_now(),
    )
    chain = tmp_path / "eve.crt"
    chain.write_bytes(pem(forged) + pem(bob_identity.certificate) + pem(bob_identity.issuer))
    (tmp_path / "eve.key").write_bytes(_pem_key(key))
    context = joiner_context()
    context.load_cert_chain(chain, tmp_path / "eve.key")

    run(_knock_is_refused, ann_identity, context)


def test_an_issuers_key_is_not_a_node(tmp_path: Path) -> None:
    (ann_identity,) = make_mesh(tmp_path, "ann")
    context = joiner_context()
    context.load_cert_chain(ann_identity.folder / "issuer.crt", ann_identity.folder / "issuer.key")

    run(_knock_is_refused, ann_identity, context)


def _pem_key(key: Ed25519PrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_the_node_that_answers_must_be_the_one_that_was_dialled(tmp_path: Path) -> None:
    ann_identity, bob_identity, carol_identity = make_mesh(tmp_path, "ann", "bob", "carol")

    async def test() -> None:
        async with network() as net:
            ann, bob = await net.start(ann_identity), await net.start(bob_identity)
            net.addresses[carol_identity.node_id] = bob.address

            assert await refused(net, ann, carol_identity.node_id)
            with pytest.raises(trio.WouldBlock):
                bob.inbox.receive_nowait()

    run(test)


def test_a_node_that_is_no_longer_welcome_is_refused_and_dropped(tmp_path: Path) -> None:
    ann_identity, bob_identity = make_mesh(tmp_path, "ann", "bob")
    unwelcome: set[NodeId] = set()

    async def test() -> None:
        async with network() as net:
            ann = await net.start(ann_identity, refuses=unwelcome.__contains__)
            bob = await net.start(bob_identity, timing=Timing(confirm=600.0, first_backoff=0.0))
            bob.links.send(ann.id, control(1))
            await ann.inbox.receive()

            unwelcome.add(bob.id)
            ann.links.drop(bob.id)

            assert await bob.failed.receive() == (ann.id, control(1))
            assert await refused(net, bob, ann.id)
            assert await refused(net, ann, bob.id)

    run(test)
