"""What the status snapshot of a node costs it while very many short units are under way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from mesh.blocks.shelf import Usage
from mesh.gossip.events import Member
from mesh.model.ids import Boot, JobId
from mesh.model.status import NodeState
from mesh.model.units import Unit
from mesh.node.directory import Directory
from mesh.node.journal import Journal
from mesh.node.progress import Progress
from mesh.node.report import mesh_status
from mesh.node.runtime import Node
from mesh.sched.layout import Layout
from mesh.wire.admission import Peer
from mesh.wire.effects import RenderEnded
from mesh.wire.gossip import Meta
from tests.sched_bench import ME, Bench
from tools.sim.farm import manifest


class DeskNode:
    """What a snapshot asks of a node, without the node."""

    def __init__(self, bench: Bench) -> None:
        me = Member(
            node=ME,
            name="me",
            address=("127.0.0.1", 7401),
            boot=Boot(1),
            incarnation=1,
            state=NodeState.ALIVE,
            quarantined=False,
            meta=Meta(),
            rtt=None,
            seen=0.0,
        )
        self.me = ME
        self.identity = SimpleNamespace(mesh_name="lab", fingerprint=bytes(32))
        self.revision = SimpleNamespace(number=1)
        self.journal = Journal()
        self.progress = Progress()
        self.disk = SimpleNamespace(store=SimpleNamespace(usage=lambda: Usage(0, 0, 1)))
        self.core = SimpleNamespace(
            scheduler=bench.machine,
            membership=SimpleNamespace(members=lambda: (me,), view=lambda _node: me),
        )
        self.directory = Directory(Peer(ME, *me.address), me.name, self.core.membership, bench.machine.views)


def looks_at_units(units: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many units are worked out for one snapshot, while `units` of them are being stored."""
    bench = Bench()
    job: JobId = bench.submit(manifest(frames=units + 1, buckets=1))
    for _ in range(units):
        render = bench.render()
        bench.tell(RenderEnded(job, render.unit, render.attempt, 100))
    looked: list[Unit] = []
    plain = Layout.unit

    def look(layout: Layout, start: int, stop: int) -> Unit:
        looked.append(plain(layout, start, stop))
        return looked[-1]

    with monkeypatch.context() as patch:
        patch.setattr(Layout, "unit", look)
        status = mesh_status(cast(Node, DeskNode(bench)))
    assert [job.name for job in status.jobs] == [manifest().name]
    return len(looked)


def test_a_snapshot_costs_no_more_than_in_proportion_to_what_is_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few, many = (looks_at_units(units, monkeypatch) for units in (4, 16))
    assert many <= 4 * few
