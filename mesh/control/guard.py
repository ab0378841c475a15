"""The outermost layer of the control API: who may speak to it, and that refusals are heard. Plain ASGI."""

from __future__ import annotations

import hmac
from pathlib import Path

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mesh.control.errors import NotAuthorised
from mesh.errors import MeshError


def answer_error(error: MeshError, status: int) -> JSONResponse:
    """The one form of every refusal, see `routes.ErrorAnswer`."""
    body = {"error": str(error), "kind": type(error).__name__, "exit_code": int(error.exit_code)}
    return JSONResponse(body, status)


class Guard:
    """Lets only requests through that name this server as their host and carry the token.

    The host is checked because a web page elsewhere can make a browser call loopback under another name.
    """

    def __init__(self, app: ASGIApp, token: str, address: str, token_file: Path) -> None:
        self._app = app
        self._secret = f"Bearer {token}".encode()
        self._hosts = {address.encode(), f"localhost:{address.rpartition(':')[2]}".encode()}
        self._token_file = token_file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if headers.get(b"host", b"") not in self._hosts:
            await self._refuse("its Host header names another server", scope, receive, send)
        elif not hmac.compare_digest(headers.get(b"authorization", b""), self._secret):
            await self._refuse("it carries no valid token", scope, receive, send)
        elif scope["type"] == "http":
            body = _Body(receive, send)
            await self._app(scope, body.receive, body.send)
        else:
            await self._app(scope, receive, send)

    async def _refuse(self, reason: str, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": reason})
            return
        error = NotAuthorised(reason=reason, token=self._token_file)
        await answer_error(error, 403)(scope, receive, send)


class _Body:
    """Reads what is left of a request's body before its answer starts: a client that is cut off while it
    still sends never sees why."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._complete = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._complete = True
        return message

    async def send(self, message: Message) -> None:
        while message["type"] == "http.response.start" and not self._complete:
            await self.receive()
        await self._send(message)
