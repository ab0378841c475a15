"""Which of this machine's addresses beacons use and others are told, by the node's configuration."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from socket import AF_INET, AF_INET6

import psutil

from mesh.config.settings import DiscoveryConfig


@dataclass(frozen=True, slots=True, order=True)
class Interface:
    """One address of one interface."""

    name: str
    address: str
    """IPv6 link-local ones without the zone, which is the interface."""
    broadcast: str
    """Empty for IPv6, and where the interface has no broadcast, such as a tunnel."""

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.address


def usable_interfaces(config: DiscoveryConfig) -> list[Interface]:
    """Those up with an address that the lists allow; loopback always counts, unless denied."""
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = []
    for name, addresses in psutil.net_if_addrs().items():
        if name not in up or name in config.deny:
            continue
        for each in addresses:
            address = each.address.partition("%")[0]
            if each.family in (AF_INET, AF_INET6) and _allowed(name, address, config):
                broadcast = _broadcast(address, each.netmask, each.broadcast)
                found.append(Interface(name, address, broadcast))
    return found


def _allowed(name: str, address: str, config: DiscoveryConfig) -> bool:
    if ipaddress.ip_address(address).is_loopback:
        return True
    return not config.loopback_only and (not config.allow or name in config.allow)


def _broadcast(address: str, netmask: str | None, broadcast: str | None) -> str:
    """Loopback has one although the system does not list it."""
    if ipaddress.ip_address(address).version == 6:
        return ""
    if broadcast:
        return broadcast
    if netmask and ipaddress.ip_address(address).is_loopback:
        return str(ipaddress.ip_network(f"{address}/{netmask}", strict=False).broadcast_address)
    return ""


def own_address(bound: Sequence[str], config: DiscoveryConfig) -> str:
    """What to tell others to reach this node at, when it is bound to these addresses: the first of them, or,
    for "every address", the best of this machine's in those families. A link-local one is no use to others,
    who would have to know which of their interfaces leads to it."""
    if not ipaddress.ip_address(bound[0]).is_unspecified:
        return bound[0]
    versions = {ipaddress.ip_address(address).version for address in bound}
    mine = [ipaddress.ip_address(interface.address) for interface in usable_interfaces(config)]
    fit = [address for address in mine if address.version in versions and not address.is_link_local]
    fit.sort(key=lambda address: (address.is_loopback, address.version))
    return str(fit[0]) if fit else ("127.0.0.1" if 4 in versions else "::1")


def describe_search(config: DiscoveryConfig) -> str:
    """Where beacons are sent and heard, for a person whose nodes do not find each other."""
    if not config.enabled:
        return "no beacons, since discovery is off"
    names: dict[str, list[str]] = {}
    for interface in usable_interfaces(config):
        names.setdefault(interface.name, []).append(interface.address)
    if not names:
        return f"UDP port {config.port} on no interface at all: none is up, or [discovery] in mesh.toml allows none"
    where = ", ".join(f"{name} ({' '.join(addresses)})" for name, addresses in names.items())
    return f"UDP port {config.port} on {where}"
