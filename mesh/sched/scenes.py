"""Having a job's scene where it is needed: to render, and so that a submission outlives its submitter.

Every node that may render a job fetches its scene as soon as it knows the job, so that nobody sits on
claimed work while downloading. The submitter also asks a few nodes to keep it, able to render or not.
"""

from __future__ import annotations

from mesh.model.ids import Digest, NodeId
from mesh.sched.books import Books
from mesh.sched.core import Core
from mesh.sched.job import Job, SceneState
from mesh.sched.news import JobDurable
from mesh.sched.peers import rendezvous
from mesh.wire.copies import KeepScene, SceneKept
from mesh.wire.effects import Fetch, Pin
from mesh.wire.ledger import Entry, SceneFact

_HOLDERS = 16
_AGAIN_SECONDS = 3.0


class Scenes:
    def __init__(self, core: Core, books: Books) -> None:
        self._core = core
        self._books = books

    def want(self, job: Job) -> None:
        """Fetches the scene if this node has use for it."""
        core = self._core
        if job.scene is not SceneState.ABSENT or job.ended:
            return
        if core.i_can_render(job) or job.scene_asked:
            job.scene = SceneState.FETCHING
            root = job.manifest.scene_root
            core.out.append(Pin(job.id, root))
            core.out.append(Fetch(root, self._holders(job)))

    def on_blob(self, root: Digest, here: bool) -> list[Job]:
        """Returns the jobs whose scene has just come."""
        core = self._core
        ready = []
        for job in core.jobs.values():
            if job.manifest.scene_root != root or job.scene is not SceneState.FETCHING:
                continue
            core.touch(job)
            if not here:
                job.scene = SceneState.ABSENT
                core.wake(("scene", job.id), core.now + _AGAIN_SECONDS)
                continue
            self.have(job)
            for asker in job.scene_askers:
                core.send(asker, SceneKept(job.id, kept=True))
            job.scene_askers.clear()
            ready.append(job)
        return ready

    def have(self, job: Job) -> None:
        """The scene is on this disk."""
        job.scene = SceneState.HERE
        self._books.append(job, Entry(scene=SceneFact(held=True)))

    def gone(self, job: Job) -> None:
        """What was here cannot be read from this disk: it is fetched again, from whoever has it."""
        if job.scene is SceneState.HERE:
            job.scene = SceneState.ABSENT
            self._books.append(job, Entry(scene=SceneFact(held=False)))

    # --- durability of a submission -----------------------------------------------------------------

    def make_durable(self, job: Job) -> None:
        """The submitter's side: asks until enough other nodes keep manifest and scene."""
        core = self._core
        if job.submitter != core.me or job.ended:
            return
        live = [node for node in job.durable_on if node in core.peers]
        enough = min(core.config.scene_copies, len(core.peers))
        if len(live) >= enough:
            if not job.durable and live:
                job.durable = True
                core.touch(job)
                core.notify(JobDurable(job.id, tuple(live)))
            return
        waiting = [node for node in job.asked_to_keep if node in core.peers and node not in job.durable_on]
        able = core.other_able(job)
        fresh = [node for node in able or core.peers.nodes() if node not in job.asked_to_keep]
        fresh = fresh or [node for node in core.peers.nodes() if node not in job.asked_to_keep]
        for node in rendezvous(job.id, fresh, enough - len(live) - len(waiting)):
            job.asked_to_keep[node] = None
            core.send(node, KeepScene(job.id))

    def on_keep(self, job: Job, sender: NodeId) -> None:
        if job.scene is SceneState.HERE:
            self._core.send(sender, SceneKept(job.id, kept=True))
            return
        job.scene_asked = True
        job.scene_askers[sender] = None
        self.want(job)

    def on_kept(self, job: Job, sender: NodeId, kept: bool) -> None:
        if kept:
            job.durable_on[sender] = None
        self.make_durable(job)

    def on_keep_failed(self, job: Job, to: NodeId) -> None:
        """The request did not arrive; another time, perhaps."""
        job.asked_to_keep.pop(to, None)
        self._core.wake(("durable", job.id), self._core.now + _AGAIN_SECONDS)

    def _holders(self, job: Job) -> tuple[NodeId, ...]:
        """Live nodes that have it, near ones first; the submitter last, for everybody asks it."""
        core = self._core
        known = [node for node in job.facts.scene_holders if node in core.peers]
        if len(known) > _HOLDERS:
            known = core.rng.sample(known, _HOLDERS)
        known.sort(key=self._distance)
        if job.submitter != core.me and job.submitter not in known:
            known.append(job.submitter)
        return tuple(known)

    def _distance(self, node: NodeId) -> float:
        info = self._core.peers.get(node)
        return 1.0 if info is None or info.rtt is None else info.rtt
