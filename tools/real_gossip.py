"""Fifteen real nodes, and fifteen serf agents, on loopback: how soon a newcomer and a death are known everywhere, and
what an idle process costs. The measurements behind the second half of `tools.bench gossip`."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil

from mesh.control.client import Client
from tools import serf_peer
from tools.processes import LOOPBACK, NodeProcess, start_node, wait_for_members
from tools.serf_peer import Agent

NODES = 15
KILLS = 5
NEWCOMERS = 5
IDLE_SECONDS = 20.0
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians, in seconds, and the cost of one idle process."""

    joined: float
    """From starting a process until everyone had heard of it."""
    spread: float
    """From the first member that a newcomer knew until everyone knew the newcomer."""
    killed: float
    """From kill -9 until every survivor had declared it dead."""
    cpu: float
    """Share of a core."""
    memory_mb: float
    """Not shared with others (USS)."""


def ours(folder: Path) -> Figures:
    names = [f"n{number}" for number in range(NODES)]
    with ExitStack() as stack:
        nodes: dict[str, NodeProcess] = {}
        began: dict[str, float] = {}

        def start(name: str, *arguments: str) -> NodeProcess:
            began[name] = time.time()
            node = nodes[name] = start_node(name, folder / name, "--no-render", *arguments, *LOOPBACK)
            stack.callback(node.end)
            return node

        with start(names[0], "--found").connect() as founder:
            code = founder.invite(NODES, 1.0)
        for name in names[1:]:
            start(name, code)
            wait_for_members(nodes[name], len(nodes))
        clients = {name: stack.enter_context(node.connect()) for name, node in nodes.items()}
        joined, spread = [], []
        for number, name in list(enumerate(names))[-NEWCOMERS:]:
            known = _last_event([clients[other] for other in names[:number]], "node-up", name, began[name])
            joined.append(known - began[name])
            spread.append(known - _first_event(clients[name]))
        cpu, memory = _idle_cost([node.process.pid for node in nodes.values()])
        killed = []
        for name in names[-KILLS:]:
            del clients[name]
            at = time.time()
            nodes[name].kill()
            killed.append(_last_event(list(clients.values()), "node-down", name, at) - at)
    medians = statistics.median(joined), statistics.median(spread), statistics.median(killed)
    return Figures(*medians, cpu, memory)


def _first_event(client: Client) -> float:
    """When a node first saw another one, in Unix seconds."""
    return min(event.unix_ms for event in client.status().events if event.kind == "node-up") / 1000


def _last_event(clients: Sequence[Client], kind: str, name: str, since: float) -> float:
    """When the last of these nodes noted an event about node `name`, in Unix seconds."""
    deadline = time.monotonic() + _PATIENCE
    waiting, latest = list(clients), 0.0
    while waiting and time.monotonic() < deadline:
        for client in tuple(waiting):
            at = [
                event.unix_ms / 1000
                for event in client.status().events
                if event.kind == kind
                and event.text.startswith(f"{name} ")
                and event.unix_ms / 1000 >= since - 0.002
            ]
            if at:
                latest = max(latest, at[0])
                waiting.remove(client)
        time.sleep(0.1)
    if waiting:
        raise RuntimeError(f"{len(waiting)} nodes never noted {kind} of {name}")
    return latest


def serf(folder: Path, first_port: int = 17946) -> Figures:
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        agents: list[Agent] = []

        def start(number: int) -> Agent:
            agent = serf_peer.start_agent(folder, number, first_port)
            stack.callback(agent.kill)
            agents.append(agent)
            return agent

        joined = []
        for number in range(NODES):
            began = time.time()
            others, agent = list(agents), start(number)
            known = serf_peer.wait_told(others, "member-join", agent.name, _PATIENCE)
            serf_peer.wait_told([agent], "member-join", agent.name, _PATIENCE)
            joined.append(known - began)
        cpu, memory = _idle_cost([agent.process.pid for agent in agents])
        killed = []
        for victim in agents[-KILLS:]:
            agents.remove(victim)
            began = time.time()
            victim.kill()
            killed.append(serf_peer.wait_told(agents, "member-failed", victim.name, _PATIENCE) - began)
    medians = statistics.median(joined[-NEWCOMERS:]), math.nan, statistics.median(killed)
    return Figures(*medians, cpu, memory)


def _idle_cost(pids: Sequence[int]) -> tuple[float, float]:
    """Share of a core and unshared megabytes of one process, on average."""
    processes = [psutil.Process(pid) for pid in pids]
    time.sleep(5.0)  # what joining still costs is not idling
    before = [sum(process.cpu_times()[:2]) for process in processes]
    time.sleep(IDLE_SECONDS)
    after = [sum(process.cpu_times()[:2]) for process in processes]
    used = (sum(after) - sum(before)) / IDLE_SECONDS / len(processes)
    memory = sum(process.memory_full_info().uss for process in processes) / len(processes)
    return used, memory / 1e6
