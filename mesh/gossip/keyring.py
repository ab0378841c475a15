"""The keyring machine: brings a new mesh key to everyone before anyone needs it, and the old one to its end.

A new key, signed by an issuer, goes from node to node over their connections; whoever learns it opens what is sealed
under it at once, seals under it after `use_after` seconds, when nearly everybody has it, and forgets the one before
after `forget_after`. Whoever is heard sealing under an old key is sent the new one: it slept, or was missed. Of two
keys made at once under one number everyone keeps the same one. Knows no ciphers, disks or clocks.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from mesh.model.ids import NodeId
from mesh.wire.effects import Effect, MessageReceived, Notify, Send, SetTimer, TimerFired
from mesh.wire.gossip import MeshKeyNews


@dataclass(frozen=True, slots=True)
class KeyringConfig:
    use_after: float = 30.0
    """Seconds from learning a key until sealing under it."""
    forget_after: float = 30 * 24 * 3600.0
    """Seconds for which the key before is still opened: how long a machine may be away and simply return."""
    fanout: int = 4
    """Nodes that a new key is passed on to, at once and once more after `repeat_after` seconds."""
    repeat_after: float = 10.0
    remind_after: float = 10.0
    """Least seconds between two reminders to one node."""


# --- events in ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RotateKey:
    """This node's issuer made a new key."""

    news: MeshKeyNews


@dataclass(frozen=True, slots=True)
class OlderKeys:
    """Keys of these numbers were kept beside the newest in an earlier life."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OldSeal:
    """`node` was heard sealing under an old key."""

    node: NodeId


# --- notifications out --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeyLearned:
    """Keep it, and open what is sealed under it."""

    news: MeshKeyNews


@dataclass(frozen=True, slots=True)
class KeyInUse:
    """Seal under this key."""

    number: int


@dataclass(frozen=True, slots=True)
class KeyForgotten:
    """Open nothing under this key any more."""

    number: int


class Deed(Enum):
    USE = "use"
    REPEAT = "repeat"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class KeyTimer:
    deed: Deed
    number: int


def precedence(news: MeshKeyNews) -> tuple[int, bytes]:
    """Orders keys: the higher number, and of two with one number the one whose hash is greater."""
    return news.number, hashlib.sha256(news.secret).digest()


class Keyring:
    def __init__(
        self,
        config: KeyringConfig,
        newest: MeshKeyNews,
        me: NodeId,
        alive: Callable[[], tuple[NodeId, ...]],
        is_genuine: Callable[[MeshKeyNews], bool],
        rng: random.Random,
    ) -> None:
        """`newest` is the key in use; `is_genuine` says whether an issuer of this mesh signed a key."""
        self._config = config
        self._newest = newest
        self._in_use = newest.number
        self._me = me
        self._alive = alive
        self._is_genuine = is_genuine
        self._rng = rng
        self._reminded: dict[NodeId, float] = {}

    @property
    def newest(self) -> MeshKeyNews:
        return self._newest

    @property
    def in_use(self) -> int:
        """The number of the key that is sealed under."""
        return self._in_use

    def handle(self, event: object, now: float) -> list[Effect]:
        """One step; see `mesh/wire/effects.py` for the contract."""
        match event:
            case RotateKey(news=news) | MessageReceived(message=MeshKeyNews() as news):
                return self._learn(news, now)
            case TimerFired(KeyTimer(deed, number)):
                return self._due(deed, number)
            case OlderKeys(numbers=numbers):
                at = now + self._config.forget_after
                return [SetTimer(KeyTimer(Deed.FORGET, number), at) for number in numbers]
            case OldSeal(node=node):
                return self._remind(node, now)
            case _:
                return []

    def check(self) -> None:
        """Raises AssertionError where an invariant is broken."""
        assert self._in_use <= self._newest.number, "a key is in use that nobody has"
        assert len(self._reminded) <= len(self._alive()) + 1, "reminders are remembered for ever"

    def _learn(self, news: MeshKeyNews, now: float) -> list[Effect]:
        if precedence(news) <= precedence(self._newest) or not self._is_genuine(news):
            return []
        before, self._newest = self._newest.number, news
        config = self._config
        effects: list[Effect] = [Notify(KeyLearned(news)), *self._pass_on()]
        timers = [(Deed.USE, news.number, config.use_after), (Deed.REPEAT, news.number, config.repeat_after)]
        if before != news.number:
            timers.append((Deed.FORGET, before, config.use_after + config.forget_after))
        return effects + [SetTimer(KeyTimer(deed, number), now + wait) for deed, number, wait in timers]

    def _due(self, deed: Deed, number: int) -> list[Effect]:
        if deed is Deed.FORGET:
            return [Notify(KeyForgotten(number))] if number != self._in_use else []
        if number != self._newest.number:
            return []
        if deed is Deed.REPEAT:
            return self._pass_on()
        if self._in_use == number:
            return []
        self._in_use = number
        return [Notify(KeyInUse(number))]

    def _pass_on(self) -> list[Effect]:
        others = [node for node in self._alive() if node != self._me]
        chosen = self._rng.sample(others, min(self._config.fanout, len(others)))
        return [Send(node, self._newest) for node in chosen]

    def _remind(self, node: NodeId, now: float) -> list[Effect]:
        since = now - self._config.remind_after
        if self._reminded.get(node, since) > since:
            return []
        present = set(self._alive())
        self._reminded = {each: at for each, at in self._reminded.items() if at > since and each in present}
        self._reminded[node] = now
        return [Send(node, self._newest)]
