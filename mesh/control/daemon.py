"""The node as a program: the machines, the network and the control API, from start to stop."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import trio

from mesh.config import NodeConfig, Paths
from mesh.control.node_service import NodeService
from mesh.control.server import serve_control
from mesh.identity.folder import load
from mesh.net.endpoint import open_endpoint
from mesh.net.interfaces import own_address
from mesh.node.home import next_boot, occupied, remembered_peers
from mesh.node.runtime import Node
from mesh.wire.effects import Address


def run_node(
    config: NodeConfig,
    paths: Paths,
    seeds: tuple[Address, ...] = (),
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Run a node until it leaves, or SIGINT or SIGTERM makes it leave; a second one ends it at once.

    Raises AlreadyRunning, HomeUnwritable, PortInUse, CannotListen, ControlPortInUse, DiskFull, and what
    can be wrong with the identity.
    """
    with occupied(paths.home):
        trio.run(partial(_run, config, paths, seeds, on_ready))


async def _run(
    config: NodeConfig, paths: Paths, seeds: tuple[Address, ...], on_ready: Callable[[], None]
) -> None:
    identity = load(paths.identity)
    endpoint = await open_endpoint(config.listen.host, config.listen.port)
    advertised = config.listen.advertise or (
        own_address(config.listen.host, config.discovery),
        endpoint.port,
    )
    with ExitStack() as resources:
        node = Node(config, paths, identity, next_boot(paths.home), endpoint, advertised, resources)
        known = dict.fromkeys((*seeds, *config.seeds, *remembered_peers(paths.home)))
        known.pop(advertised, None)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_leave_on_signal, node, nursery.cancel_scope)
            await nursery.start(node.run, tuple(known))
            await nursery.start(serve_control, NodeService(node), paths, config)
            on_ready()
            await node.stopping.wait()
            nursery.cancel_scope.cancel()


async def _leave_on_signal(node: Node, scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            async for _ in signals:
                if nursery.child_tasks:
                    scope.cancel()
                nursery.start_soon(node.leave)
