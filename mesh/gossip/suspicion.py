"""One suspicion: who shares it, and when it becomes a conviction (Lifeguard, section 4.2).

It starts with the longest patience and loses some with each independent accuser, because a suspicion that
nobody confirms is more likely the fault of the one who has it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mesh.gossip.formulas import suspicion_timeout
from mesh.model.ids import Boot
from mesh.wire.gossip import Accusation, Handle


@dataclass(slots=True)
class Suspicion:
    version: tuple[Boot, int]
    """The life and incarnation accused; any newer claim ends the suspicion."""
    start: float
    least: float
    longest: float
    wanted: int
    """Independent confirmations, beside the first accuser, that bring it down to `least`."""
    accusations: dict[Handle, Accusation] = field(default_factory=dict)
    """By accuser, first come first."""
    appealed: bool = False
    """Whether others were asked for an objection that we may have missed."""
    not_before: float = 0.0
    """No conviction earlier than this: we were not there to hear an objection."""

    def add(self, accusation: Accusation) -> bool:
        """Notes an accusation. Returns False where its accuser is known, or where there are enough."""
        if accusation.accuser in self.accusations or len(self.accusations) > self.wanted:
            return False
        self.accusations[accusation.accuser] = accusation
        return True

    @property
    def deadline(self) -> float:
        """When it becomes a conviction, if nothing happens until then."""
        confirmed = len(self.accusations) - 1
        patience = suspicion_timeout(self.least, self.longest, confirmed, self.wanted)
        return max(self.start + patience, self.not_before)
