"""How jobs and edits reach every node, and who keeps a job's ledger.

A job's offer goes to all of a small mesh, and down a tree in a large one (`dealing.py`). Edits are passed on
by each node that learns something from them, to all or to a few at random. Lists of known jobs, compared
with a few peers half a second after a job was heard of, with a random one every few seconds, and with every
newcomer, mend what that misses (Demers et al. 1987: rumours backed by anti-entropy).
"""

from __future__ import annotations

from mesh.model.ids import JobId, NodeId
from mesh.sched.books import Books
from mesh.sched.convictions import ConvictionBook
from mesh.sched.core import Core
from mesh.sched.dealing import Part, alone, deal, node_of
from mesh.sched.job import Job
from mesh.sched.news import EditRefused, JobChanged, JobEdited, JobRefused
from mesh.sched.peers import rendezvous
from mesh.sched.rights import Rights
from mesh.wire.jobs import Edit, EditName, JobBrief, JobEdits, JobOffer, JobsKnown, JobWanted
from mesh.wire.records import JobRecord

_MAX_BRIEFS = 4096
_MAX_REFUSED = 256
_URGENT = (EditName.CANCELLED, EditName.PAUSED)
"""What is to stop all nodes at once."""
_MAX_INHERITED = 8
"""Stretches of the row that a node answers for in one job: its own, and those of heads that were not there."""
_ABOVE_ALL = b"\xff" * 512
"""Above every key in the row."""


