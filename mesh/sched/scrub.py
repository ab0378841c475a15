"""Looks whether the pixels that this node vouches for are on its disk, and says so where they are not.

After a start, and whenever the disk turned out to be damaged, every copy is asked for as if it were to be
fetched: what is here is found at once, what can be had from another holder is mended, and of the rest the
ledger is told. A result that nobody holds any more does not count, and is rendered again. Of those whose holders
are all away see `reach.py`.
"""

from __future__ import annotations

from collections import deque

from mesh.model.ids import Digest, JobId
from mesh.sched.books import Books
from mesh.sched.core import Core
from mesh.sched.job import Job
from mesh.sched.news import PixelsLost
from mesh.wire.effects import Fetch
from mesh.wire.ledger import Entry, HolderFact

_AT_ONCE = 8


class Scrub:
    def __init__(self, core: Core, books: Books) -> None:
        self._core = core
        self._books = books
        self._waiting: deque[tuple[JobId, Digest]] = deque()
        self._asked: dict[Digest, JobId] = {}
        self._lost: dict[JobId, int] = {}

    def begin(self) -> None:
        """Looks at everything; what is waiting to be looked at already stays."""
        waiting = {*self._waiting, *((job, pixels) for pixels, job in self._asked.items())}
        for job in self._core.jobs.values():
            if not job.cancelled:
                fresh = ((job.id, pixels) for pixels in job.copies)
                self._waiting.extend(one for one in fresh if one not in waiting)
        self._pump()

    def on_blob(self, root: Digest, *, here: bool) -> None:
        job_id = self._asked.pop(root, None)
        if job_id is None:
            return
        job = self._core.jobs.get(job_id)
        if job is not None and root in job.copies:
            if not here:
                self._lose(job, root)
            elif job.facts.holders.has_lost(self._core.me, root):
                self._books.append(job, Entry(holder=job.facts.holders.vouch(self._core.me, root)))
        self._pump()

    def _lose(self, job: Job, pixels: Digest) -> None:
        del job.copies[pixels]
        self._core.persist(job.id, ("copy", pixels.hex()), None)
        self._books.append(job, Entry(holder=HolderFact(pixels, held=False)))
        self._lost[job.id] = self._lost.get(job.id, 0) + 1

    def _pump(self) -> None:
        core = self._core
        while self._waiting and len(self._asked) < _AT_ONCE:
            job_id, pixels = self._waiting.popleft()
            job = core.jobs.get(job_id)
            if job is None or pixels not in job.copies or pixels in self._asked:
                continue
            self._asked[pixels] = job_id
            others = tuple(sorted(node for node in job.copies[pixels].others if node in core.peers))
            core.out.append(Fetch(pixels, others))
        if not self._waiting and not self._asked:
            for lost, count in self._lost.items():
                core.notify(PixelsLost(lost, count))
            self._lost.clear()
