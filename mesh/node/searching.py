"""Says so when a node that knows of others finds none of them: what was tried, and where to look."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from mesh.config.settings import NodeConfig
from mesh.config.values import write_endpoint
from mesh.net.interfaces import describe_search
from mesh.wire.effects import Address

PATIENCE = 10.0
"""Seconds; nodes that are up answer within one or two."""
_NAMED = 4


async def tell_if_alone(
    config: NodeConfig,
    port: int,
    asked: Sequence[Address],
    is_alone: Callable[[], bool],
    say: Callable[[str], None],
) -> None:
    """Calls `say` once where nobody has answered in time. `asked` are the addresses of others that are known;
    who knows of none has reason to be alone. `port` is this node's own."""
    if not asked:
        return
    await trio.sleep(PATIENCE)
    if is_alone():
        say(what_was_tried(config, port, asked))


def what_was_tried(config: NodeConfig, port: int, asked: Sequence[Address]) -> str:
    named = [write_endpoint(address) for address in asked[:_NAMED]]
    if len(asked) > _NAMED:
        named.append(f"{len(asked) - _NAMED} more")
    beacons = f" and UDP {config.discovery.port}" if config.discovery.enabled else ""
    return (
        f"nobody has answered for {PATIENCE:g} s. Tried {', '.join(named)}, and {describe_search(config.discovery)}. "
        f"This node goes on looking; if others run, check that no firewall stops TCP and UDP {port}{beacons}."
    )