class Spread:
    def __init__(self, core: Core, books: Books, rights: Rights, convictions: ConvictionBook) -> None:
        self._core = core
        self._books = books
        self._rights = rights
        self._convictions = convictions
        self._refused: dict[tuple[JobId, NodeId, NodeId], None] = {}
        """Forged edits that people were told of: they come again and again."""

    # --- jobs ---------------------------------------------------------------------------------------

    def announce(self, job: Job) -> None:
        """Has all others told of a job that begins here."""
        row = self._core.peers.row(b"", _ABOVE_ALL)
        few = len(row) <= self._core.config.spread_all
        keepers = [key for key in row if node_of(key) in job.keepers]
        told = row if few else keepers
        self._hand_out(job, [alone(key) for key in told] + ([] if few else self._cut(job, row)))

    def pass_on(self, job: Job, low: bytes, high: bytes) -> None:
        """Has all nodes in a stretch of the row told, and counts on having work for them soon."""
        self._hand_out(job, self._cut(job, self._core.peers.row(low, high)))

    def _cut(self, job: Job, row: list[bytes]) -> list[Part]:
        """Keepers are told by the submitter, for the job is safe only once they know of it."""
        core = self._core
        rest = [key for key in row if node_of(key) not in job.keepers]
        return deal(rest, core.capacity.site)

    def _hand_out(self, job: Job, parts: list[Part]) -> None:
        core = self._core
        for part in parts:
            job.heirs[part.head] = part.count
            core.send(part.head, self._offer(job, part.low, part.high))
        core.wake(("dealt", job.id), core.now + core.config.deal_seconds)
        core.wake(("rumour", job.id), core.now + core.config.rumour_seconds)

    def on_dealt(self, job: Job) -> None:
        """Who has not asked for its part by now may steal it."""
        job.patron = None
        job.heirs.clear()

    def rumour(self, job: Job) -> None:
        """By now all should know of the job: those who do not are found by chance."""
        core = self._core
        if len(core.peers) > core.config.spread_all:
            for node in core.peers.sample(core.rng, core.config.spread):
                core.send(node, JobEdits(job.id, job.edits.all()))

    def on_offer(self, sender: NodeId, offer: JobOffer) -> Job | None:
        """Returns the job if it is new."""
        core = self._core
        job = core.jobs.get(offer.job)
        if job is not None:
            self.on_edits(job, sender, offer.edits)
            self._inherit(job, sender, offer)
            return None
        record = JobRecord(offer.manifest, offer.policy, offer.submitter, offer.signature)
        if not self._rights.may_submit(offer.job, record):
            core.notify(JobRefused(offer.job, offer.manifest.name, sender))
            return None
        job = self._books.open(record, offer.job)
        added = job
        job.edits.join(offer.edits, lambda edit: self._may(added, sender, edit))
        self._books.write_down(job)
        self._books.write_edits(job)
        self._books.retried(job)
        self._inherit(job, sender, offer)
        return job

    def _inherit(self, job: Job, sender: NodeId, offer: JobOffer) -> None:
        """Answers for a stretch of the row, if the offer came with one."""
        if offer.low < offer.high and not job.ended and job.inherited < _MAX_INHERITED:
            job.inherited += 1
            job.patron = sender if self._core.i_can_render(job) else None
            self.pass_on(job, offer.low, offer.high)

    def on_offer_failed(self, job: Job, to: NodeId, offer: JobOffer) -> None:
        """A head cannot be reached: others take its place."""
        core = self._core
        job.heirs.pop(to, None)
        row = [key for key in core.peers.row(offer.low, offer.high) if node_of(key) != to]
        if row and not job.ended:
            self._hand_out(job, self._cut(job, row))

    def roll_call(self) -> None:
        """Compares the list of jobs with one random peer."""
        for node in self._core.peers.sample(self._core.rng, 1):
            self._core.send(node, self._known(answer=True))

    def greet(self, node: NodeId) -> None:
        """A node has come: it may know jobs, or need to."""
        core = self._core
        few = len(core.peers) <= core.config.spread_all
        if few or core.jobs:
            core.send(node, self._known(answer=few))

    def on_known(self, sender: NodeId, known: JobsKnown) -> None:
        core = self._core
        theirs = {brief.job: brief.edits for brief in known.jobs}
        for job in core.jobs.values():
            if job.id not in theirs:
                core.send(sender, self._offer(job))
            elif theirs[job.id] != job.edits.brief():
                core.send(sender, JobEdits(job.id, job.edits.all()))
        unknown = [job_id for job_id in theirs if job_id not in core.jobs]
        for job_id in unknown:
            self.ask_for(sender, job_id)
        other_convictions = known.convictions != self._convictions.brief()
        if other_convictions:
            self._convictions.answer(sender)
        if known.answer and (
            unknown
            or other_convictions
            or any(
                brief.job in core.jobs and core.jobs[brief.job].edits.brief() != brief.edits
                for brief in known.jobs
            )
        ):
            core.send(sender, self._known(answer=False))

    def ask_for(self, node: NodeId, job_id: JobId) -> None:
        if job_id not in self._core.dropped:
            self._core.send(node, JobWanted(job_id))

    def on_wanted(self, sender: NodeId, job: Job) -> None:
        self._core.send(sender, self._offer(job))

    def _offer(self, job: Job, low: bytes = b"", high: bytes = b"") -> JobOffer:
        edits = job.edits.all()
        return JobOffer(job.id, job.manifest, job.policy, job.submitter, job.signature, edits, low, high)

    def _known(self, answer: bool) -> JobsKnown:
        jobs = list(self._core.jobs.values())[-_MAX_BRIEFS:]
        return JobsKnown(
            tuple(JobBrief(job.id, job.edits.brief()) for job in jobs), answer, self._convictions.brief()
        )

    def _audience(self, job: Job, sender: NodeId | None, urgent: bool) -> list[NodeId]:
        """Whom to pass edits on to: everybody in a small mesh; else the keepers and a few at random. What is
        urgent goes more ways than one, for any connection may stand still for a second where packets are
        lost; keepers tell all who work on the job."""
        core = self._core
        if sender is None and len(core.peers) <= core.config.spread_all:
            return core.peers.nodes()
        nodes: list[NodeId] = []
        if urgent or len(core.peers) > core.config.spread_all:
            nodes = core.peers.sample(core.rng, core.config.spread)
        if sender is None:
            nodes += core.live_keepers(job)
        if urgent and core.keeps(job):
            nodes += [node for node, claim in job.claims.items() if claim.spans and node in core.peers]
        return [node for node in dict.fromkeys(nodes) if node != sender]

    # --- edits --------------------------------------------------------------------------------------

    def write(
        self,
        job: Job,
        name: EditName,
        subject: bytes = b"",
        number: int = 0,
        words: tuple[str, ...] = (),
        nodes: tuple[NodeId, ...] = (),
    ) -> None:
        """Writes a register here and has everybody told."""
        edit = job.edits.draft(self._core.me, name, subject, number, words, nodes)
        self._edited(job, None, job.edits.join([self._rights.sign_edit(job.id, edit)]))

    def on_edits(self, job: Job, sender: NodeId, edits: tuple[Edit, ...]) -> None:
        news = job.edits.join(edits, lambda edit: self._may(job, sender, edit))
        if news:
            self._edited(job, sender, news)

    def _may(self, job: Job, sender: NodeId, edit: Edit) -> bool:
        """Whether the edit counts; where it does not, people are told who passed it on."""
        if self._rights.may_edit(job.id, job.submitter, edit):
            return True
        refused = (job.id, edit.author, sender)
        if refused not in self._refused and len(self._refused) < _MAX_REFUSED:
            self._refused[refused] = None
            self._core.notify(EditRefused(job.id, edit, sender))
        return False

    def _edited(self, job: Job, sender: NodeId | None, news: list[Edit]) -> None:
        core = self._core
        self._books.write_edits(job)
        self._books.edited(job)
        core.touch(job)
        for edit in news:
            if edit.name is not EditName.KEEPERS:
                core.notify(JobEdited(job.id, edit))
                core.notify(JobChanged(job.id))
        message = JobEdits(job.id, job.edits.all())
        urgent = any(edit.name in _URGENT for edit in news)
        for node in self._audience(job, sender, urgent):
            core.send(node, message)

    # --- keepers ------------------------------------------------------------------------------------

    def appoint(self, job: Job) -> None:
        """Sees to it that enough live nodes keep the ledger. The first live keeper does that; where none
        is left, everybody who notices, and the newest word wins."""
        core = self._core
        old = job.keepers
        first = next((node for node in old if core.alive(node)), None)
        if first not in (None, core.me):
            return
        best = self._best_keepers(job)
        if set(best) != set(old):
            self.write(job, EditName.KEEPERS, nodes=tuple(best))

    def _best_keepers(self, job: Job) -> list[NodeId]:
        core = self._core
        count = core.config.keepers
        chosen = [node for node in job.keepers if core.alive(node)]
        if core.alive(job.submitter) and job.submitter not in chosen:
            chosen.insert(0, job.submitter)
        if not chosen:
            chosen.append(core.me)
        if len(chosen) < count:
            free = [node for node in core.peers.nodes() if node not in chosen]
            chosen += rendezvous(job.id, free, count - len(chosen))
        return chosen[: max(count, 1)]
