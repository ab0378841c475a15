"""The states of a member and the one table of how they change; `tools/draw_tables.py` draws it.

`NodeState` is what people see; here None stands for a node that is not known.
"""

from __future__ import annotations

from enum import Enum

from mesh.model.status import NodeState


class Fact(Enum):
    """Something that was learned of a member."""

    NEWER_CLAIM = "newer claim"
    """It speaks: a newer incarnation, or a newer life."""
    GOODBYE = "goodbye"
    """Its newest claim says that it left."""
    ACCUSED = "accused"
    """A valid accusation of its present incarnation."""
    CONVICTED = "convicted"
    """The suspicion ran out, and a quorum shared it."""
    ACQUITTED = "acquitted"
    """The suspicion ran out, and too few shared it."""
    FORGOTTEN = "forgotten"
    """Gone for so long that it is no longer remembered."""


TRANSITIONS: dict[tuple[NodeState | None, Fact], NodeState | None] = {
    (None, Fact.NEWER_CLAIM): NodeState.ALIVE,
    (None, Fact.GOODBYE): NodeState.LEFT,
    (NodeState.ALIVE, Fact.NEWER_CLAIM): NodeState.ALIVE,
    (NodeState.ALIVE, Fact.GOODBYE): NodeState.LEFT,
    (NodeState.ALIVE, Fact.ACCUSED): NodeState.SUSPECT,
    (NodeState.SUSPECT, Fact.NEWER_CLAIM): NodeState.ALIVE,
    (NodeState.SUSPECT, Fact.GOODBYE): NodeState.LEFT,
    (NodeState.SUSPECT, Fact.ACCUSED): NodeState.SUSPECT,
    (NodeState.SUSPECT, Fact.CONVICTED): NodeState.DEAD,
    (NodeState.SUSPECT, Fact.ACQUITTED): NodeState.ALIVE,
    (NodeState.DEAD, Fact.NEWER_CLAIM): NodeState.ALIVE,
    (NodeState.DEAD, Fact.GOODBYE): NodeState.LEFT,
    (NodeState.DEAD, Fact.ACCUSED): NodeState.DEAD,
    (NodeState.DEAD, Fact.FORGOTTEN): None,
    (NodeState.LEFT, Fact.NEWER_CLAIM): NodeState.ALIVE,
    (NodeState.LEFT, Fact.GOODBYE): NodeState.LEFT,
    (NodeState.LEFT, Fact.FORGOTTEN): None,
}


class IllegalTransition(Exception):
    """A mistake in our own code: the table has no such change."""


def after(state: NodeState | None, fact: Fact) -> NodeState | None:
    """The state that follows. Raises IllegalTransition."""
    try:
        return TRANSITIONS[state, fact]
    except KeyError:
        raise IllegalTransition(f"{fact} in {state}") from None
