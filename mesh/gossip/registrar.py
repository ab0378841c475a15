"""Takes in what nodes say of themselves, forgets those long gone, and shows members to the outside.

The only place where a newer record replaces an older one, and so where members come, change, come back,
are reborn or leave.
"""

from __future__ import annotations

from mesh.gossip.claims import Known, Opener, node_of
from mesh.gossip.config import GossipConfig
from mesh.gossip.events import (
    DownReason,
    IdentityClash,
    Member,
    MemberChanged,
    MemberCleared,
    MemberDown,
    MemberReleased,
    MemberUp,
)
from mesh.gossip.outbox import Outbox
from mesh.gossip.probing import Prober
from mesh.gossip.publishing import Publisher
from mesh.gossip.states import Fact
from mesh.gossip.story import Story
from mesh.gossip.syncing import Syncer
from mesh.gossip.table import Table
from mesh.gossip.tribunal import Tribunal
from mesh.model.ids import Boot
from mesh.model.status import NodeState
from mesh.wire.gossip import Handle, Record, handle_of


class Registrar:
    def __init__(
        self,
        config: GossipConfig,
        open_record: Opener,
        publisher: Publisher,
        table: Table,
        outbox: Outbox,
        tribunal: Tribunal,
        prober: Prober,
        syncer: Syncer,
        story: Story,
    ) -> None:
        self._config = config
        self._open = open_record
        self._publisher = publisher
        self._table = table
        self._outbox = outbox
        self._tribunal = tribunal
        self._prober = prober
        self._syncer = syncer
        self._story = story
        self._seen: dict[Handle, float] = {}
        self._clashes: set[Boot] = set()

    def learn(self, record: Record, now: float, *, rumour: bool = True) -> None:
        """Takes in a record, and rumours it if it was news. False and outdated ones change nothing."""
        known = self._open_if_new(record)
        if known is None:
            return
        handle, old = known.handle, self._table.get(known.handle)
        if handle == self._table.me:
            self._myself(known)
            return
        if old is not None and (old.node != known.node or known.version <= old.version):
            return
        if old is None and len(self._table) >= self._config.max_members:
            return
        state = self._table.state(handle)
        self._tribunal.dismiss(handle)
        fact = Fact.GOODBYE if known.claim.left else Fact.NEWER_CLAIM
        self._table.apply(handle, fact, now, known)
        self._syncer.changed()
        self._seen[handle] = now
        if rumour:
            self._outbox.rumour(record, now)
        self._tell_change(state, old, known, now)

    def _open_if_new(self, record: Record) -> Known | None:
        """The record opened; None where it is false, or known already, which spares checking its signature."""
        old = self._table.get(handle_of(node_of(record.public_key)))
        return None if old is not None and old.record == record else self._open(record)

    def _myself(self, known: Known) -> None:
        """Somebody told us what we said. If we did not say it, somebody else has our key."""
        if known.version > self._publisher.version and known.claim.boot not in self._clashes:
            self._clashes.add(known.claim.boot)
            self._outbox.notify(IdentityClash(known.claim.address))

    def _tell_change(self, state: NodeState | None, old: Known | None, known: Known, now: float) -> None:
        notify, node, boot = self._outbox.notify, known.node, known.claim.boot
        self._story.tell(now, known.handle, "left" if known.claim.left else "claimed", str(known.version))
        was_live = state in (NodeState.ALIVE, NodeState.SUSPECT)
        if known.claim.left:
            if was_live and old is not None:
                notify(MemberDown(node, old.claim.boot, DownReason.LEFT))
            self._tribunal.quarantine.forget(known.handle)
            return
        if old is not None and old.claim.boot != boot and was_live:
            notify(MemberDown(node, old.claim.boot, DownReason.REPLACED))
            was_live = False
        if not was_live:
            notify(MemberUp(node, boot))
            return
        if state is NodeState.SUSPECT and known.handle not in self._tribunal.quarantine:
            notify(MemberCleared(node))
        if old is not None and _appearance(old) != _appearance(known):
            notify(MemberChanged(node))

    def sign_of_life(self, handle: Handle, now: float) -> None:
        if self._table.get(handle) is not None:
            self._seen[handle] = now

    def tidy(self, now: float) -> None:
        """Releases the calm from quarantine, and forgets those who went long ago."""
        for handle in self._tribunal.quarantine.calm(now):
            known = self._table.get(handle)
            if known is not None and self._table.is_live(handle):
                self._outbox.notify(MemberReleased(known.node))
        for handle, since in list(self._table.down_since.items()):
            left = self._table.state(handle) is NodeState.LEFT
            if now - since > (self._config.reap_left if left else self._config.reap_dead):
                self._tribunal.dismiss(handle)
                self._prober.forget(handle)
                self._seen.pop(handle, None)
                self._table.apply(handle, Fact.FORGOTTEN, now)
                self._syncer.changed()

    def member(self, known: Known, now: float) -> Member:
        """A member as others are shown it."""
        claim, handle = known.claim, known.handle
        seen = now if handle == self._table.me else self._seen.get(handle)
        return Member(
            known.node,
            claim.name,
            claim.address,
            claim.boot,
            claim.incarnation,
            self._table.state(handle) or NodeState.ALIVE,
            handle in self._tribunal.quarantine,
            claim.meta,
            self._prober.rtt(handle),
            None if seen is None else now - seen,
            known.record.warrant,
        )

    def check(self) -> None:
        assert all(self._table.get(handle) is not None for handle in self._seen), "signs of life of nobody"


def _appearance(known: Known) -> tuple[object, ...]:
    """What others may care about, beyond the incarnation."""
    return known.claim.name, known.claim.address, known.claim.meta
