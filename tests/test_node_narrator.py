"""The event log tells what happens, in sentences."""

from __future__ import annotations

from mesh.gossip.events import MemberUp
from mesh.model.ids import Boot, NodeId
from mesh.node.journal import Journal
from mesh.node.narrator import Narrator

ADA = NodeId(b"a" * 32)


def test_what_an_earlier_life_left_on_the_disk_is_no_news() -> None:
    # given a node that starts again
    journal = Journal()
    narrator = Narrator(journal, lambda _node: "ada", lambda _job: "film", lambda _job: 1)

    # when it reads what it knew, and then hears of something
    with narrator.silent():
        narrator.tell(MemberUp(ADA, Boot(1)))
    assert journal.newest(10) == ()
    narrator.tell(MemberUp(ADA, Boot(1)))

    # then only that is told
    assert [event.text for event in journal.newest(10)] == ["ada is here"]
