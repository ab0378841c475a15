"""The WebSocket of events, over a real connection."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio_websocket import WebSocketConnection, connect_websocket_url

from mesh.config.paths import Paths
from mesh.control.convert import from_json
from mesh.model.status import EventStatus
from tests.fake_service import FakeService, event, mesh_status, serving


@pytest.fixture
def service() -> FakeService:
    events = (event(1, "render1 is here"), event(2, "render2 is here"), event(3, "render2 died"))
    return FakeService(shown=mesh_status(events=events))


@pytest.fixture
def paths(service: FakeService, tmp_path: Path) -> Iterator[Paths]:
    paths = Paths.locate({"MESH_HOME": str(tmp_path)})
    with serving(service, paths):
        yield paths


async def open_events(nursery: trio.Nursery, paths: Paths, query: str) -> WebSocketConnection:
    token = paths.control_token.read_text()
    url = f"ws://{paths.control_address.read_text()}/v1/events{query}"
    headers = [(b"Authorization", f"Bearer {token}".encode())]
    return await connect_websocket_url(nursery, url, extra_headers=headers)


def test_events_come_in_order_beginning_after_the_last_one_seen(service: FakeService, paths: Paths) -> None:
    async def main() -> list[EventStatus]:
        async with trio.open_nursery() as nursery:
            socket = await open_events(nursery, paths, "?after=1")
            with trio.fail_after(20):
                found = [from_json(EventStatus, json.loads(await socket.get_message())) for _ in range(2)]
            await socket.aclose()
        return found

    assert trio.run(main) == list(service.shown.events[1:])


def test_a_stranger_hears_no_events(paths: Paths) -> None:
    connection = http.client.HTTPConnection(paths.control_address.read_text(), timeout=20)
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
    }
    connection.request("GET", "/v1/events", headers=upgrade)
    assert connection.getresponse().status == 403
    connection.close()


def test_a_watcher_that_goes_leaves_the_server_serving(service: FakeService, paths: Paths) -> None:
    service.shown = replace(service.shown, events=())

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            first = await open_events(nursery, paths, "")
            await first.aclose()
            second = await open_events(nursery, paths, "")
            await second.aclose()

    trio.run(main)
