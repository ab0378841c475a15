"""Which part of the scheduler each alarm wakes. Alarms are set with `Core.wake` and named by their first word."""

from __future__ import annotations

from mesh.model.ids import JobId, NodeId
from mesh.sched.core import Alarm, Core
from mesh.sched.job import Job
from mesh.sched.parts import Parts
from mesh.wire.effects import Attempt


class Alarms:
    def __init__(self, core: Core, parts: Parts) -> None:
        self._core = core
        self._parts = parts

    def ring(self, alarm: Alarm) -> None:
        core = self._core
        match alarm:
            case ("roll",):
                self._parts.spread.roll_call()
                core.wake(alarm, core.now + core.config.roll_call_seconds * core.rng.uniform(0.75, 1.25))
            case ("park",) | ("ahead",):
                pass  # settling is all that is wanted
            case ("serve",):
                self._parts.lender.serve_parked()
            case ("steal", int(request)):
                self._parts.thief.on_timeout(request)
            case ("scrub",):
                self._parts.scrub.begin()
            case ("copies",):
                for job in core.jobs.values():
                    self._parts.copies.make_again(job)
            case ("recopy", bytes(node)):
                if NodeId(node) not in core.peers:
                    self._parts.copies.on_holder_gone(NodeId(node))
            case ("asked", _):
                pass  # only keeps this node from asking again at once
            case (str(), bytes(job_id), *_):
                job_or_none = core.jobs.get(JobId(job_id))
                if job_or_none is not None:
                    core.touch(job_or_none)
                    self._ring_for(job_or_none, alarm)
            case _:
                raise AssertionError(f"unknown alarm {alarm}")

    def _ring_for(self, job: Job, alarm: Alarm) -> None:
        core = self._core
        match alarm:
            case ("flush", _):
                self._parts.replication.flush(job)
            case ("invite", _):
                self._parts.inviting.look(job)
            case ("renew", _):
                self._parts.claims.renew(job)
            case ("pulse", _):
                self._parts.replication.pulse(job)
            case ("patrol", _):
                if core.keeps(job) and not job.ended:
                    self._parts.rescue.patrol(job)
            case ("adopt", _, bytes(node)):
                self._parts.rescue.on_turn(job, NodeId(node))
            case ("dealt", _):
                self._parts.spread.on_dealt(job)
            case ("rumour", _):
                self._parts.spread.rumour(job)
            case ("appoint", _):
                self._parts.spread.appoint(job)
            case ("compare", _, bytes(node)):
                if NodeId(node) in core.peers:
                    self._parts.replication.compare(job, NodeId(node))
            case ("loan", _, bytes(thief), int(request)):
                self._parts.lender.on_grant_failed(job, NodeId(thief), request)
            case ("stall", _):
                self._parts.runner.on_stall(job)
            case ("audit", _, int(attempt)):
                self._parts.audits.on_stall(job, Attempt(attempt))
            case ("samples", _):
                self._parts.helper.on_stall(job)
            case ("away", _):
                self._parts.reach.look(job)
            case ("keep", _):
                self._parts.copies.look_for_late(job)
            case ("publish", _):
                self._parts.copies.publish_restored(job)
            case ("scene", _) | ("durable", _):
                pass  # settling looks after both
            case ("retain", _):
                self._parts.ends.retain_over(job)
            case _:
                raise AssertionError(f"unknown alarm {alarm}")
