"""The joiner: finds a member, proves that it knows the invite code, and becomes a node.

It believes nothing before it has seen a chain of certificates from the door's own up to a root with the
code's fingerprint, and signs nothing that could be used at another door or for another key.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mesh.config.settings import DiscoveryConfig
from mesh.config.values import write_endpoint
from mesh.errors import MeshError
from mesh.identity import certificates
from mesh.identity.certificates import check_chain, fingerprint_of, parse_der, raw_public, utc_now
from mesh.identity.errors import InviteExpired, InviteSpent, NotInvited, Untrusted
from mesh.identity.folder import complete_join, joining_key
from mesh.identity.identity import Identity, MeshKey, joiner_context
from mesh.identity.invites import InviteCode, matches, proof_statement
from mesh.net.beacons import FINGERPRINT_SIZE, Heard, listen_for_meshes
from mesh.net.door import Expected, hear, say
from mesh.net.errors import CannotReach, DoorBusy, NoIssuerInReach, NoMeshHeard, WrongMesh
from mesh.net.interfaces import describe_search
from mesh.net.links import JOIN_PATH
from mesh.net.tls import connected
from mesh.net.websocket import Broken, WebSocket, dialled
from mesh.wire.admission import (
    JoinChallenge,
    JoinHello,
    JoinProof,
    JoinRefusal,
    JoinRefused,
    JoinWelcome,
    Peer,
)
from mesh.wire.base import Message
from mesh.wire.effects import Address

LISTEN_SECONDS = 6.0
"""A little longer than beacons are apart, for the mesh that does not hear the question."""

JOIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Joined:
    identity: Identity
    peers: tuple[Peer, ...]
    """Members to talk to first; the door is among them."""


async def join_mesh(
    folder: Path, code: InviteCode, node_name: str, at: Address | None, discovery: DiscoveryConfig
) -> Joined:
    """Joins the mesh the code is for, at the given address or wherever it is heard, and keeps the identity
    in `folder`.

    Raises AlreadyInMesh, NoMeshHeard, CannotReach, WrongMesh, NotInvited, InviteExpired, InviteSpent,
    DoorBusy or NoIssuerInReach. A repeated try after any of these does not spend the invite twice.
    """
    key = joining_key(folder)
    doors = [at] if at else await _hear_doors(code, discovery)
    failures: list[MeshError] = []
    for door in doors:
        try:
            return await _join_at(folder, code, key, node_name, door)
        except (CannotReach, DoorBusy, NoIssuerInReach) as error:
            failures.append(error)
    raise failures[-1]


async def _hear_doors(code: InviteCode, discovery: DiscoveryConfig) -> list[Address]:
    def is_ours(heard: Heard) -> bool:
        return heard.beacon.mesh == code.fingerprint[:FINGERPRINT_SIZE]

    def is_best(heard: Heard) -> bool:
        return is_ours(heard) and heard.beacon.admits

    everyone = await listen_for_meshes(discovery, LISTEN_SECONDS, enough=is_best)
    doors = [heard.address for heard in sorted(everyone, key=is_best, reverse=True) if is_ours(heard)]
    if not doors:
        others = sorted({heard.beacon.mesh_name for heard in everyone})
        heard_instead = f"; heard were only {', '.join(others)}" if others else ""
        raise NoMeshHeard(
            seconds=LISTEN_SECONDS, tried=describe_search(discovery) + heard_instead, port=discovery.port
        )
    return doors


async def _join_at(
    folder: Path, code: InviteCode, key: Ed25519PrivateKey, node_name: str, door: Address
) -> Joined:
    where = write_endpoint(door)
    try:
        with trio.fail_after(JOIN_SECONDS):
            async with (
                connected(door, joiner_context()) as (stream, door_certificate),
                dialled(stream, JOIN_PATH) as websocket,
            ):
                welcome = await _talk(websocket, code, key, node_name, door_certificate, where)
    except trio.TooSlowError:
        raise CannotReach(where=where, reason=f"no answer for {JOIN_SECONDS:g} s") from None
    except Broken as error:
        raise CannotReach(where=where, reason=error) from None
    try:
        return _keep(folder, code, key, welcome)
    except Untrusted:
        raise WrongMesh(where=where) from None


async def _talk(
    websocket: WebSocket,
    code: InviteCode,
    key: Ed25519PrivateKey,
    node_name: str,
    door_certificate: bytes,
    where: str,
) -> JoinWelcome:
    invite_key = code.key()
    invite, joiner = raw_public(invite_key.public_key()), raw_public(key.public_key())
    await say(websocket, JoinHello(invite, joiner, node_name))
    challenge = await _hear(websocket, JoinChallenge, where)
    fingerprint = _check_door(code, door_certificate, challenge, where)
    statement = proof_statement(challenge.nonce, invite, joiner, node_name, door_certificate, fingerprint)
    await say(websocket, JoinProof(invite_key.sign(statement), key.sign(statement)))
    return await _hear(websocket, JoinWelcome, where)


async def _hear(websocket: WebSocket, expected: type[Expected], where: str) -> Expected:
    """The door's next message. A refusal is raised as what a person reads of it."""
    answer: Message = await hear(websocket, expected, JoinRefused)
    if isinstance(answer, JoinRefused):
        raise _error(answer.reason, where)
    return cast("Expected", answer)


def _check_door(code: InviteCode, door_certificate: bytes, challenge: JoinChallenge, where: str) -> bytes:
    """The fingerprint of the root that vouches for the door. Raises WrongMesh unless it is the code's."""
    try:
        root = parse_der(challenge.root)
        fingerprint = fingerprint_of(root)
        if not matches(code, fingerprint):
            raise WrongMesh(where=where)
        check_chain(parse_der(door_certificate), parse_der(challenge.issuer), root, utc_now())
    except Untrusted as error:
        raise CannotReach(where=where, reason=error) from None
    return fingerprint


def _keep(folder: Path, code: InviteCode, key: Ed25519PrivateKey, welcome: JoinWelcome) -> Joined:
    """Raises Untrusted when the certificates are not what was asked for."""
    node, issuer, root = (parse_der(each) for each in (welcome.node, welcome.issuer, welcome.root))
    check_chain(node, issuer, root, utc_now())
    if not matches(code, fingerprint_of(root)):
        raise Untrusted("the welcome names another root")
    if certificates.key_in(node) != raw_public(key.public_key()):
        raise Untrusted("the certificate is for another key")
    keys = tuple(MeshKey(each.number, each.secret, each.signature) for each in welcome.gossip_keys)
    return Joined(complete_join(folder, node, issuer, root, keys), welcome.peers)


def _error(reason: JoinRefusal, where: str) -> MeshError:
    match reason:
        case JoinRefusal.NOT_INVITED:
            return NotInvited()
        case JoinRefusal.EXPIRED:
            return InviteExpired()
        case JoinRefusal.SPENT:
            return InviteSpent()
        case JoinRefusal.BUSY:
            return DoorBusy(where=where)
        case JoinRefusal.NO_ISSUER:
            return NoIssuerInReach(where=where)
