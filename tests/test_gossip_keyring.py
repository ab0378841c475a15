"""The keyring: a new key reaches everyone before it is used, and those who were away when they return."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from mesh.gossip.keyring import (
    KeyForgotten,
    KeyInUse,
    KeyLearned,
    Keyring,
    KeyringConfig,
    OlderKeys,
    OldSeal,
    RotateKey,
    precedence,
)
from mesh.model.ids import NodeId
from mesh.wire.effects import Effect, MessageReceived, Notify, Send, SetTimer, TimerFired
from mesh.wire.gossip import MeshKeyNews

CONFIG = KeyringConfig(use_after=30.0, forget_after=1000.0, repeat_after=10.0)


def node(number: int) -> NodeId:
    return NodeId(number.to_bytes(32, "big"))


def key(number: int, secret: int = 0) -> MeshKeyNews:
    """A key that its issuer signed, as these tests' nodes believe."""
    return MeshKeyNews(number, bytes([secret]) * 32, b"genuine".ljust(64, b"\0"))


@dataclass(slots=True)
class Ring:
    """Some nodes with a keyring each; messages arrive at once unless a node is away."""

    count: int
    now: float = 0.0
    away: set[int] = field(default_factory=set)
    rings: list[Keyring] = field(default_factory=list)
    timers: list[tuple[float, int, object]] = field(default_factory=list)
    told: list[tuple[float, int, object]] = field(default_factory=list)
    sent: int = 0

    def __post_init__(self) -> None:
        everyone = tuple(node(number) for number in range(self.count))
        self.rings = [
            Keyring(
                CONFIG,
                key(1),
                each,
                lambda: everyone,
                lambda news: news.signature.startswith(b"genuine"),
                random.Random(number),
            )
            for number, each in enumerate(everyone)
        ]

    def tell(self, number: int, event: object) -> None:
        todo: list[tuple[int, list[Effect]]] = [(number, self.rings[number].handle(event, self.now))]
        while todo:
            at, effects = todo.pop()
            self.rings[at].check()
            for effect in effects:
                match effect:
                    case Send(to=to, message=MeshKeyNews() as news):
                        self.sent += 1
                        other = int.from_bytes(to, "big")
                        if other not in self.away:
                            event = MessageReceived(node(at), news)
                            todo.append((other, self.rings[other].handle(event, self.now)))
                    case SetTimer(token=token, at=due):
                        self.timers.append((due, at, token))
                    case Notify(event=news):
                        self.told.append((self.now, at, news))

    def until(self, end: float) -> None:
        while due := sorted((t for t in self.timers if t[0] <= end), key=lambda t: t[:2]):
            self.timers.remove(due[0])
            self.now = due[0][0]
            self.tell(due[0][1], TimerFired(due[0][2]))  # type: ignore[arg-type]
        self.now = end


def test_everyone_has_a_new_key_before_anyone_uses_it() -> None:
    mesh = Ring(300)
    mesh.tell(0, RotateKey(key(2)))
    mesh.until(60.0)
    learned = [at for at, _, news in mesh.told if news == KeyLearned(key(2))]
    used = [at for at, _, news in mesh.told if news == KeyInUse(2)]
    assert len(learned) == len(used) == 300
    assert max(learned) < min(used)
    # Each node passes it on twice, to a few.
    assert mesh.sent == 300 * 2 * CONFIG.fanout


def test_the_old_key_is_opened_for_long_and_then_forgotten() -> None:
    mesh = Ring(5)
    mesh.tell(0, RotateKey(key(2)))
    mesh.until(CONFIG.use_after + CONFIG.forget_after - 1.0)
    assert not any(isinstance(news, KeyForgotten) for _, _, news in mesh.told)
    mesh.until(CONFIG.use_after + CONFIG.forget_after + 1.0)
    assert sum(news == KeyForgotten(1) for _, _, news in mesh.told) == 5


def test_the_key_in_use_is_never_forgotten_however_often_keys_change() -> None:
    # Given an issuer so eager that no new key ever comes into use.
    mesh = Ring(1)
    for number in range(2, 80):
        mesh.tell(0, RotateKey(key(number)))
        mesh.until(mesh.now + CONFIG.use_after / 2)

    # Then the first one, long overdue, is still kept.
    assert mesh.now > CONFIG.use_after + CONFIG.forget_after
    assert mesh.rings[0].in_use == 1
    assert KeyForgotten(1) not in [news for _, _, news in mesh.told]


def test_keys_of_an_earlier_life_are_forgotten_too() -> None:
    mesh = Ring(1)
    mesh.tell(0, OlderKeys((0,)))
    mesh.until(CONFIG.forget_after + 1.0)
    assert mesh.told == [(CONFIG.forget_after, 0, KeyForgotten(0))]


def test_who_was_away_is_reminded_when_heard_under_the_old_key_and_not_too_often() -> None:
    mesh = Ring(5, away={4})
    mesh.tell(0, RotateKey(key(2)))
    mesh.until(100.0)
    assert mesh.rings[4].newest == key(1)
    mesh.away.clear()
    before = mesh.sent
    mesh.tell(1, OldSeal(node(4)))
    assert mesh.rings[4].newest == key(2)
    mesh.until(105.0)
    passed_on = mesh.sent
    mesh.tell(1, OldSeal(node(4)))
    assert mesh.sent == passed_on, "reminded again within seconds"
    assert passed_on > before


def test_a_key_that_no_issuer_signed_changes_nothing() -> None:
    mesh = Ring(3)
    forged = MeshKeyNews(9, bytes(32), bytes(64))
    mesh.tell(1, MessageReceived(node(2), forged))
    assert (mesh.sent, mesh.told, mesh.rings[1].newest) == (0, [], key(1))


def test_an_older_key_is_never_taken_up_again() -> None:
    mesh = Ring(3)
    mesh.tell(0, RotateKey(key(3)))
    mesh.until(50.0)
    mesh.told.clear()
    mesh.tell(1, MessageReceived(node(2), key(2)))
    mesh.tell(1, MessageReceived(node(2), key(3)))
    assert mesh.told == []


def test_of_two_keys_made_at_once_everyone_keeps_the_same() -> None:
    # Given two issuers that rotate while they cannot hear each other
    one, other = sorted((key(2, secret=7), key(2, secret=8)), key=precedence)
    mesh = Ring(40, away=set(range(20, 40)))
    mesh.tell(0, RotateKey(one))
    mesh.away = set(range(20))
    mesh.tell(39, RotateKey(other))
    # When they meet
    mesh.away.clear()
    mesh.until(200.0)
    for number in range(40):
        mesh.tell((number + 1) % 40, OldSeal(node(number)))
    # Then one of the keys is everyone's
    assert {ring.newest for ring in mesh.rings} == {other}
    assert {ring.in_use for ring in mesh.rings} == {2}
