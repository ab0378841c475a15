"""Every number of the membership protocol, with its unit, and the two timing profiles.

The names follow SWIM (Das et al., DSN 2002), Lifeguard (arXiv 1707.00788) and HashiCorp memberlist.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class LinkTiming:
    """How patient to be with one member. A link is a WAN link where the two sites differ."""

    timeout: float
    """Seconds for the direct answer to a probe, before helpers are asked."""
    period: float
    """Seconds for any answer to a probe, before it counts as failed; also the unit of suspicion."""
    suspicion_mult: float
    """The least suspicion is this x max(1, log10 N) x `period`."""


LAN = LinkTiming(timeout=0.5, period=1.0, suspicion_mult=3.0)
WAN = LinkTiming(timeout=3.0, period=5.0, suspicion_mult=5.0)


@dataclass(frozen=True, slots=True)
class GossipConfig:
    lan: LinkTiming = LAN
    wan: LinkTiming = WAN
    probe_interval: float = 1.0
    """Seconds between two probes of a healthy node."""
    helpers: int = 3
    """Nodes asked to probe a silent one on our behalf."""
    fallback: bool = True
    """Ask a silent node again, also over the reliable connection: lossy or blocked UDP is no death."""
    second_chance: bool = True
    """Accuse a member that nobody suspects yet only when a second probe in a row has failed: in a lossy
    mesh most suspicions are false, and each costs everybody an accusation and an objection."""
    nacks: bool = True
    """Helpers answer a Nack where the probed node is silent; where none comes, we suspect our own senses."""
    max_health: int = 8
    """Worst local health score; timeouts and intervals are multiplied by 1 + score. 0 turns it off."""
    confirmations: int = 2
    """Independent accusations beside the first that bring suspicion down to its least."""
    suspicion_max_mult: float = 6.0
    """The longest suspicion is this x the least."""
    quorum: int = 2
    """Distinct accusers that it takes to declare a node dead; fewer only where fewer could accuse."""
    buddy: bool = True
    """Show a suspect, in every probe of it, what it is accused of, so that it can object (Lifeguard)."""
    appeal: bool = True
    """Before a conviction, ask a few others for an objection that we may have missed."""
    isolation: float = 15.0
    """Seconds of hearing nobody at all during which we blame ourselves, not others."""
    late: float = 0.25
    """Seconds a timer may be late before we take ourselves for starved and wait again."""
    gossip_interval: float = 0.1
    """Seconds between two rounds of rumours, while there are any."""
    fanout: int = 3
    """Nodes told per round."""
    neighbours: bool = True
    """One target of each round is a neighbour in the order of handles: random ones alone leave out a few
    nodes of a large lossy mesh (Voulgaris and van Steen, Middleware 2007)."""
    retransmit_mult: float = 3.4
    """A rumour is told this x log10(N + 1) times by each node."""
    packet: int = 1170
    """Bytes of messages in one datagram, sealing and framing apart."""
    piggyback: int = 400
    """Bytes of rumours on a probe or its answer."""
    gossip_rate: float = 4000.0
    """Bytes of rumours per second, at most, averaged over a second or so."""
    sync_interval: float = 30.0
    """Seconds between push-pulls, up to 32 nodes; longer with their logarithm."""
    eager_interval: float = 0.7
    """Seconds to the next push-pull after one that introduced new members."""
    publish_interval: float = 1.0
    """Least seconds between two rumours of our own metadata, in a mesh of up to `publish_nodes`."""
    publish_nodes: int = 10
    """Beyond so many nodes the interval grows with their number, so that the sum of all rumours does not."""
    knock_interval: float = 5.0
    """Seconds between two probes of some dead member, so that healed partitions are noticed."""
    knock_nodes: int = 50
    """Beyond so many nodes each knocks more rarely."""
    seek_interval: float = 2.0
    """Seconds to the first repetition of an unanswered address; doubles up to `seek_limit`."""
    seek_limit: float = 30.0
    leave_linger: float = 1.0
    """Seconds between the goodbye and its end."""
    reap_dead: float = 3600.0
    """Seconds for which a dead member is remembered."""
    reap_left: float = 600.0
    quarantine_window: float = 60.0
    """Seconds over which troubles are counted, and of calm after which a member is released."""
    quarantine_episodes: int = 2
    """Separate suspicions by a quorum within the window that lead to quarantine."""
    quarantine_accusers: int = 3
    """Distinct accusers within the window that it takes, or half the mesh where that is fewer."""
    max_members: int = 20_000
    max_rumours: int = 4096

    def for_link(self, mine: str, theirs: str) -> LinkTiming:
        """The timing between two sites."""
        return self.lan if mine == theirs else self.wan


PLAIN_SWIM = replace(
    GossipConfig(),
    fallback=False,
    second_chance=False,
    nacks=False,
    max_health=0,
    confirmations=0,
    quorum=1,
    buddy=False,
    appeal=False,
    isolation=0.0,
    late=float("inf"),
    neighbours=False,
    quarantine_episodes=1_000_000,
)
"""SWIM without Lifeguard and without our additions: the control of benchmarks, never a setting."""
