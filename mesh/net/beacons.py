"""LAN discovery: nodes say where they are, on every interface, in one small datagram every few seconds.

A beacon is a hint and no more: whoever follows it finds out by TLS who is there. Who has just started asks,
and is answered at once. How a datagram gets onto every interface is for `mesh/net/loudspeaker.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

import trio

from mesh.config.settings import DiscoveryConfig
from mesh.model.ids import NodeId
from mesh.net.loudspeaker import Loudspeaker, open_loudspeaker
from mesh.wire import codec
from mesh.wire.admission import Port
from mesh.wire.base import AtMost
from mesh.wire.effects import Address

MAGIC = b"render-mesh beacon 1\n"
QUESTION = MAGIC + b"?"
MAX_BEACON = 512
MAX_DATAGRAM = len(MAGIC) + MAX_BEACON
FINGERPRINT_SIZE = 8

FIRST_INTERVALS = (0.25, 0.5, 1.0, 2.0)
"""Seconds between the first beacons; then `INTERVAL`."""
INTERVAL = 5.0
LEAST_INTERVAL = 0.25
"""Seconds between two beacons at the least, however many nodes ask."""


@dataclass(frozen=True, slots=True)
class Beacon:
    """What a node says of itself."""

    mesh: Annotated[bytes, AtMost(FINGERPRINT_SIZE)]
    """The first 8 bytes of the mesh's fingerprint."""
    node: NodeId
    port: Port
    mesh_name: Annotated[str, AtMost(64)]
    node_name: Annotated[str, AtMost(64)]
    admits: bool = False
    """Whether this node can sign a joiner's certificate."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A beacon and where it came from: the host it was sent from and the port it names."""

    beacon: Beacon
    address: Address


def encode_beacon(beacon: Beacon) -> bytes:
    return MAGIC + codec.encode_record(beacon)


def decode_beacon(data: bytes) -> Beacon | None:
    """None for whatever else arrives on that port."""
    if not data.startswith(MAGIC):
        return None
    try:
        beacon = codec.decode_record(Beacon, data[len(MAGIC) :], MAX_BEACON)
    except codec.BadMessage:
        return None
    return beacon if len(beacon.mesh) == FINGERPRINT_SIZE and beacon.port else None


class Beacons:
    """A member's beacons, and its ear for those of its own mesh."""

    def __init__(
        self,
        config: DiscoveryConfig,
        beacon: Beacon,
        on_heard: Callable[[Heard], Awaitable[None]],
    ) -> None:
        self._config = config
        self._beacon = beacon
        self._on_heard = on_heard
        self._asked = trio.Event()

    async def serve(self) -> None:
        """Sends and listens until cancelled. Returns at once where discovery is off or impossible; a node
        runs without it."""
        if not self._config.enabled:
            return
        async with open_loudspeaker(self._config, MAX_DATAGRAM) as speaker:
            if speaker is None:
                return
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send, speaker)
                nursery.start_soon(self._listen, speaker)

    async def _send(self, speaker: Loudspeaker) -> None:
        data = encode_beacon(self._beacon)
        await speaker.send(QUESTION)
        intervals = iter(FIRST_INTERVALS)
        while True:
            await speaker.send(data)
            self._asked = trio.Event()
            await trio.sleep(LEAST_INTERVAL)
            with trio.move_on_after(next(intervals, INTERVAL) - LEAST_INTERVAL):
                await self._asked.wait()

    async def _listen(self, speaker: Loudspeaker) -> None:
        while True:
            data, host = await speaker.receive()
            if data == QUESTION:
                self._asked.set()
                continue
            beacon = decode_beacon(data)
            if beacon and beacon.mesh == self._beacon.mesh and beacon.node != self._beacon.node:
                await self._on_heard(Heard(beacon, (host, beacon.port)))


async def listen_for_meshes(
    config: DiscoveryConfig, seconds: float, enough: Callable[[Heard], bool] = lambda _heard: False
) -> tuple[Heard, ...]:
    """Every node of any mesh that answers within `seconds`, or until one is `enough`; each once."""
    heard: dict[NodeId, Heard] = {}
    if not config.enabled:
        return ()
    async with open_loudspeaker(config, MAX_DATAGRAM) as speaker:
        if speaker is None:
            return ()
        with trio.move_on_after(seconds):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_ask, speaker)
                while True:
                    data, host = await speaker.receive()
                    beacon = decode_beacon(data)
                    if beacon is None:
                        continue
                    new = heard.setdefault(beacon.node, Heard(beacon, (host, beacon.port)))
                    if enough(new):
                        nursery.cancel_scope.cancel()
                        break
    return tuple(heard.values())


async def _ask(speaker: Loudspeaker) -> None:
    while True:
        await speaker.send(QUESTION)
        await trio.sleep(1.0)
