"""SWIM as it was before Lifeguard, as the control of experiments: what one node confirms, all believe.

The product has no message that says "dead". Plain SWIM does (Das et al., section 4.2: Confirm), and most
of its false deaths come of it. The control is a Membership with our additions off, in which an accusation
by nobody stands for Confirm.
"""

from __future__ import annotations

from mesh.gossip.detector import Detector
from mesh.gossip.membership import Membership
from mesh.gossip.states import Fact
from mesh.gossip.tribunal import Outcome
from mesh.model.status import NodeState
from mesh.wire.gossip import Accusation, Handle

_NOBODY = Handle(b"")


class _PlainDetector(Detector):
    def accused(self, accusation: Accusation, now: float) -> None:
        target = self._table.get(accusation.target)
        if accusation.accuser != _NOBODY or accusation.target == self._table.me or target is None:
            super().accused(accusation, now)
            return
        state = self._table.state(target.handle)
        confirmed = (accusation.boot, accusation.incarnation) == target.version
        if confirmed and state in (NodeState.ALIVE, NodeState.SUSPECT):
            self._tribunal.dismiss(target.handle)
            self._table.apply(target.handle, Fact.ACCUSED, now)
            self._table.apply(target.handle, Fact.CONVICTED, now)
            self._outcome(target.handle, Outcome.CONVICTED, now)

    def _outcome(self, handle: Handle, outcome: Outcome, now: float) -> None:
        super()._outcome(handle, outcome, now)
        if outcome is Outcome.CONVICTED:
            self._outbox.rumour(Accusation(handle, *self._table[handle].version, _NOBODY, b""), now)


class PlainSwim(Membership):
    """To be run with `config.PLAIN_SWIM`."""

    _detector_class = _PlainDetector
