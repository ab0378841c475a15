"""The scheduler's numbers, each with its unit. The node's configuration fills them in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SchedConfig:
    # ledger
    keepers: int = 6
    """Nodes that keep a job's whole ledger, the submitter among them while it lives."""
    flush_seconds: float = 0.05
    """News is gathered this long before it is sent on."""
    pulse_seconds: float = 1.0
    """How often a keeper compares its ledger with another's while the job runs."""
    pulse_most_seconds: float = 60.0
    """The same for a job that has ended: the pauses double up to this."""
    watch_seconds: float = 30.0
    """How long somebody who watches is sent news without asking again."""
    spread: int = 4
    """Nodes that a job or an edit is passed on to by each that hears of it."""
    spread_all: int = 16
    """Up to this many peers are simply all told."""
    rumour_seconds: float = 0.5
    """After so long a few nodes are asked whether they have heard of a new job."""
    roll_call_seconds: float = 5.0
    """How often the lists of known jobs are compared with a random peer."""

    # claims and leases
    lease_seconds: float = 12.0
    """A claim that is not renewed for so long is nobody's."""
    progress_seconds: float = 600.0
    """A unit that shows no progress for so long has failed. That its scene is being opened is progress, while the engine
    is seen to work."""
    late_seconds: float = 5.0
    """A timer so late tells that this process stood still, and others may have taken over what it claimed."""
    rescue_seconds: float = 0.25
    """Missing work that nobody claims is adopted after this times (1 + rank among the keepers)."""
    settle_seconds: float = 1.0
    """Work must have been seen unclaimed for so long, for claims may be on their way."""

    # stealing
    steal_seconds: float = 1.0
    """A request not answered for so long is given up."""
    prefetch_seconds: float = 0.03
    """Ask for the next work so long before the current unit ends, or three steal round trips if longer."""
    engine_ahead_seconds: float = 0.02
    """The engine has the next unit so long before the current one ends, so that it never waits."""
    grain_factor: float = 20.0
    """No unit is cut into pieces that take less than this many steals."""
    steal_cost_seconds: float = 0.003
    """What a steal costs at least."""
    far_steal_seconds: float = 0.04
    """What a steal across sites is supposed to cost before one was made."""
    deal_seconds: float = 5.0
    """So long a new job is dealt out by heads rather than stolen by halves."""
    deal_patience_seconds: float = 0.5
    """So long who is told of a job waits where it was told, for the work to arrive there."""
    park_seconds: float = 0.25
    """First pause of a node that found no work; doubles up to `park_most_seconds`."""
    park_most_seconds: float = 8.0
    lifelines: int = 2
    """Nodes that a parked node asks to push work; so many more each time, up to log2 of the mesh and these."""

    # copies
    copies: int = 2
    """Nodes that hold a result's pixels before it counts as safe."""
    keep_seconds: float = 10.0
    """A node asked to keep a copy must have it within this time."""
    keep_at_once: int = 8
    """Requests that make others fetch copies and are out at one time, per node."""
    recopy_seconds: float = 10.0
    """A holder must be gone for so long before its copies are made again."""
    away_seconds: float = 120.0
    """What only nodes hold that have been away for so long is rendered again; 0 for not before people say retry."""
    scene_copies: int = 2
    """Other nodes that must have manifest and scene for a submission to be durable."""

    # stragglers
    relief_share: float = 0.05
    """At most this part of a job's buckets, or a few units, is started again while slow nodes render them."""

    # failures
    attempts: int = 3
    """A unit that failed on so many distinct nodes, or so often where fewer exist, has failed."""
    node_failures: int = 3
    """A node whose units of a job failed so often takes no more of that job's work."""

    # audits
    audit_share: float = 0.02
    """So much of all work is done twice, to see whether results are true; 0 for none."""

    # sharing
    job_share: float = 0.75
    """A job holds at most this part of the nodes unless it is alone."""
    turn_seconds: float = 10.0
    """Nodes that are due to several jobs in part work for one of them so long, then for the next."""
    first_frames: int = 0
    """So many frames of a new job go before everything else."""
    starved_seconds: float = 600.0
    """A job that nobody has worked on for so long goes first; 0 for never."""

    user_nodes: int = 0
    """At most so many nodes work for the jobs of one user; 0 for any number."""

    # ends
    retain_seconds: float = 7 * 86400.0
    """Ledger and pixels of a finished job are kept so long."""
