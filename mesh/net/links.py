"""Connections to other nodes: dialled when there is something to send, answered when others dial.

Every pair of nodes has at most one control and one bulk connection in steady use. `send` never waits and
never raises for what the network does: what could not be sent, or possibly never arrived, comes back
through `on_send_failed`. Messages of more than 64 KiB (block data) are not followed that far: who asked
for them asks again.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Collection

import trio

from mesh.identity.identity import Identity
from mesh.model.ids import NodeId, short
from mesh.net.connection import Connection, Kind, OnMessages, Outgoing, Timing
from mesh.net.endpoint import Endpoint
from mesh.net.lane import Lane
from mesh.net.tls import accepted, check_peer, connected
from mesh.net.websocket import Broken, Refused, WebSocket, answered, dialled
from mesh.wire import codec
from mesh.wire.base import Message
from mesh.wire.effects import Address

logger = logging.getLogger(__name__)

MAX_STRANGERS = 64
"""Connections that have not yet shown who they are; more are turned away."""

JOIN_PATH = "/v1/join"
RENEW_PATH = "/v1/renew"
_KINDS = {kind.path: kind for kind in Kind}

Door = Callable[[WebSocket], Awaitable[None]]
"""Talks to a joiner (`mesh/net/door.py`). Raises Broken."""

Renewer = Callable[[bytes, WebSocket], Awaitable[None]]
"""Talks to a member that showed this certificate, DER, and wants a new one (`mesh/net/renewal.py`). Raises Broken."""


class TooLong(ValueError):
    """A message that no frame can carry: a mistake of ours."""


class Links:
    def __init__(
        self,
        identity: Identity,
        on_messages: OnMessages,
        on_send_failed: Callable[[NodeId, Message], Awaitable[None]],
        resolve: Callable[[NodeId], Address | None],
        bulk: Collection[type[Message]],
        door: Door | None = None,
        renewer: Renewer | None = None,
        refuses: Callable[[NodeId], bool] = lambda _node: False,
        on_refused: Callable[[NodeId], None] = lambda _node: None,
        timing: Timing | None = None,
    ) -> None:
        """`resolve` knows where a node listens; `bulk` are the types that travel on bulk connections; only nodes that
        sign certificates have a `renewer`; `refuses` names nodes whose certificate no longer counts; `on_refused`
        hears of those at whose address nobody listens, as soon as a connection to them breaks or is wanted. While
        `on_messages` waits, nothing more is read from that connection."""
        self._me = identity.node_id
        self._on_messages = on_messages
        self._on_send_failed = on_send_failed
        self._resolve = resolve
        self._bulk = frozenset(bulk)
        self._door = door
        self._renewer = renewer
        self._refuses = refuses
        self._on_refused = on_refused
        self._timing = timing or Timing()
        self._lanes: dict[tuple[NodeId, Kind], Lane] = {}
        self._failures, self._failed = trio.open_memory_channel[tuple[NodeId, Message]](math.inf)
        self._strangers = trio.CapacityLimiter(MAX_STRANGERS)
        self._nursery: trio.Nursery | None = None
        self.use(identity)

    def use(self, identity: Identity) -> None:
        """From now on show this certificate; it was renewed. Connections that stand go on."""
        self._server_context = identity.server_context()
        self._client_context = identity.client_context()

    async def serve(
        self, endpoint: Endpoint, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Answers at `endpoint` and sends, until cancelled. `send` works once this has started."""
        with self._failures, self._failed:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._report_failures)
                task_status.started()
                await trio.serve_listeners(self._answer, endpoint.listeners)

    # --- sending ------------------------------------------------------------------------------------

    def send(self, node: NodeId, message: Message) -> None:
        """Queues `message` for `node`. A full queue is a failed sending."""
        lane, outgoing = self._prepare(node, message)
        if lane.has_room(len(outgoing.data)):
            lane.put(outgoing)
            self._dial_if_needed(lane)
        else:
            self._fail(lane.peer, [message])

    async def send_when_room(self, node: NodeId, message: Message) -> None:
        """Queues `message` once the queue has room, for whoever has much to send."""
        lane, outgoing = self._prepare(node, message)
        await lane.wait_for_room(len(outgoing.data))
        self._lanes[node, lane.kind] = lane
        lane.put(outgoing)
        self._dial_if_needed(lane)

    def drop(self, node: NodeId) -> None:
        """Closes every connection to `node` now; what was queued for it has failed."""
        for kind in Kind:
            lane = self._lanes.get((node, kind))
            if lane is not None:
                lane.abandon()
                self._fail(node, lane.take_all())

    def connected(self, node: NodeId, kind: Kind = Kind.CONTROL) -> bool:
        lane = self._lanes.get((node, kind))
        return lane is not None and lane.connected

    def _prepare(self, node: NodeId, message: Message) -> tuple[Lane, Outgoing]:
        if node == self._me:
            raise ValueError("a node does not send to itself")
        kind = Kind.BULK if type(message) in self._bulk else Kind.CONTROL
        data = codec.encode(message)
        if len(data) > kind.limit - codec.BUNDLE_HEAD:
            raise TooLong(f"{type(message).__name__} of {len(data)} bytes on a {kind} connection")
        return self._lane(node, kind), Outgoing(message, data)

    def _lane(self, node: NodeId, kind: Kind) -> Lane:
        lane = self._lanes.get((node, kind))
        if lane is None:
            lane = self._lanes[node, kind] = Lane(node, kind, self._timing)
        return lane

    def _fail(self, node: NodeId, messages: list[Message]) -> None:
        for message in messages:
            self._failures.send_nowait((node, message))

    async def _report_failures(self) -> None:
        async for node, message in self._failed:
            await self._on_send_failed(node, message)

    # --- dialling -----------------------------------------------------------------------------------

    def _dial_if_needed(self, lane: Lane) -> None:
        if not lane.wants_dial:
            return
        if self._nursery is None:
            raise RuntimeError("serve() has not started")
        lane.doubtful = False
        if trio.current_time() < lane.retry_at:
            self._fail(lane.peer, lane.take_all())
            return
        lane.dialling = True
        self._nursery.start_soon(self._dial, lane)

    async def _dial(self, lane: Lane) -> None:
        try:
            address = self._resolve(lane.peer)
            if address is None or self._refuses(lane.peer):
                raise Broken("no address is known")
            async with connected(address, self._client_context) as (stream, certificate):
                check_peer(certificate, lane.peer)
                async with dialled(stream, lane.kind.path) as websocket:
                    await self._run(lane, self._me, websocket)
        except Broken as error:
            if lane.dialling and not lane.connected:
                logger.info("Node %s could not be reached: %s.", short(lane.peer), error)
                lane.back_off(trio.current_time())
                self._fail(lane.peer, lane.take_all())
                if isinstance(error, Refused):
                    self._on_refused(lane.peer)
        lane.dialling = False
        self._settle(lane)

    async def _run(self, lane: Lane, dialler: NodeId, websocket: WebSocket) -> None:
        """Uses a connection until it ends."""
        connection = Connection(lane.peer, lane.kind, dialler, websocket, self._timing)
        if dialler == self._me:
            lane.dialling = False
        lane.add(connection)
        try:
            self._fail(lane.peer, await connection.run(lane.take, self._on_messages))
        finally:
            lane.remove(connection)
            lane.doubtful = lane.doubtful or connection.hung_up

    def _settle(self, lane: Lane) -> None:
        """After a connection has ended: dials again for what still waits, or forgets the lane."""
        self._dial_if_needed(lane)
        if lane.forgettable and trio.current_time() >= lane.retry_at:
            self._lanes.pop((lane.peer, lane.kind), None)

    # --- answering ----------------------------------------------------------------------------------

    async def _answer(self, plain: trio.SocketStream) -> None:
        """One incoming connection. Whatever it does wrong costs it the connection and nothing else."""
        try:
            self._strangers.acquire_on_behalf_of_nowait(plain)
        except trio.WouldBlock:
            await trio.aclose_forcefully(plain)
            return
        try:
            await self._answer_stranger(plain)
        except Broken as error:
            logger.debug("An incoming connection ended: %s.", error)
        finally:
            if plain in self._strangers.statistics().borrowers:
                self._strangers.release_on_behalf_of(plain)

    async def _answer_stranger(self, plain: trio.SocketStream) -> None:
        async with accepted(plain, self._server_context) as (stream, certificate):
            if certificate is None:
                if self._door is not None:
                    async with answered(stream, (JOIN_PATH,)) as (_, websocket):
                        await self._door(websocket)
                return
            node = check_peer(certificate)
            if node == self._me or self._refuses(node):
                raise Broken(f"node {short(node)} is not welcome")
            paths = _KINDS.keys() if self._renewer is None else {*_KINDS, RENEW_PATH}
            async with answered(stream, paths) as (path, websocket):
                if self._renewer is not None and path == RENEW_PATH:
                    await self._renewer(certificate, websocket)
                    return
                self._strangers.release_on_behalf_of(plain)
                lane = self._lane(node, _KINDS[path])
                try:
                    await self._run(lane, node, websocket)
                finally:
                    self._settle(lane)
