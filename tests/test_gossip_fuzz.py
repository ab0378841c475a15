"""Whatever arrives: the machine keeps its invariants and its memory, and the decoder refuses the rest."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.gossip.claims import open_record, sign_claim
from mesh.gossip.config import GossipConfig
from mesh.gossip.events import Heard, Leave, UpdateMeta, Woke
from mesh.gossip.rumours import RumourQueue
from mesh.model.ids import Boot
from mesh.wire.codec import BadMessage, decode_all, encode, encode_all
from mesh.wire.effects import MessageReceived, SendFailed
from mesh.wire.gossip import (
    GOSSIP_MESSAGES,
    Ack,
    Activity,
    Claim,
    EngineBuild,
    Handle,
    Meta,
    Nack,
    Ping,
    PingRequest,
    Record,
    Sync,
    SyncRecords,
    SyncWanted,
)
from tests.gossip_lab import ME, accusation, handle, keys_of, lab, node, record_of
from tests.wire_strategies import instances

PEERS = 5
numbers = st.integers(0, PEERS + 1)
handles = numbers.map(handle) | st.just(Handle(b"")) | st.binary(max_size=12).map(Handle)
boots = st.integers(0, 3).map(Boot)
probes = st.integers(0, 3) | st.integers(0, 2**32 - 1)
records = st.builds(record_of, numbers, st.integers(0, 5), st.integers(1, 3), left=st.booleans())
accusations = st.builds(accusation, numbers, numbers, st.integers(0, 5), st.integers(1, 3))
entries = st.binary(max_size=60)
messages = st.one_of(
    records,
    accusations,
    st.builds(Ping, probes, handles, handles, boots),
    st.builds(Ack, probes, handles, boots),
    st.builds(PingRequest, probes, handles, handles, boots),
    st.builds(Nack, probes, handles),
    st.builds(Sync, records, entries),
    st.builds(
        SyncRecords, st.lists(records, max_size=4).map(tuple), st.lists(accusations, max_size=4).map(tuple)
    ),
    st.builds(SyncWanted, entries),
)
steps = st.one_of(
    st.tuples(st.just("hear"), st.lists(messages, max_size=4), numbers),
    st.tuples(st.just("message"), messages, numbers),
    st.tuples(st.just("failed"), messages, numbers),
    st.tuples(st.just("wait"), st.floats(0, 30), numbers),
    st.tuples(st.just("sleep"), st.floats(0, 3000), numbers),
    st.tuples(
        st.just("event"),
        st.sampled_from([Woke(), UpdateMeta(Meta(load=3)), Heard((("10.0.0.3", 1),), keep=True), Leave()]),
        numbers,
    ),
)


@settings(max_examples=60)
@given(st.lists(steps, max_size=25))
def test_no_sequence_of_events_breaks_an_invariant(script: list[tuple[str, object, int]]) -> None:
    """`Lab.tell` calls `check()` after every event."""
    bench = lab(PEERS, start=True)
    for what, thing, number in script:
        match what, thing:
            case "hear", list():
                bench.hear(*thing, source=number)
            case "message", _:
                bench.tell(MessageReceived(node(number), thing))  # type: ignore[arg-type]  # a message
            case "failed", _:
                bench.tell(SendFailed(node(number), thing))  # type: ignore[arg-type]  # a message
            case "wait", float():
                bench.until(bench.now + thing)
            case "sleep", float():
                bench.now += thing
            case _:
                bench.tell(thing)
    bench.until(bench.now + 5.0)


@pytest.mark.parametrize("kind", list(GOSSIP_MESSAGES.values()))
def test_every_message_survives_its_encoding(kind: type) -> None:
    @settings(max_examples=25)
    @given(instances(kind))
    def survives(message: object) -> None:
        assert decode_all(encode_all([message]), 1 << 20) == (message,)  # type: ignore[list-item]  # one of ours

    survives()


@settings(max_examples=300)
@given(st.binary(max_size=400), st.integers(0, 399), st.integers(0, 255))
def test_the_datagram_decoder_refuses_noise_and_bears_damage(noise: bytes, place: int, value: int) -> None:
    with suppress(BadMessage):
        decode_all(noise, 1200)
    whole = bytearray(encode_all([record_of(1), accusation(1, 2), Ping(1, handle(1), handle(2), Boot(1))]))
    whole[place % len(whole)] = value
    bench = lab(2)
    with suppress(BadMessage):
        bench.hear(*decode_all(bytes(whole), 1200))


def test_a_claim_of_whatever_size_goes_into_one_datagram() -> None:
    activity = Activity(node(1), 1, 0, 40, 7)  # type: ignore[arg-type]  # any digest will do
    engines = tuple(EngineBuild("e" * 24, "b" * 48) for _ in range(5))
    greedy = Meta("s" * 96, ("t" * 32,) * 8, engines, 2**12, 255, (activity,) * 4, sketch=bytes(256))
    record = sign_claim(Claim("n" * 64, ("h" * 64, 1), Boot(1), 0, meta=greedy), keys_of(ME))
    assert len(encode(record)) + len(encode(Ping(2**32 - 1, handle(1), handle(2), Boot(2**62)))) <= 1170
    known = open_record(record, keys_of(ME))
    assert known is not None
    assert known.claim.meta.engines == engines
    assert known.claim.meta.sketch == b""


def test_no_datagram_ever_exceeds_the_packet() -> None:
    bench = lab(4, start=True)
    for number in range(5, 60):
        bench.hear(record_of(number, meta=Meta(site="s" * 90, sketch=bytes(120))))
        bench.until(bench.now + 0.05)
    for effect in bench.effects:
        sent = getattr(effect, "messages", None)
        assert sent is None or len(encode_all(sent)) <= GossipConfig().packet
    assert any(len(getattr(effect, "messages", ())) > 1 for effect in bench.effects)


def test_rumours_are_told_newest_first_as_often_as_the_limit_and_are_bounded() -> None:
    queue = RumourQueue(3)
    told = [Nack(number, Handle(b"")) for number in range(4)]
    for number, message in enumerate(told):
        queue.put(number, message, 100)
    assert len(queue) == 3
    assert queue.take(200, 2) == ([told[3], told[2]], 200)
    assert queue.take(200, 2) == ([told[1], told[2]], 200)
    queue.put(1, told[0], 100)
    assert queue.take(1000, 2) == ([told[0], told[3]], 200)
    assert queue.take(1000, 2) == ([told[0]], 100)
    assert len(queue) == 0


def test_records_of_the_maximum_fit_the_wire() -> None:
    assert len(encode(Record(bytes(960), bytes(32), bytes(72), bytes(64)))) <= GossipConfig().packet
