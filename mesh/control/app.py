"""The control API as an ASGI application: checks requests against their routes, turns answers into HTTP.

Knows routes and a `MeshService`, never how the node does anything, nor how it is served.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from enum import Enum
from pathlib import Path
from typing import Any, cast

import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from mesh.control.convert import BadValue, from_json, to_json
from mesh.control.errors import BadRequest, TooLarge
from mesh.control.guard import Guard, answer_error
from mesh.control.openapi import document
from mesh.control.routes import BYTES, DOCUMENT_PATH, EVENTS_PATH, PATH_PATTERNS, ROUTES, Call, Query, Route
from mesh.control.service import MeshService
from mesh.errors import ExitCode, MeshError

MAX_JSON = 16 * 1024**2
"""Bytes of a JSON body; a million frame numbers fit."""
MAX_BLOB = 1024**4
"""Bytes of one streamed body."""

_STATUS = {ExitCode.USAGE: 400, ExitCode.NO_MESH: 503, ExitCode.REFUSED: 409, ExitCode.FRAMES_FAILED: 409}


def build_app(service: MeshService, token: str, address: str, token_file: Path) -> ASGIApp:
    """The application that answers at `address` (host:port) to requests that carry `token`."""
    routes: list[BaseRoute] = [_bind(route, service) for route in ROUTES]
    document_body = json.dumps(document()).encode()

    async def openapi(_request: Request) -> Response:
        return Response(document_body, media_type="application/json")

    async def events(websocket: WebSocket) -> None:
        await _send_events(websocket, service)

    routes.append(StarletteRoute(DOCUMENT_PATH, openapi))
    routes.append(WebSocketRoute(EVENTS_PATH, events))
    handlers = {MeshError: _on_error, HTTPException: _on_http, ClientDisconnect: _on_gone}
    app = Starlette(routes=routes, exception_handlers=handlers)
    return Guard(app, token, address, token_file)


async def _on_error(_request: Request, error: Exception) -> Response:
    refusal = cast(MeshError, error)
    unknown = type(refusal).__name__.startswith("Unknown")
    return answer_error(refusal, 404 if unknown else _STATUS[refusal.exit_code])


async def _on_http(request: Request, error: Exception) -> Response:
    reason = f"{request.method} {request.url.path} is no endpoint"
    return answer_error(BadRequest(reason=reason), cast(HTTPException, error).status_code)


async def _on_gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)  # nobody reads it: the client went while it was sending


def _bind(route: Route, service: MeshService) -> StarletteRoute:
    known = [one.name for one in route.query]

    async def endpoint(request: Request) -> Response:
        for name in request.query_params:
            if name not in known:  # to leave a filter out would answer another question than was asked
                raise BadRequest(reason=f"{name} is no parameter of {route.path}")
        query = {one.name: _query_value(one, request.query_params.get(one.name)) for one in route.query}
        body = await _body_of(request, route.body)
        answer = await route.handler(Call(service, _path_of(request), query, body))
        if route.answer is BYTES:
            chunks = cast(AsyncGenerator[bytes, None], answer)
            return _Bytes(await anext(chunks, b""), chunks)  # an error of the first is still a refusal
        return JSONResponse(to_json(answer))

    return StarletteRoute(route.path, endpoint, methods=[route.method])


def _path_of(request: Request) -> dict[str, str]:
    for name, value in request.path_params.items():
        if name in PATH_PATTERNS and re.fullmatch(PATH_PATTERNS[name], value) is None:
            raise BadRequest(reason=f"{value!r} in the path is not {PATH_PATTERNS[name]}")
    return dict(request.path_params)


def _query_value(query: Query, text: str | None) -> Any:
    if text is None or query.kind is str:
        return query.default if text is None else text
    kind: Any = query.kind
    if issubclass(kind, Enum):
        return _query_values(query.name, kind, text)
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if not query.low <= value <= query.high:
        allowed = f"a number from {query.low:g} to {query.high:g}"
        raise BadRequest(reason=f"{query.name}={text!r} is not {allowed}")
    return value


def _query_values(name: str, kind: type[Enum], text: str) -> tuple[Enum, ...]:
    known = {str(one.value): one for one in kind}
    try:
        return tuple(known[part] for part in text.split(","))
    except KeyError as error:
        raise BadRequest(reason=f"{name}={text!r} is not made of {', '.join(known)}") from error


async def _body_of(request: Request, kind: Any) -> Any:
    if kind is None:
        return None
    if kind is BYTES:
        return _Chunks(request, MAX_BLOB)
    data = b"".join([chunk async for chunk in _Chunks(request, MAX_JSON)])
    try:
        return from_json(kind, json.loads(data))
    except BadValue as error:
        raise BadRequest(reason=str(error)) from error
    except (ValueError, RecursionError) as error:
        raise BadRequest(reason="its body is no JSON") from error


class _Chunks:
    """The chunks of a request's body. Raises TooLarge once they are more than `limit` bytes.

    No generator: whoever reads it may stop anywhere, and nothing needs to be closed then.
    """

    def __init__(self, request: Request, limit: int) -> None:
        self._receive = request.receive
        self._limit = limit
        self._size = 0
        self._more = True

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while self._more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            self._more = message.get("more_body", False)
            chunk = bytes(message.get("body", b""))
            self._size += len(chunk)
            if self._size > self._limit:
                raise TooLarge(limit=self._limit)
            if chunk:
                return chunk
        raise StopAsyncIteration


class _Bytes(Response):
    """An answer of bytes as they come. Where the client goes or the bytes fail midway, the connection ends
    without the mark that says it was all."""

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes, None]) -> None:
        super().__init__(media_type="application/octet-stream")
        del self.headers["content-length"]
        self._first = first
        self._rest = rest

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._rest):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_until_disconnect, receive, nursery.cancel_scope)
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await send({"type": "http.response.body", "body": self._first, "more_body": True})
                async for chunk in self._rest:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                nursery.cancel_scope.cancel()
            # Outside: as it ends a response the server reports a disconnect, and must not be cancelled then.
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_disconnect(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _send_events(websocket: WebSocket, service: MeshService) -> None:
    """Every event after the query's `after`, until the client goes. What the client says is ignored."""
    try:
        after = int(websocket.query_params.get("after", "0"))
    except ValueError:
        await websocket.close(1008, "after must be a whole number")
        return
    await websocket.accept()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_until_gone, websocket, nursery.cancel_scope)
        while True:
            for event in await service.wait_events(after):
                await websocket.send_json(to_json(event))
                after = event.number


async def _until_gone(websocket: WebSocket, scope: trio.CancelScope) -> None:
    try:
        while True:
            await websocket.receive_text()
    except (WebSocketDisconnect, KeyError):
        scope.cancel()
