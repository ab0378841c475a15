"""The node as a program: the machines, the network and the control API, from start to stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

import trio

from mesh.config.paths import Paths
from mesh.config.settings import NodeConfig
from mesh.control.node_service import NodeService
from mesh.control.server import serve_control
from mesh.identity.identity import Identity
from mesh.net.endpoint import open_endpoint
from mesh.net.interfaces import own_address
from mesh.node.home import next_boot, remembered_peers, writing_in
from mesh.node.memory import keep_heap_small
from mesh.node.occupancy import wait_until_unused
from mesh.node.runtime import Node
from mesh.wire.effects import Address


@dataclass(frozen=True, slots=True)
class Ready:
    """Where a node that has started can be found."""

    address: Address
    control: str


@dataclass(frozen=True, slots=True)
class Life:
    """How this node lives."""

    solo: bool = False
    """Talks to nobody."""
    ephemeral: bool = False
    """Ends when its standard input closes and no other command uses it, so that it never outlives those it is there for."""


def run_node(
    config: NodeConfig,
    paths: Paths,
    identity: Identity,
    peers: tuple[Address, ...] = (),
    life: Life | None = None,
    ready: Callable[[Ready], None] = lambda _ready: None,
) -> None:
    """Run a node until it leaves, or SIGINT or SIGTERM makes it leave; a second one ends it at once.

    `peers` are asked for until somebody is there. The caller holds the data folder (`node/occupancy.py`). Raises
    HomeUnwritable, PortInUse, CannotListen, ControlPortInUse, DiskFull.
    """
    life = life or Life()
    keep_heap_small()
    if life.solo:
        listen = replace(config.listen, host="127.0.0.1", port=0, advertise=None)
        discovery = replace(config.discovery, enabled=False)
        config = replace(config, listen=listen, discovery=discovery, seeds=())
        peers = ()
    elif not peers:
        peers = remembered_peers(paths.home)
    trio.run(partial(_run, config, paths, identity, peers, life, ready))


async def _run(
    config: NodeConfig,
    paths: Paths,
    identity: Identity,
    peers: tuple[Address, ...],
    life: Life,
    ready: Callable[[Ready], None],
) -> None:
    endpoint = await open_endpoint(config.listen.host, config.listen.port)
    address = config.listen.advertise
    if address is None:
        address = (own_address(endpoint.hosts, config.discovery), endpoint.port)
    with ExitStack() as resources:
        with writing_in(paths.home):
            node = Node(config, paths, identity, next_boot(paths.home), endpoint, address, resources)
        known = dict.fromkeys((*peers, *config.seeds))
        known.pop(address, None)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_leave_on_signal, node, nursery.cancel_scope)
            if life.ephemeral:
                nursery.start_soon(_stop_when_unused, node, paths)
            await nursery.start(node.run, tuple(known))
            service = NodeService(node, paths.pending)
            await nursery.start(service.pending.run)
            control = await nursery.start(serve_control, service, paths, config)
            ready(Ready(address, control))
            await node.stopping.wait()
            nursery.cancel_scope.cancel()


async def _leave_on_signal(node: Node, scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            async for _ in signals:
                if nursery.child_tasks:
                    scope.cancel()
                nursery.start_soon(node.leave)


async def _stop_when_unused(node: Node, paths: Paths) -> None:
    while True:
        await trio.lowlevel.wait_readable(0)
        if not os.read(0, 4096):
            break
    await trio.to_thread.run_sync(wait_until_unused, paths.home, abandon_on_cancel=True)
    node.stopping.set()
