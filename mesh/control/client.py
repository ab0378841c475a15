"""The commands' way to the node of this machine: a small synchronous client of the control API.

Stands on http.client alone, so that a command starts fast. One request at a time; no retries but for a
connection that the server had closed while it was idle.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from mesh.config.paths import Paths
from mesh.control import errors
from mesh.control.choosing import EVERY_JOB, JobChoice
from mesh.control.convert import Json, from_json, to_json
from mesh.control.routes import (
    MAX_WAIT,
    ErrorAnswer,
    InviteCode,
    InviteRequest,
    JobList,
    NodeList,
    ProgramInfo,
    StoredBlob,
)
from mesh.control.service import (
    AttemptList,
    JobAction,
    JobDetail,
    JobPlan,
    PendingRequest,
    ResultPage,
    RotatedKey,
    SubmitReceipt,
    SubmitRequest,
)
from mesh.control.terms import JobChange
from mesh.model.ids import Digest
from mesh.model.status import JobStatus, MeshStatus, NodeStatus
from mesh.node.errors import UnknownJob, UnknownNode

CHUNK = 256 * 1024
"""Bytes read or sent at a time."""
_TIMEOUT = 30.0
"""Seconds without any byte from a node of this very machine, beyond what it was asked to wait."""
_SLOW_TIMEOUT = 3600.0
"""Seconds for a blob, which may be on its way over a slow link."""

T = TypeVar("T")


class Client:
    """Mirrors `MeshService` for whoever may read the token file. Raises the node's own MeshErrors."""

    def __init__(self, host: str, port: int, token: str, paths: Paths) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT, blocksize=CHUNK)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._paths = paths

    @classmethod
    def connect(cls, paths: Paths) -> Client:
        """Raises NoNode where none answers or its files are torn, TokenUnreadable where it is somebody else's."""
        try:
            host, _, port = paths.control_address.read_text("utf-8").partition(":")
            token = paths.control_token.read_text("ascii").strip()
            if not token or not token.isprintable():
                raise ValueError("it was not written by a node")
            client = cls(host, int(port), token, paths)
            client._connection.connect()
        except PermissionError as error:
            raise errors.TokenUnreadable(file=error.filename, reason=error.strerror) from error
        except (OSError, ValueError) as error:
            raise errors.NoNode() from error
        return client

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def program(self) -> ProgramInfo:
        return self._get(ProgramInfo, "/v1/program")

    def status(self) -> MeshStatus:
        return self._get(MeshStatus, "/v1/status")

    def wait_status(self, revision: int, seconds: float) -> MeshStatus:
        """The status as soon as its revision differs from `revision`, or after `seconds`."""
        return self._get(MeshStatus, "/v1/status", after=revision, wait=min(seconds, MAX_WAIT))

    def nodes(self) -> tuple[NodeStatus, ...]:
        return self._get(NodeList, "/v1/nodes").nodes

    def node(self, text: str) -> NodeStatus:
        return self._get(NodeStatus, _node(text))

    def jobs(self, choice: JobChoice = EVERY_JOB) -> tuple[JobStatus, ...]:
        """Those that are meant, newest first."""
        query: dict[str, str | float] = {}
        if choice.states:
            query["state"] = ",".join(choice.states)
        if choice.user:
            query["user"] = choice.user
        if choice.last:
            query["last"] = choice.last
        return self._get(JobList, "/v1/jobs", **query).jobs

    def job(self, text: str) -> JobDetail:
        return self._get(JobDetail, _job(text))

    def plan(self, text: str) -> JobPlan:
        """What a job renders; waits until its scene is on the node."""
        target = f"{_job(text)}/plan"
        return self._read(JobPlan, self._request("GET", target, timeout=_SLOW_TIMEOUT))

    def results(self, job: str, after: int) -> ResultPage:
        return self._get(ResultPage, f"{_job(job)}/results", after=after)

    def attempts(self, job: str, frame: int | None = None) -> AttemptList:
        """All tries at one frame, failed ones first, or every failed try of the job; and those under way."""
        query = {} if frame is None else {"frame": frame}
        return self._get(AttemptList, f"{_job(job)}/attempts", **query)

    def submit(self, request: SubmitRequest) -> SubmitReceipt:
        return self._post(SubmitReceipt, "/v1/jobs", request)

    def submit_pending(self, request: PendingRequest) -> SubmitReceipt:
        return self._post(SubmitReceipt, "/v1/pending-jobs", request)

    def act(self, job: str, action: JobAction) -> JobStatus:
        return self._post(JobStatus, f"{_job(job)}/{action.value}")

    def change(self, job: str, change: JobChange) -> JobStatus:
        return self._post(JobStatus, f"{_job(job)}/change", change)

    def invite(self, uses: int, hours: float) -> str:
        return self._post(InviteCode, "/v1/invites", InviteRequest(uses, hours)).code

    def rotate_key(self) -> RotatedKey:
        return self._post(RotatedKey, "/v1/rotate-key")

    def leave(self) -> None:
        """Returns once the node has told the others, or is gone."""
        try:
            self._request("POST", "/v1/leave", b"").read()
        except errors.NodeGone:
            return

    def put_blob(self, file: Path, name: str) -> StoredBlob:
        """Store the bytes of `file`. Raises UnreadableSceneFile, and what the node raises, such as DiskFull."""
        try:
            with file.open("rb") as stream:
                size = file.stat().st_size
                target = f"/v1/blobs?{urlencode({'name': name})}"
                response = self._request("POST", target, stream, {"Content-Length": str(size)}, _SLOW_TIMEOUT)
                return self._read(StoredBlob, response)
        except OSError as error:
            raise errors.UnreadableSceneFile(file=file, reason=error.strerror or error) from error

    def get_blob(self, blob: Digest, job: str) -> Iterator[bytes]:
        """The bytes of a payload. Raises DownloadBroken where they end too early."""
        target = f"/v1/blobs/{blob.hex()}?{urlencode({'job': job})}"
        response = self._request("GET", target, timeout=_SLOW_TIMEOUT)
        try:
            while chunk := response.read(CHUNK):
                yield chunk
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise errors.DownloadBroken(blob=blob.hex()[:8], reason=_why(error)) from error

    def openapi(self) -> Json:
        return json.loads(self._request("GET", "/v1/openapi.json").read())

    def _get(self, kind: type[T], path: str, **query: str | float) -> T:
        """`wait` among the query's parameters is how many seconds the node may take beyond what any answer may."""
        target = f"{path}?{urlencode(query)}" if query else path
        timeout = _TIMEOUT + float(query.get("wait", 0))
        return self._read(kind, self._request("GET", target, timeout=timeout))

    def _post(self, kind: type[T], path: str, body: object = None) -> T:
        data = b"" if body is None else json.dumps(to_json(body)).encode()
        return self._read(kind, self._request("POST", path, data, timeout=_SLOW_TIMEOUT))

    def _read(self, kind: type[T], response: http.client.HTTPResponse) -> T:
        try:
            return from_json(kind, json.loads(response.read()))
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise errors.NodeGone(reason=_why(error), logs=self._paths.logs) from error

    def _request(
        self,
        method: str,
        target: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        timeout: float = _TIMEOUT,
    ) -> http.client.HTTPResponse:
        """The response to one request, once it is known not to be a refusal."""
        response = self._exchange(method, target, body, self._headers | (headers or {}), timeout)
        if response.status == 200:
            return response
        answer = self._read(ErrorAnswer, response)
        if answer.kind == errors.NotAuthorised.__name__:
            raise errors.TokenStale(file=self._paths.control_token)
        raise errors.from_node(answer.error, answer.kind, answer.exit_code)

    def _exchange(
        self, method: str, target: str, body: Any, headers: dict[str, str], timeout: float
    ) -> http.client.HTTPResponse:
        if method == "POST":
            self._connection.close()  # a stale connection would leave open whether it was carried out
        for fresh in (self._connection.sock is None, True):
            self._connection.timeout = timeout
            if self._connection.sock is not None:
                self._connection.sock.settimeout(timeout)
            try:
                self._connection.request(method, target, body, headers)
                return self._connection.getresponse()
            except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
                self._connection.close()
                stale = isinstance(error, http.client.RemoteDisconnected | ConnectionError) and not fresh
                if not stale:
                    raise errors.NodeGone(reason=_why(error), logs=self._paths.logs) from error
        raise AssertionError("the second round returns or raises")


def _job(text: str) -> str:
    """Where a job is asked for. Raises UnknownJob for what no job is called, and no path can say."""
    if not text or "/" in text:
        raise UnknownJob(text)
    return f"/v1/jobs/{quote(text, safe='')}"


def _node(text: str) -> str:
    """As `_job`, for a node. Raises UnknownNode."""
    if not text or "/" in text:
        raise UnknownNode(text)
    return f"/v1/nodes/{quote(text, safe='')}"


def _why(error: Exception) -> str:
    if isinstance(error, http.client.IncompleteRead | http.client.RemoteDisconnected):
        return "it closed the connection"
    if isinstance(error, ConnectionRefusedError):
        return "it is not there any more"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
