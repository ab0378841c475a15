"""Whose pixels are to be believed: what audits of results add up to. Pure; the same votes, the same verdict.

An audit renders a piece of somebody's result again and compares. One that differs proves nothing alone, for
either of the two may be wrong: others vote on the same piece. A result is false where at least two, and more
than say the opposite, found it to differ. Whoever published a false result is convicted, and nothing of what
it rendered for the job counts any more; where people let it back in (`mesh include`), only what was found
false does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mesh.model.ids import Digest, NodeId
from mesh.model.units import Unit
from mesh.wire.ledger import AuditFact, ResultFact

QUORUM = 2

ResultKey = tuple[NodeId, Digest]
"""Who published it, and its pixels."""


def is_false(against: int, votes: int) -> bool:
    """What so many votes, and so many of them against it, make of a result."""
    return against >= QUORUM and 2 * against > votes


@dataclass(slots=True)
class Ballot:
    """The votes on one result, by auditor."""

    piece: Unit
    """Of the first vote that differed, or else of the first: what others are to vote on."""
    votes: dict[NodeId, AuditFact] = field(default_factory=dict)

    def against(self) -> list[NodeId]:
        return [node for node, fact in self.votes.items() if not fact.equal]

    @property
    def false(self) -> bool:
        return is_false(len(self.against()), len(self.votes))

    @property
    def disputed(self) -> bool:
        """Somebody found a difference, and it is not settled who is wrong."""
        against = len(self.against())
        return against > 0 and not self.false and len(self.votes) - against < QUORUM


class Verdicts:
    """Of one job."""

    def __init__(self) -> None:
        self.ballots: dict[ResultKey, Ballot] = {}
        self.checked = 0
        """Buckets rendered again."""
        self.confirmed: dict[NodeId, int] = {}
        """Audits of each node's results that found them right."""
        self.convicted: frozenset[NodeId] = frozenset()
        self.pardoned: frozenset[NodeId] = frozenset()
        """Let back in by people."""
        self._contested: dict[ResultKey, Ballot] = {}
        """Those in which somebody found a difference: few, whatever happens to the others."""
        self._false: frozenset[ResultKey] = frozenset()

    def learn(self, auditor: NodeId, fact: AuditFact) -> bool:
        """Takes in a vote, one a result from each auditor; whether other results count now than before."""
        key = (fact.renderer, fact.pixels)
        if auditor == fact.renderer:
            return False
        self.checked += fact.unit.size
        ballot = self.ballots.setdefault(key, Ballot(fact.unit))
        if auditor in ballot.votes:
            return False
        if not fact.equal and key not in self._contested:
            ballot.piece = fact.unit
            self._contested[key] = ballot
        ballot.votes[auditor] = fact
        if fact.equal:
            self.confirmed[fact.renderer] = self.confirmed.get(fact.renderer, 0) + 1
        return key in self._contested and self._judge()

    def pardon(self, nodes: frozenset[NodeId]) -> bool:
        """People let these back in; whether other results count now than before."""
        before = self.convicted - self.pardoned
        self.pardoned = nodes
        return before != self.convicted - self.pardoned

    def counts(self, author: NodeId, pixels: Digest) -> bool:
        """Whether the pixels or sums that `author` signed are to be believed."""
        if author in self.convicted and author not in self.pardoned:
            return False
        return (author, pixels) not in self._false

    def believes(self, author: NodeId, fact: ResultFact) -> bool:
        """Whether a result is true, and what others rendered of it."""
        return self.counts(author, fact.pixels) and all(
            self.counts(part.helper, part.sums) for part in fact.parts
        )

    def outvoted(self, node: NodeId) -> int:
        """How often it found a difference that most others did not."""
        return sum(
            node in ballot.against()
            for ballot in self._contested.values()
            if not ballot.false and not ballot.disputed
        )

    def disputes(self) -> list[tuple[ResultKey, Ballot]]:
        return [(key, ballot) for key, ballot in self._contested.items() if ballot.disputed]

    def _judge(self) -> bool:
        false = frozenset(key for key, ballot in self._contested.items() if ballot.false)
        changed = false != self._false
        self._false = false
        self.convicted = frozenset(author for author, _ in false)
        return changed


def audit_chance(budget: float, unit: int, piece: int, confirmed: int, auditors: int) -> float:
    """The chance with which each of `auditors` nodes looks at a result of `unit` buckets by rendering `piece`
    of them again, so that all together spend about `budget` of the work. Nodes that nothing is known of are
    looked at twice as often, those with a long record half as often; each node decides by its own dice, so
    that nobody can foresee which of its results will be looked at."""
    if auditors <= 0 or piece <= 0:
        return 0.0
    wary = max(0.5, 2.0 / (1.0 + confirmed / 10.0))
    return min(1.0, budget * unit / piece * wary) / auditors
