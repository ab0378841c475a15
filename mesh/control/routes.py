"""The control API's endpoints: one table that the server routes by and the OpenAPI document is drawn from.

A handler takes a `Call` and answers a dataclass, or an iterator of bytes. It raises MeshErrors.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import mesh
from mesh.control.choosing import JobChoice, choose
from mesh.control.service import (
    AttemptList,
    JobAction,
    JobDetail,
    JobPlan,
    MeshService,
    PendingRequest,
    ResultPage,
    RotatedKey,
    SubmitReceipt,
    SubmitRequest,
)
from mesh.control.terms import JobChange
from mesh.model.ids import Digest
from mesh.model.status import EventStatus, JobState, JobStatus, MeshStatus, NodeStatus

MAX_WAIT = 60.0
"""Longest long-poll, in seconds."""


@dataclass(frozen=True, slots=True)
class ProgramInfo:
    version: str
    pid: int


@dataclass(frozen=True, slots=True)
class NodeList:
    nodes: tuple[NodeStatus, ...]


@dataclass(frozen=True, slots=True)
class JobList:
    jobs: tuple[JobStatus, ...]


@dataclass(frozen=True, slots=True)
class StoredBlob:
    blob: Digest
    size: int


@dataclass(frozen=True, slots=True)
class InviteRequest:
    uses: int = 1
    hours: float = 24.0


@dataclass(frozen=True, slots=True)
class InviteCode:
    code: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """Done, and there is nothing to say about it."""


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """What every refusal looks like."""

    error: str
    """The sentence for people."""
    kind: str
    """The error's class."""
    exit_code: int
    """What a command exits with on it."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query parameter, between `low` and `high` where it is a number. Where `kind` is an enum, it is any number of its
    values, with commas between them."""

    name: str
    kind: type
    default: Any
    about: str
    low: float = 0
    high: float = float(2**53)


@dataclass(frozen=True, slots=True)
class Call:
    """One request, already checked against its route."""

    service: MeshService
    path: dict[str, str]
    query: dict[str, Any]
    body: Any
    """The route's body type, or the chunks of a streamed one."""


Handler = Callable[[Call], Awaitable[object]]
BYTES = AsyncIterator[bytes]
"""As a route's body or answer: application/octet-stream, not JSON."""


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    about: str
    handler: Handler
    answer: Any
    query: tuple[Query, ...] = ()
    body: Any = None


async def _program(_call: Call) -> ProgramInfo:
    return ProgramInfo(mesh.__version__, os.getpid())


async def _status(call: Call) -> MeshStatus:
    if call.query["wait"] > 0:
        return await call.service.wait_status(call.query["after"], call.query["wait"])
    return call.service.status()


async def _nodes(call: Call) -> NodeList:
    return NodeList(call.service.status().nodes)


async def _node(call: Call) -> NodeStatus:
    wanted = call.service.find_node(call.path["id"]).hex()
    return next(node for node in call.service.status().nodes if node.node == wanted)


async def _jobs(call: Call) -> JobList:
    choice = JobChoice(call.query["state"], call.query["user"], call.query["last"])
    return JobList(choose(call.service.status().jobs, choice))


async def _job(call: Call) -> JobDetail:
    return call.service.job(call.service.find_job(call.path["id"]))


async def _plan(call: Call) -> JobPlan:
    return await call.service.plan(call.service.find_job(call.path["id"]))


async def _results(call: Call) -> ResultPage:
    return call.service.results(call.service.find_job(call.path["id"]), call.query["after"])


async def _attempts(call: Call) -> AttemptList:
    frame = call.query["frame"]
    return call.service.attempts(call.service.find_job(call.path["id"]), None if frame < 0 else frame)


async def _put_blob(call: Call) -> StoredBlob:
    blob, size = await call.service.put_blob(call.body, call.query["name"])
    return StoredBlob(blob, size)


async def _get_blob(call: Call) -> AsyncIterator[bytes]:
    job = call.service.find_job(call.query["job"])
    return call.service.get_blob(Digest(bytes.fromhex(call.path["digest"])), job)


async def _submit(call: Call) -> SubmitReceipt:
    return await call.service.submit(call.body)


async def _submit_pending(call: Call) -> SubmitReceipt:
    return await call.service.submit_pending(call.body)


async def _act(call: Call) -> JobStatus:
    job = call.service.find_job(call.path["id"])
    await call.service.act(job, JobAction(call.path["action"]))
    return call.service.job(job).status


