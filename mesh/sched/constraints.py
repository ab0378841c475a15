"""Which nodes may take part in a job, which reason keeps one out, and what it comes after. Pure; asks nobody."""

from __future__ import annotations

import re
from enum import Enum

from mesh.model.ids import JobId, NodeId
from mesh.sched.events import PeerInfo
from mesh.sched.job import Job
from mesh.wire.gossip import EngineBuild
from mesh.wire.jobs import EditName, Participation

_HEX = re.compile("([0-9a-f]{2}){1,32}")


class Obstacle(Enum):
    """The first thing, in this order, that keeps a node from rendering a job."""

    ENGINE = "engine"
    """It has not the exact build of the job's engine, or renders nothing at all."""
    QUARANTINED = "quarantined"
    """It comes and goes, as gossip has it."""
    NODES = "nodes"
    """The job names other nodes."""
    TAGS = "tags"
    """It lacks a tag that the job asks for."""
    RESERVED = "reserved"
    """It works only for jobs that ask for it, by name or by one of its tags."""
    MEMORY = "memory"
    """It has less than the job asks for, or than its scene turned out to take."""
    EXCLUDED = "excluded"
    """Somebody excluded it by hand."""
    BLOCKED = "blocked"
    """Too many of the job's units failed on it."""
    DISTRUSTED = "distrusted"
    """It was caught with false pixels."""


def nodes_of(job: Job) -> tuple[NodeId, ...]:
    """The nodes that the job is bound to; none for any."""
    edit = job.edits.get(EditName.ON)
    return job.policy.on if edit is None else edit.nodes


def tags_of(job: Job) -> tuple[str, ...]:
    """What a node must carry, all of it."""
    edit = job.edits.get(EditName.TAGS)
    return job.policy.tags if edit is None else edit.words


def after_of(job: Job) -> tuple[JobId, ...]:
    """The jobs that must be done first."""
    edit = job.edits.get(EditName.AFTER)
    if edit is None:
        return job.policy.after
    return tuple(JobId(bytes.fromhex(word)) for word in edit.words if _HEX.fullmatch(word))


def memory_of(job: Job) -> int:
    """Bytes that a node must have: what was asked for, or more where that proved too little, as one node says that has
    not so many."""
    return max(job.policy.memory_bytes, *job.facts.failures.too_small.values(), 0)


def participation(job: Job, node: NodeId) -> Participation:
    """What people have said of the node's part in the job."""
    number = job.edits.number(EditName.EXCLUDED, subject=node)
    return next((one for one in Participation if one.value == number), Participation.JUDGED)


def _lacks_memory(job: Job, peer: PeerInfo) -> bool:
    failures = job.facts.failures
    if peer.memory_bytes:
        needs = max(job.policy.memory_bytes, failures.memory, failures.too_small.get(peer.node, 0))
        return peer.memory_bytes < needs
    return peer.node in failures.too_small


def obstacle(job: Job, peer: PeerInfo) -> Obstacle | None:
    """What keeps `peer` from taking part; None where nothing does."""
    manifest = job.manifest
    if EngineBuild(manifest.engine.value, manifest.engine_build) not in peer.engines:
        return Obstacle.ENGINE
    if peer.quarantined:
        return Obstacle.QUARANTINED
    nodes, tags = nodes_of(job), tags_of(job)
    if nodes and peer.node not in nodes:
        return Obstacle.NODES
    if not set(tags) <= set(peer.tags):
        return Obstacle.TAGS
    if peer.exclusive and not tags and peer.node not in nodes:
        return Obstacle.RESERVED
    if _lacks_memory(job, peer):
        return Obstacle.MEMORY
    if participation(job, peer.node) is Participation.EXCLUDED:
        return Obstacle.EXCLUDED
    if peer.node in job.distrusted:
        return Obstacle.DISTRUSTED
    return Obstacle.BLOCKED if peer.node in job.blocked else None
