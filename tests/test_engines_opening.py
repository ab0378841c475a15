"""A scene may take long to open: a renderer that is at it is told from one that hangs. In virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from mesh.engines import host as host_module
from mesh.engines.diligence import LOOK_SECONDS, Diligence
from mesh.engines.host import EngineHost
from mesh.engines.news import EngineNews, EnginePreparing, EngineProgress
from mesh.engines.protocol import Compiling, Opened, Progress, Reopening
from mesh.model.units import Unit
from mesh.wire.base import Message
from mesh.wire.effects import Attempt
from tests.engine_lab import sleeping_job

HOURS = 3 * 3600.0


@pytest.mark.parametrize(
    ("worked", "logged", "at_work"),
    [
        pytest.param(5.0, 0, True, id="computes"),
        pytest.param(0.2, 0, True, id="reads from a slow disk"),
        pytest.param(0.01, 0, False, id="looks at a lock"),
        pytest.param(0.0, 0, False, id="hangs"),
        pytest.param(0.0, 80, True, id="writes a line"),
    ],
)
def test_who_computes_or_says_something_is_at_work(worked: float, logged: int, at_work: bool) -> None:
    diligence = Diligence(100.0)
    assert diligence.look(105.0, 1.0, 40)
    assert diligence.look(110.0, 1.0 + worked, 40 + logged) is at_work
    assert not diligence.look(115.0, 1.0 + worked, 40 + logged), "what it did before counts once"


class FakeRenderer:
    """Answers what the test has it answer, and computes as long as the test says."""

    pid = 1
    log = ""
    logged = 0
    returncode = 0
    busy = True

    def __init__(self, _environment: Mapping[str, str]) -> None:
        self.said: list[Message] = []

    def say(self, message: Message) -> None:
        self.said.append(message)

    def worked(self) -> float:
        return trio.current_time() if self.busy else 0.0

    async def start(self) -> None:
        await trio.lowlevel.checkpoint()

    async def serve(self, _hear: Callable[[Sequence[Message]], None]) -> None:
        await trio.sleep_forever()


Body = Callable[[EngineHost, FakeRenderer, list[EngineNews]], Awaitable[None]]


def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: Body) -> None:
    """`body` with a host that has asked a renderer which computes for two units of a scene."""
    monkeypatch.setattr(host_module, "Renderer", FakeRenderer)

    async def main() -> None:
        news: list[EngineNews] = []
        host = EngineHost(tmp_path, 1, news.extend)
        renderer = host._renderer
        assert isinstance(renderer, FakeRenderer)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(host.run)
            for attempt in (1, 2):
                host.render(Attempt(attempt), sleeping_job(), Unit(1, 0, 8), tmp_path)
            await body(host, renderer, news)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))


def prepared(news: list[EngineNews]) -> list[Attempt]:
    """Which units were said to be prepared since this was last asked."""
    said = [each.attempt for each in news if isinstance(each, EnginePreparing)]
    news.clear()
    return said


def test_as_long_as_a_renderer_computes_its_unit_is_being_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(host: EngineHost, _renderer: FakeRenderer, news: list[EngineNews]) -> None:
        await trio.sleep(HOURS)
        said = prepared(news)
        assert set(said) == {1}, "of those that wait behind it nobody says so"
        assert len(said) >= HOURS / LOOK_SECONDS - 1
        # the scene is open, and the renderer is compiled
        host._hear([Compiling(1), Opened(1)])
        await trio.sleep(HOURS)
        assert prepared(news)
        # there are pixels: from here on only progress counts
        host._hear([Progress(1, 0.1)])
        assert news == [EngineProgress(Attempt(1), 0.1)]
        await trio.sleep(HOURS)
        assert not prepared(news)

    play(tmp_path, monkeypatch, body)


def test_of_a_renderer_that_hangs_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(_host: EngineHost, renderer: FakeRenderer, news: list[EngineNews]) -> None:
        await trio.sleep(60.0)
        assert prepared(news)
        renderer.busy = False
        await trio.sleep(HOURS)
        assert not prepared(news)

    play(tmp_path, monkeypatch, body)


def test_a_scene_may_be_opened_again_at_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(host: EngineHost, _renderer: FakeRenderer, news: list[EngineNews]) -> None:
        host._hear([Opened(1)])
        await trio.sleep(HOURS)
        assert not prepared(news)
        host._hear([Reopening(1)])
        await trio.sleep(HOURS)
        assert prepared(news)

    play(tmp_path, monkeypatch, body)


def test_a_unit_that_was_given_up_is_not_spoken_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(host: EngineHost, _renderer: FakeRenderer, news: list[EngineNews]) -> None:
        host.stop(Attempt(1), patience=HOURS)
        await trio.sleep(60.0)
        assert not prepared(news)

    play(tmp_path, monkeypatch, body)
