"""The engine host: what a node sees of its renderer process, whatever the renderer does."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from mesh.engines.adapter import UnitStopped
from mesh.engines.host import CANCEL_SECONDS, EngineHost
from mesh.engines.news import EngineDone, EngineFailed
from mesh.engines.protocol import Done, Open, Progress, Unframer, frame
from mesh.engines.sleep import SLOWNESS, SleepSession
from mesh.model.manifest import EngineName, Manifest
from mesh.model.units import Unit
from mesh.wire.codec import BadMessage
from mesh.wire.effects import Attempt
from tests.engine_lab import Listener, sleeping_job, with_host


def test_a_unit_is_rendered_to_a_payload_that_depends_on_the_unit_alone(tmp_path: Path) -> None:
    async def body(host: EngineHost, listener: Listener) -> None:
        payloads = []
        for attempt, unit in ((1, Unit(1, 0, 8)), (2, Unit(1, 0, 8)), (3, Unit(2, 0, 8))):
            host.render(Attempt(attempt), sleeping_job(), unit, tmp_path)
            answer = await listener.next()
            assert isinstance(answer, EngineDone)
            assert (answer.attempt, answer.unit) == (attempt, unit)
            payloads.append(answer.payload)
        assert payloads[0] == payloads[1] != payloads[2]

    with_host(tmp_path, body)


def test_what_a_renderer_has_computed_is_counted(tmp_path: Path) -> None:
    async def body(host: EngineHost, listener: Listener) -> None:
        assert host._renderer.worked() == 0.0
        host.render(Attempt(1), sleeping_job(), Unit(1, 0, 8), tmp_path)
        await listener.next()
        assert host._renderer.worked() > 0.0, "it has at least loaded its modules"

    with_host(tmp_path, body)


def test_the_process_stays_open_between_units(tmp_path: Path) -> None:
    async def body(host: EngineHost, listener: Listener) -> None:
        pids = set()
        for attempt in range(3):
            # Three seeds are three scenes, one more than are kept open at once.
            host.render(Attempt(attempt), sleeping_job(seed=attempt), Unit(1, 0, 8), tmp_path)
            assert isinstance(await listener.next(), EngineDone)
            pids.add(host.pid)
        assert len(pids) == 1

    with_host(tmp_path, body)


def test_a_killed_renderer_costs_its_unit_and_the_next_one_finds_a_fresh_process(tmp_path: Path) -> None:
    async def body(host: EngineHost, listener: Listener) -> None:
        host.render(Attempt(1), sleeping_job(), Unit(1, 0, 8), tmp_path)
        assert isinstance(await listener.next(), EngineDone)
        assert host.pid is not None
        host.render(Attempt(2), sleeping_job(milliseconds=60_000), Unit(2, 0, 8), tmp_path)
        os.kill(host.pid, signal.SIGKILL)
        answer = await listener.next()
        assert isinstance(answer, EngineFailed)
        assert answer.retryable
        assert "SIGKILL" in answer.reason

        host.render(Attempt(3), sleeping_job(), Unit(2, 0, 8), tmp_path)
        assert isinstance(await listener.next(), EngineDone)

    with_host(tmp_path, body)


class Impatient:
    """Gives a unit up when it has been asked a few times whether it is wanted."""

    def __init__(self, times: int) -> None:
        self._times = times

    def limit(self) -> int:
        self._times -= 1
        return 8 if self._times >= 0 else 0

    def progress(self, fraction: float) -> None:
        raise AssertionError(f"it went on, to {fraction}")

    def shared(self) -> tuple[()]:
        return ()

    def warn(self, sentence: str) -> None:
        raise AssertionError(sentence)


def test_a_sleeping_unit_that_is_given_up_is_let_go_of_in_the_middle_of_a_bucket() -> None:
    """Or the next job would wait until that renderer is taken to hang, and started anew."""
    of = sleeping_job(milliseconds=8000)
    session = SleepSession(Open(1, of.engine, "", "none", of.settings, of.frames, 1))
    with pytest.raises(UnitStopped):
        session.render(Unit(1, 0, 8), Impatient(times=2), None)


def test_units_that_waited_behind_a_crash_are_rendered_by_the_next_process(tmp_path: Path) -> None:
    async def body(host: EngineHost, listener: Listener) -> None:
        host.render(Attempt(1), sleeping_job(), Unit(1, 0, 8), tmp_path)
        assert isinstance(await listener.next(), EngineDone)
        assert host.pid is not None
        host.render(Attempt(2), sleeping_job(milliseconds=60_000), Unit(2, 0, 8), tmp_path)
        for attempt in (3, 4, 5):
            host.render(Attempt(attempt), sleeping_job(), Unit(attempt - 2, 0, 8), tmp_path)
        host.shorten(Attempt(4), 3)
        host.stop(Attempt(5))
        os.kill(host.pid, signal.SIGKILL)
        answers = [await listener.next() for _ in range(3)]
        assert [(type(answer), answer.attempt) for answer in answers] == [
            (EngineFailed, 2),
            (EngineDone, 3),
            (EngineDone, 4),
        ]
        assert isinstance(answers[2], EngineDone)
        assert answers[2].unit == Unit(2, 0, 3)

    with_host(tmp_path, body)


def test_a_stopped_unit_is_not_heard_of_again(tmp_path: Path) -> None:
    async def body(host: EngineHost, listener: Listener) -> None:
        host.render(Attempt(1), sleeping_job(milliseconds=400), Unit(1, 0, 8), tmp_path)
        host.render(Attempt(2), sleeping_job(), Unit(2, 0, 8), tmp_path)
        host.stop(Attempt(1))
        answer = await listener.next()
        assert isinstance(answer, EngineDone)
        assert answer.attempt == 2
        assert not list((tmp_path / "spool").iterdir())

    with_host(tmp_path, body)


def test_a_renderer_that_is_deaf_to_a_stop_is_ended_and_what_waited_goes_to_the_next(tmp_path: Path) -> None:
    async def body(host: EngineHost, listener: Listener) -> None:
        # given a renderer at something that cannot be interrupted
        host.render(Attempt(1), sleeping_job(), Unit(1, 0, 8), tmp_path)
        assert isinstance(await listener.next(), EngineDone)
        deaf = host.pid
        assert deaf is not None
        host.render(Attempt(2), sleeping_job(seed=1), Unit(1, 0, 8), tmp_path)
        host.render(Attempt(3), sleeping_job(), Unit(2, 0, 8), tmp_path)
        os.kill(deaf, signal.SIGSTOP)
        # when its unit is given up
        host.stop(Attempt(2), CANCEL_SECONDS)
        # then the next unit is rendered by another process, and nothing is said of the first
        answer = await listener.next()
        assert isinstance(answer, EngineDone)
        assert answer.attempt == 3
        assert host.pid != deaf

    with_host(tmp_path, body)


def test_a_unit_given_up_behind_a_long_one_ends_no_renderer(tmp_path: Path) -> None:
    async def body(host: EngineHost, listener: Listener) -> None:
        host.render(Attempt(1), sleeping_job(milliseconds=1000), Unit(1, 0, 8), tmp_path)
        host.render(Attempt(2), sleeping_job(), Unit(2, 0, 8), tmp_path)
        # when no time is given for the second, whose turn has not come
        host.stop(Attempt(2), 0.0)
        # then the first is rendered nevertheless
        answer = await listener.next()
        assert isinstance(answer, EngineDone)
        assert answer.attempt == 1

    with_host(tmp_path, body)


def test_a_shortened_unit_answers_for_the_buckets_it_kept(tmp_path: Path) -> None:
    async def body(host: EngineHost, listener: Listener) -> None:
        host.render(Attempt(1), sleeping_job(milliseconds=800), Unit(1, 0, 8), tmp_path)
        host.shorten(Attempt(1), 3)
        answer = await listener.next()
        assert isinstance(answer, EngineDone)
        assert answer.unit == Unit(1, 0, 3)

    with_host(tmp_path, body)


def test_a_machine_can_be_made_to_seem_slower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SLOWNESS, "4")

    async def body(host: EngineHost, listener: Listener) -> None:
        host.render(Attempt(1), sleeping_job(milliseconds=8), Unit(1, 0, 8), tmp_path)
        answer = await listener.next()
        assert isinstance(answer, EngineDone)
        assert answer.seconds >= 4 * 0.008

    with_host(tmp_path, body)


def test_progress_is_told_while_a_unit_renders(tmp_path: Path) -> None:
    async def body(host: EngineHost, listener: Listener) -> None:
        host.render(Attempt(1), sleeping_job(milliseconds=1600), Unit(1, 0, 8), tmp_path)
        assert isinstance(await listener.next(), EngineDone)
        fractions = [news.fraction for news in listener.progress]
        assert fractions
        assert fractions == sorted(fractions)
        assert 0 < fractions[0] <= fractions[-1] <= 1

    with_host(tmp_path, body)


def test_a_scene_the_engine_does_not_know_fails_with_its_sentence(tmp_path: Path) -> None:
    async def body(host: EngineHost, listener: Listener) -> None:
        job = sleeping_job()
        broken = Manifest(
            **{name: getattr(job, name) for name in Manifest.__slots__ if name != "engine"},
            engine=EngineName.BUILTIN,
        )
        host.render(Attempt(1), broken, Unit(1, 0, 8), tmp_path)
        answer = await listener.next()
        assert isinstance(answer, EngineFailed)
        assert not answer.retryable
        assert "none" in answer.reason

    with_host(tmp_path, body)


def test_messages_survive_the_pipe_however_it_cuts_them() -> None:
    said = [Progress(1, 0.5), Done(1, Unit(3, 0, 8), 1.25)]
    data = b"".join(frame(message) for message in said)
    unframer = Unframer()
    heard = [message for byte in data for message in unframer.feed(bytes([byte]))]
    assert heard == said


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff\x00", b"\x00\x00\x00\x00\xff"])
def test_a_stream_that_is_no_session_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        Unframer().feed(data)