async def _change(call: Call) -> JobStatus:
    job = call.service.find_job(call.path["id"])
    await call.service.change(job, call.body)
    return call.service.job(job).status


async def _invite(call: Call) -> InviteCode:
    return InviteCode(call.service.invite(call.body.uses, call.body.hours))


async def _rotate_key(call: Call) -> RotatedKey:
    return call.service.rotate_key()


async def _leave(call: Call) -> Nothing:
    await call.service.leave()
    return Nothing()


_JOB = "a job's id, the beginning of one, or its name"

ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/program", "The version and process of this node.", _program, ProgramInfo),
    Route(
        "GET",
        "/v1/status",
        "Everything at one moment; with `wait`, as soon as the revision differs from `after`.",
        _status,
        MeshStatus,
        query=(
            Query("after", int, 0, "the revision already seen"),
            Query("wait", float, 0.0, "seconds to wait for a change at most", high=MAX_WAIT),
        ),
    ),
    Route("GET", "/v1/nodes", "Every node known.", _nodes, NodeList),
    Route(
        "GET", "/v1/nodes/{id}", "One node, by name, short id or the beginning of its id.", _node, NodeStatus
    ),
    Route(
        "GET",
        "/v1/jobs",
        "The jobs known, newest first: those that all of the parameters leave.",
        _jobs,
        JobList,
        query=(
            Query("state", JobState, (), "the states of those that are wanted; any where it is missing"),
            Query("user", str, "", "who submitted them: `ada` from anywhere, or `ada@studio`"),
            Query("last", int, 0, "the newest so many; 0 for all"),
        ),
    ),
    Route(
        "POST",
        "/v1/jobs",
        "Submit a job whose files were stored before.",
        _submit,
        SubmitReceipt,
        body=SubmitRequest,
    ),
    Route(
        "POST",
        "/v1/pending-jobs",
        "Submit a job as soon as all files of its scene are there, read by the node from where they are said to be.",
        _submit_pending,
        SubmitReceipt,
        body=PendingRequest,
    ),
    Route("GET", "/v1/jobs/{id}", "One job, frame by frame; `id` is " + _JOB + ".", _job, JobDetail),
    Route(
        "GET",
        "/v1/jobs/{id}/plan",
        "What a job renders and how; its scene's files are blobs of the job.",
        _plan,
        JobPlan,
    ),
    Route(
        "GET",
        "/v1/jobs/{id}/results",
        "What was rendered, in the order this node learned of it.",
        _results,
        ResultPage,
        query=(Query("after", int, 0, "the cursor of the page before"),),
    ),
    Route(
        "GET",
        "/v1/jobs/{id}/attempts",
        "All tries at one frame, failed ones first; without `frame`, every failed try of the job. And those under way.",
        _attempts,
        AttemptList,
        query=(Query("frame", int, -1, "the frame's number", low=-1),),
    ),
    Route(
        "POST",
        "/v1/jobs/{id}/change",
        "Change a job's priority, category, tags, nodes or frames while it runs.",
        _change,
        JobStatus,
        body=JobChange,
    ),
    Route("POST", "/v1/jobs/{id}/{action}", "Cancel, pause, resume or retry a job.", _act, JobStatus),
    Route(
        "POST",
        "/v1/blobs",
        "Store bytes; answers with the name to submit them under.",
        _put_blob,
        StoredBlob,
        query=(Query("name", str, "", "the file's name, a hint at its format"),),
        body=BYTES,
    ),
    Route(
        "GET",
        "/v1/blobs/{digest}",
        "A blob's bytes, fetched from other nodes where this one lacks them.",
        _get_blob,
        BYTES,
        query=(Query("job", str, "", _JOB + " that the blob belongs to"),),
    ),
    Route(
        "POST",
        "/v1/invites",
        "Make a code that lets other machines join.",
        _invite,
        InviteCode,
        body=InviteRequest,
    ),
    Route(
        "POST",
        "/v1/rotate-key",
        "Replace the key that seals gossip, without a pause.",
        _rotate_key,
        RotatedKey,
    ),
    Route("POST", "/v1/leave", "Hand back work, tell the others, and stop this node.", _leave, Nothing),
)

EVENTS_PATH = "/v1/events"
EVENTS_ABOUT = "A WebSocket that sends every event after number `after` as one JSON object each."
EVENTS_ANSWER = EventStatus
DOCUMENT_PATH = "/v1/openapi.json"

PATH_PATTERNS = {"digest": "[0-9a-f]{64}", "action": "|".join(action.value for action in JobAction)}
"""What a path parameter may be; anything without slashes where none is given."""
