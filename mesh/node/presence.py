"""What this node says of itself: to its scheduler (capacity), and by gossip to everyone (metadata)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import psutil

from mesh.blocks.records import RecordStore
from mesh.config.settings import NodeConfig
from mesh.engines.memory import physical_memory
from mesh.model.manifest import EngineName
from mesh.model.status import Stage
from mesh.sched import events as sched
from mesh.sched.looks import ActivityView
from mesh.wire.codec import decode_record
from mesh.wire.gossip import Activity, EngineBuild, Meta
from mesh.wire.records import RECORDS

MOST_ACTIVITIES = 4


class Presence:
    """Keeps the newest metadata; `refresh` looks again."""

    def __init__(self, config: NodeConfig, engines: Mapping[EngineName, str], *, issues: bool) -> None:
        """`issues`: this node signs certificates."""
        self._config = config
        self._issues = issues
        self._engines = dict(engines) if config.slots else {}
        self._memory = physical_memory()
        self._doing: tuple[Activity, ...] = ()
        self._load = 0
        self._stage = Stage.READY
        self._buckets_done = 0
        self._frames_done = 0.0

    def capacity(self) -> sched.SetCapacity:
        config = self._config
        return sched.SetCapacity(
            units=config.slots,
            engines=tuple(EngineBuild(name.value, build) for name, build in self._engines.items()),
            tags=config.tags,
            site=config.site.path,
            memory_bytes=self._memory,
            threads=config.render_threads,
            exclusive=config.exclusive,
        )

    def rendered(self, buckets: int, of_frame: int) -> None:
        """Counts a finished unit."""
        self._buckets_done += buckets
        self._frames_done += buckets / of_frame

    def refresh(self, mine: list[ActivityView], stage: Stage) -> bool:
        """Look at the machine and at what is being rendered here; whether anything is new."""
        before = self.meta()
        self._stage = stage
        self._load = round(psutil.cpu_percent() / 100 * 255)
        self._doing = tuple(
            Activity(view.job, view.unit.frame, view.unit.start, view.unit.stop, round(view.fraction * 255))
            for view in mine[:MOST_ACTIVITIES]
        )
        after = self.meta()
        # A load that wavers by a few percent is no news.
        told, now = ((one.doing, one.buckets_done, one.stage) for one in (before, after))
        return told != now or abs(after.load - before.load) > 16

    def meta(self) -> Meta:
        config = self._config
        return Meta(
            site=config.site.path,
            tags=config.tags[:8],
            engines=tuple(EngineBuild(name.value, build) for name, build in self._engines.items()),
            slots=config.render_threads if self._engines else 0,
            load=self._load,
            doing=self._doing,
            frames_done=int(self._frames_done + 1e-9),
            buckets_done=self._buckets_done,
            memory=self._memory >> 20,
            exclusive=config.exclusive,
            stage=self._stage.value,
            issues=self._issues,
        )


def restored(records: RecordStore) -> Iterator[sched.Record]:
    """Everything the scheduler wrote in earlier lives."""
    for job in records.jobs():
        for key, data in records.read(job):
            yield sched.Record(job, key, decode_record(RECORDS[key[0]], data))
