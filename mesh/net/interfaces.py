"""Which network interfaces beacons use, by the node's configuration."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from socket import AF_INET

import psutil

from mesh.config import DiscoveryConfig


@dataclass(frozen=True, slots=True, order=True)
class Interface:
    """One IPv4 address of one interface."""

    name: str
    address: str
    broadcast: str
    """Empty where the interface has no broadcast, such as a tunnel."""


def usable_interfaces(config: DiscoveryConfig) -> list[Interface]:
    """Those up with an IPv4 address that the lists allow; loopback always counts, unless denied."""
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    return [
        Interface(name, each.address, _broadcast(each.address, each.netmask, each.broadcast))
        for name, addresses in psutil.net_if_addrs().items()
        if name in up and name not in config.deny
        for each in addresses
        if each.family == AF_INET and _allowed(name, each.address, config)
    ]


def _allowed(name: str, address: str, config: DiscoveryConfig) -> bool:
    if ipaddress.ip_address(address).is_loopback:
        return True
    return not config.loopback_only and (not config.allow or name in config.allow)


def _broadcast(address: str, netmask: str | None, broadcast: str | None) -> str:
    """Loopback has one although the system does not list it."""
    if broadcast:
        return broadcast
    if netmask and ipaddress.ip_address(address).is_loopback:
        return str(ipaddress.ip_network(f"{address}/{netmask}", strict=False).broadcast_address)
    return ""


def own_address(host: str, config: DiscoveryConfig) -> str:
    """What to tell others to reach this node at, when it listens on `host`: that very address, or, for
    "every address", the first that is not loopback."""
    if not ipaddress.ip_address(host).is_unspecified:
        return host
    addresses = [interface.address for interface in usable_interfaces(config)]
    outside = [address for address in addresses if not ipaddress.ip_address(address).is_loopback]
    return next(iter([*outside, *addresses]), "127.0.0.1")
