"""The scheduler's numbers, from those that people set in mesh.toml."""

from __future__ import annotations

from mesh.config.settings import JobsConfig
from mesh.sched.config import SchedConfig

_DAY = 86400.0


def sched_config(jobs: JobsConfig) -> SchedConfig:
    return SchedConfig(
        retain_seconds=jobs.keep_days * _DAY,
        away_seconds=jobs.away_minutes * 60.0,
        progress_seconds=jobs.stall_minutes * 60.0,
        attempts=jobs.attempts,
        node_failures=jobs.node_failures,
        job_share=jobs.most_percent / 100.0,
        first_frames=jobs.first_frames,
        starved_seconds=jobs.starved_minutes * 60.0,
        user_nodes=jobs.user_nodes,
        audit_share=jobs.audit_percent / 100.0,
    )
