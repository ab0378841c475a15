"""User quotas: at most so many nodes work for one person's jobs at a time. Off where the number is 0.

Which nodes those are, all compute alike by rendezvous hashing of the user among the nodes that could render
any of the user's jobs, one user after the other, those first that fewest others have; so no master counts, and
a node that is not among them simply does not ask for work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable

from mesh.model.ids import NodeId
from mesh.model.manifest import Manifest
from mesh.sched.core import Core
from mesh.sched.job import Job
from mesh.sched.peers import rendezvous


def user_of(manifest: Manifest) -> str:
    """Whose job it is, whichever machine it was submitted from."""
    return manifest.submitter.partition("@")[0]


class Quotas:
    def __init__(self, core: Core) -> None:
        self._core = core
        self._key: Hashable = None
        self._nodes: dict[str, frozenset[NodeId]] = {}

    def allows(self, job: Job, node: NodeId) -> bool:
        """Whether `node` is one of those that may work for the job's owner."""
        if not self._core.config.user_nodes:
            return True
        self._refresh()
        return node in self._nodes.get(user_of(job.manifest), ())

    def _refresh(self) -> None:
        core = self._core
        jobs = [job for job in core.jobs.values() if not job.ended and not job.paused]
        key = (
            core.peers.version,
            core.capacity,
            core.leaving,
            tuple((job.id, job.edits.brief(), job.blocked, job.distrusted) for job in jobs),
        )
        if key == self._key:
            return
        self._key = key
        able: dict[str, dict[NodeId, None]] = {}
        for job in jobs:
            nodes = able.setdefault(user_of(job.manifest), {})
            nodes.update(dict.fromkeys(core.other_able(job)))
            if core.i_can_render(job):
                nodes[core.me] = None
        taken: dict[NodeId, int] = {}
        self._nodes = {}
        for user in sorted(able):
            name = hashlib.sha256(user.encode()).digest()
            ranked = rendezvous(name, able[user], len(able[user]))
            chosen = sorted(ranked, key=lambda node: taken.get(node, 0))[: core.config.user_nodes]
            self._nodes[user] = frozenset(chosen)
            for node in chosen:
                taken[node] = taken.get(node, 0) + 1
