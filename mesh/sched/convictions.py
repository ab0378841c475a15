"""Nodes caught with false pixels, as the whole mesh knows them: they get no work of anybody's until people pardon them.

Who follows the ledger of a job in which a result was found false puts the signed findings together and tells
everybody; each node checks them by itself, remembers them over restarts, and passes on what is new to it. So no one
node can convict another, and a liar cannot keep others from hearing of it. What rumours miss is mended where lists
of jobs are compared. Two nodes that have told each other what they know agree, in whatever order that came.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b

from mesh.model.ids import Digest, JobId, NodeId
from mesh.model.units import Unit
from mesh.sched.core import Core
from mesh.sched.job import Job
from mesh.sched.news import ConvictionRefused, NodeConvicted, NodePardoned, SelfConvicted
from mesh.sched.rights import Rights
from mesh.sched.verdicts import QUORUM, Ballot, is_false
from mesh.wire.jobs import Edit, EditName, Participation
from mesh.wire.records import OF_MESH, ConvictionsRecord
from mesh.wire.trust import MAX_CONVICTIONS, MAX_FINDINGS, Conviction, Convictions, Finding

Key = tuple[JobId, NodeId]
"""Where somebody was caught, and who."""

_MAX_REFUSED = 256


class ConvictionBook:
    def __init__(self, core: Core, rights: Rights) -> None:
        self._core = core
        self._rights = rights
        self._known: dict[Key, Conviction] = {}
        self._refused: dict[tuple[NodeId, Key], None] = {}
        """Of what people were told: it comes again and again."""
        self.distrusted: frozenset[NodeId] = frozenset()
        """Who gets no work of any job, as far as nothing else was said of that job."""
        self.on_change: Callable[[], None] = lambda: None
        """What is to follow when `distrusted` has changed."""

    def standing(self, node: NodeId) -> list[Conviction]:
        """What is held against a node: found false, and not pardoned."""
        return [
            known for (_, whom), known in sorted(self._known.items()) if whom == node and is_standing(known)
        ]

    def bars(self, job: JobId, node: NodeId) -> bool:
        """Whether it was caught in this very job, and people have said nothing since."""
        known = self._known.get((job, node))
        return known is not None and is_standing(known)

    def brief(self) -> int:
        """A number that differs where two nodes know something else, nearly always."""
        digest = blake2b(digest_size=7)
        for (job, node), known in sorted(self._known.items()):
            pardon = 0 if known.pardon is None else known.pardon.counter
            digest.update(b"%b%b%d" % (job, node, pardon))
            for finding in known.findings:
                digest.update(b"%b%b%d" % (finding.auditor, finding.fact.pixels, finding.fact.equal))
        return int.from_bytes(digest.digest(), "big") if self._known else 0

    # --- what is new --------------------------------------------------------------------------------

    def found(self, job: Job, node: NodeId, ballot: Ballot) -> None:
        """The ledger of a job shows what was found of a result of `node`: that it is false, or is not after all."""
        known = self._known.get((job.id, node))
        voted_on = next(fact.pixels for fact in ballot.votes.values())
        if not ballot.false and (known is None or _pixels(known) != voted_on):
            return
        findings = [Finding(auditor, fact) for auditor, fact in sorted(ballot.votes.items())]
        # Those against it come first: where there are too many, enough are left.
        findings.sort(key=lambda finding: finding.fact.equal)
        self._take_in([Conviction(job.id, job.submitter, tuple(findings[:MAX_FINDINGS]))], None)

    def pardon(self, job: Job, node: NodeId, edit: Edit) -> None:
        """People let `node` back into the job."""
        known = self._known.get((job.id, node))
        new = known is not None and edit.counter > _after(known) and edit != known.pardon
        if known is not None and new and self._is_pardon(known, node, edit):
            self._take_in([replace(known, pardon=edit)], None)

    def hear(self, sender: NodeId, told: Convictions) -> None:
        sound = [
            one for one in told.convictions if self._known.get(_key(one)) == one or self._check(sender, one)
        ]
        self._take_in(sound, sender)

    def answer(self, to: NodeId) -> None:
        """`to` knows something else."""
        self._core.send(to, Convictions(self.known()))

    def known(self) -> tuple[Conviction, ...]:
        return tuple(self._known.values())

    def restore(self, record: ConvictionsRecord) -> None:
        """What an earlier life wrote: it was checked then."""
        self._known = {_key(one): one for one in record.convictions}
        self._see()

    def _take_in(self, told: list[Conviction], sender: NodeId | None) -> None:
        core = self._core
        news = []
        for one in told:
            key = _key(one)
            mine = self._known.get(key)
            joined = one if mine is None else _join(mine, one)
            if joined == mine or (mine is None and not self._make_room()):
                continue
            self._known[key] = joined
            news.append(joined)
            self._tell_people(key[1], mine, joined)
        if not news:
            return
        core.persist(OF_MESH, ("convictions",), ConvictionsRecord(self.known()))
        few = len(core.peers) <= core.config.spread_all
        audience = core.peers.nodes() if few else core.peers.sample(core.rng, core.config.spread)
        # Whom it concerns is to hear of it soon: its owner can do something about it.
        concerned = [node for one in news if (node := _key(one)[1]) in core.peers]
        for to in dict.fromkeys([*audience, *concerned]):
            if to != sender:
                core.send(to, Convictions(tuple(news)))
        self._see()

    def _make_room(self) -> bool:
        """What is pardoned is forgotten where there is too much of it. False where nothing is."""
        if len(self._known) < MAX_CONVICTIONS:
            return True
        pardoned = next((key for key, known in self._known.items() if not is_standing(known)), None)
        if pardoned is not None:
            del self._known[pardoned]
        return pardoned is not None

    def _see(self) -> None:
        before = self.distrusted
        self.distrusted = frozenset(node for (_, node), known in self._known.items() if is_standing(known))
        if self.distrusted != before:
            self.on_change()

    def _tell_people(self, node: NodeId, before: Conviction | None, after: Conviction) -> None:
        core = self._core
        stood, stands = before is not None and is_standing(before), is_standing(after)
        if stands and not stood:
            unit, witnesses = case(after)
            if node == core.me:
                core.notify(SelfConvicted(after.job, unit, witnesses))
            else:
                core.notify(NodeConvicted(after.job, node, unit, witnesses))
        elif stood and not stands:
            core.notify(NodePardoned(after.job, node, None if after.pardon is None else after.pardon.author))

    # --- whether it is true -------------------------------------------------------------------------

    def _check(self, sender: NodeId, one: Conviction) -> bool:
        """Whether all of a conviction is signed by who it names; where not, people are told who passed it on."""
        if not one.findings:
            return False
        node = one.findings[0].fact.renderer
        auditors = [finding.auditor for finding in one.findings]
        sound = (
            len(set(auditors)) == len(auditors)
            and node not in auditors
            and len({(finding.fact.renderer, finding.fact.pixels) for finding in one.findings}) == 1
            and len(_against(one)) >= QUORUM
            and all(
                self._rights.has_found(one.job, one.submitter, finding.auditor, finding.fact)
                for finding in one.findings
            )
            and (one.pardon is None or self._is_pardon(one, node, one.pardon))
        )
        refused = (sender, (one.job, node))
        if not sound and refused not in self._refused and len(self._refused) < _MAX_REFUSED:
            self._refused[refused] = None
            self._core.notify(ConvictionRefused(one.job, node, sender))
        return sound

    def _is_pardon(self, one: Conviction, node: NodeId, edit: Edit) -> bool:
        """Whether people who may say so have let `node` in."""
        said = (edit.name, edit.subject, edit.number)
        meant = (EditName.EXCLUDED, node, Participation.INCLUDED.value)
        return said == meant and self._rights.may_pardon(one.job, one.submitter, node, edit)


def is_standing(one: Conviction) -> bool:
    """A pardon does not cover what was found after it."""
    pardoned = one.pardon is not None and one.pardon.counter > _after(one)
    return not pardoned and _found_false(one)


def _found_false(one: Conviction) -> bool:
    return is_false(len(_against(one)), len(one.findings))


def case(one: Conviction) -> tuple[Unit, tuple[NodeId, ...]]:
    """What of the result was found false, and by whom."""
    against = _against(one)
    return against[0].fact.unit, tuple(finding.auditor for finding in against)


def _against(one: Conviction) -> list[Finding]:
    return [finding for finding in one.findings if not finding.fact.equal]


def _after(one: Conviction) -> int:
    return min((finding.fact.after for finding in _against(one)), default=0)


def _key(one: Conviction) -> Key:
    return one.job, one.findings[0].fact.renderer


def _join(mine: Conviction, theirs: Conviction) -> Conviction:
    """The same whichever of the two was there first. Of two results that a node falsified in one job, the one
    counts that was found later, by what people had said until then. Who says both counts as having said the better."""
    pardons = [one.pardon for one in (mine, theirs) if one.pardon is not None]
    pardon = max(pardons, key=lambda edit: (edit.counter, edit.author, edit.proof), default=None)
    if _pixels(mine) != _pixels(theirs):
        return replace(max(mine, theirs, key=_weight), pardon=pardon)
    votes: dict[NodeId, Finding] = {}
    for finding in sorted([*mine.findings, *theirs.findings], key=_rank):
        votes.setdefault(finding.auditor, finding)
    findings = sorted(votes.values(), key=lambda finding: (finding.fact.equal, finding.auditor))
    return Conviction(mine.job, mine.submitter, tuple(findings[:MAX_FINDINGS]), pardon)


def _weight(one: Conviction) -> tuple[bool, int, Digest]:
    return _found_false(one), _after(one), _pixels(one)


def _rank(finding: Finding) -> tuple[bool, int, bytes]:
    return not finding.fact.equal, finding.fact.after, finding.fact.proof


def _pixels(one: Conviction) -> Digest:
    return one.findings[0].fact.pixels
