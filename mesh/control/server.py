"""Serves the control API on loopback, under trio, and tells where: a token file and an address file."""

from __future__ import annotations

import logging
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from hypercorn.typing import ASGIFramework

from mesh.config.paths import Paths
from mesh.config.settings import NodeConfig
from mesh.control.app import build_app
from mesh.control.errors import ControlPortInUse
from mesh.control.service import MeshService
from mesh.identity.files import write_private
from mesh.node.home import writing_in

STALLED_MS = 15_000
"""A client that takes nothing for so long (it is suspended, say) is cut off. The server shields its writes
from cancellation, so without this such a client would keep the node from stopping."""


async def serve_control(
    service: MeshService,
    paths: Paths,
    config: NodeConfig,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled. `task_status` gets `host:port` once the token and address files are there;
    both are removed at the end. Raises ControlPortInUse, HomeUnwritable."""
    listener = _listen(config.control.port)
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    token = secrets.token_urlsafe(32)
    settings = Config()
    settings.bind = [f"fd://{listener.detach()}"]
    settings.errorlog = logging.getLogger("mesh.control.http")
    settings.include_server_header = False
    settings.websocket_max_message_size = 64 * 1024
    app = cast(ASGIFramework, build_app(service, token, address, paths.control_token))
    with _advertised(paths, address, token):
        async with trio.open_nursery() as nursery:
            await nursery.start(serve, app, settings)
            task_status.started(address)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise ControlPortInUse(port=port, reason=error.strerror) from error
    listener.setblocking(False)
    return listener


@contextmanager
def _advertised(paths: Paths, address: str, token: str) -> Iterator[None]:
    """The token and the address on disk for as long as this lasts; the address last, since clients look at
    it first."""
    paths.home.mkdir(parents=True, exist_ok=True)
    with writing_in(paths.home):
        write_private(paths.control_token, token.encode())
        write_private(paths.control_address, address.encode())
    try:
        yield
    finally:
        paths.control_address.unlink(missing_ok=True)
        paths.control_token.unlink(missing_ok=True)
