"""The formulas of the protocol, as pure functions of plain numbers. Times are seconds."""

from __future__ import annotations

import math


def suspicion_bounds(mult: float, nodes: int, period: float, max_mult: float) -> tuple[float, float]:
    """Least and longest suspicion in a mesh of `nodes`; `mult` and `max_mult` are Lifeguard's alpha and beta
    (section 4.2)."""
    least = mult * max(1.0, math.log10(max(1, nodes))) * period
    return least, least * max_mult


def suspicion_timeout(least: float, longest: float, confirmed: int, wanted: int) -> float:
    """How long suspicion lasts from its start after `confirmed` of `wanted` independent confirmations.

    Falls from `longest` to `least` with the logarithm of their number; least at once where none can come.
    """
    if wanted <= 0 or confirmed >= wanted:
        return least
    share = math.log(confirmed + 1) / math.log(wanted + 1)
    return max(least, longest - (longest - least) * share)


def wanted_confirmations(most: int, electorate: int) -> int:
    """Confirmations to wait for where `electorate` members could accuse, the first accuser among them."""
    return max(0, min(most, electorate - 1))


def quorum_of(most: int, electorate: int) -> int:
    """Distinct accusers that make a death; fewer only where fewer could accuse at all."""
    return max(1, min(most, electorate))


def retransmit_limit(mult: float, nodes: int) -> int:
    """How often each node tells a rumour (SWIM, section 4.1: lambda log n); a few times more than that in
    the smallest meshes, where it costs nothing."""
    return max(10, math.ceil(mult * math.log10(nodes + 1)))


def sync_interval(base: float, nodes: int) -> float:
    """Seconds between push-pulls: `base` up to 32 nodes, then once more for each doubling."""
    return base * max(1, math.ceil(math.log2(max(1, nodes))) - 4)


def shared_interval(base: float, nodes: int, up_to: int) -> float:
    """Seconds between two deeds of one node: `base` for up to `up_to` nodes and longer in proportion beyond, so
    that what all of them do together does not grow."""
    return base * max(1.0, nodes / up_to)


def accusers_for_quarantine(most: int, others: int) -> int:
    """Distinct accusers that make a quarantine: `most`, or half of the `others` in a small mesh, but two
    at the least: one accuser may be the one that is ill."""
    return max(2, min(most, others // 2))


def smoothed(old: float | None, sample: float) -> float:
    """Round-trip time after one more sample (RFC 6298's gain of 1/8)."""
    return sample if old is None else old + (sample - old) / 8


def direct_timeout(timeout: float, period: float, rtt: float | None) -> float:
    """Patience for a direct answer: the profile's, or three known round trips, within the period."""
    return timeout if rtt is None else min(max(timeout, 3 * rtt), 0.8 * period)
