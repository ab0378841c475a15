"""Jobs that wait for their files: what is said of them, how they begin, and what they survive."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

from mesh.blocks.errors import DiskFull
from mesh.control.pending import Host, NotBegun, NothingToFollow, Pauses, PendingJobs
from mesh.control.service import PendingRequest, SubmitRequest
from mesh.control.terms import JobTerms
from mesh.model.ids import Digest, JobId
from mesh.model.manifest import EngineName, RenderSettings
from mesh.model.status import JobState
from mesh.node.errors import JobHasEnded

SCENE = {
    "asset": {"version": "2.0"},
    "scene": 0,
    "scenes": [{"nodes": []}],
    "images": [{"uri": "wood.png"}],
}
BEGUN = JobId(b"b" * 32)
QUICK = Pauses(look=0.005, settle=0.0, again=0.01)


@dataclass
class Node:
    """What a node does for them, in memory. `refusals` are raised one after the other instead of a check."""

    submitted: list[tuple[SubmitRequest, int]] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    said: list[tuple[str, str, JobId]] = field(default_factory=list)
    refusals: list[Exception] = field(default_factory=list)
    while_storing: Callable[[], None] = lambda: None
    changed: trio.Event = field(default_factory=trio.Event)

    def host(self) -> Host:
        return Host(self.put_file, self.check, self.submit, self.say, self.touch)

    async def put_file(self, path: Path) -> tuple[Digest, int]:
        self.stored.append(path.name)
        data = await trio.Path(path).read_bytes()
        self.while_storing()
        return Digest(data.ljust(32, b".")[:32]), len(data)

    def check(self, request: SubmitRequest) -> None:
        assert not request.files
        if self.refusals:
            raise self.refusals.pop(0)

    async def submit(self, request: SubmitRequest, submitted_ms: int) -> JobId:
        self.submitted.append((request, submitted_ms))
        return BEGUN

    def say(self, kind: str, sentence: str, job: JobId) -> None:
        self.said.append((kind, sentence, job))

    def touch(self) -> None:
        self.changed.set()
        self.changed = trio.Event()

    async def until(self, wanted: Callable[[], bool]) -> None:
        with trio.fail_after(60):
            while not wanted():
                await self.changed.wait()


def a_request(folder: Path, **changes: object) -> PendingRequest:
    facts = {
        "name": "shot",
        "submitter": "ada@desk",
        "scene": str(folder / "shot.gltf"),
        "environment": "",
        "frames": (1, 2, 3),
        "engine": EngineName.BUILTIN,
        "settings": RenderSettings(),
        "terms": JobTerms(priority=4),
    }
    return PendingRequest(**(facts | changes))  # type: ignore[arg-type]


def write_scene(folder: Path) -> None:
    (folder / "shot.gltf").write_text(json.dumps(SCENE))


def write_all(folder: Path) -> None:
    (folder / "wood.png").write_bytes(b"wood")
    write_scene(folder)


def living(
    folder: Path, node: Node, body: Callable[[PendingJobs], Awaitable[None]], keep_days: float = 7.0
) -> None:
    """One life of a node's pending jobs, kept in `folder`."""

    async def main() -> None:
        pending = PendingJobs(folder / "pending", keep_days, node.host(), QUICK)
        async with trio.open_nursery() as nursery:
            await nursery.start(pending.run)
            await body(pending)
            nursery.cancel_scope.cancel()

    trio.run(main)


def test_it_says_what_it_waits_for_and_begins_by_itself(tmp_path: Path) -> None:
    node = Node()

    async def life(pending: PendingJobs) -> None:
        # given a job whose scene is not there
        job = await pending.add(a_request(tmp_path))
        status = pending.status(job)
        assert (status.state, status.name, status.frames, status.priority) == (
            JobState.WAITING,
            "shot",
            "1-3",
            4,
        )
        assert status.waiting == f"it starts when a file is there: {tmp_path}/shot.gltf"
        assert [one.job for one in pending.statuses()] == [job.hex()]
        assert [frame.frame for frame in pending.detail(job).frames] == [1, 2, 3]
        assert pending.page(job).entries == ()
        with pytest.raises(NotBegun):
            pending.check_begun(job)
        # when its files come one after the other
        write_scene(tmp_path)
        await node.until(lambda: "wood.png" in pending.status(job).waiting)
        assert not node.submitted
        (tmp_path / "wood.png").write_bytes(b"wood")
        # then it is submitted with all of them, as of the time when somebody asked for it
        await node.until(lambda: pending.become(job) == BEGUN)
        ((request, submitted_ms),) = node.submitted
        assert [(file.path, file.size) for file in request.files] == [
            ("shot.gltf", (tmp_path / "shot.gltf").stat().st_size),
            ("wood.png", 4),
        ]
        assert (request.name, request.frames, request.terms.priority) == ("shot", (1, 2, 3), 4)
        assert submitted_ms == status.submitted_ms
        # and is no longer listed as one that waits
        assert not list(pending.statuses())
        assert pending.name(job) is None
        pending.check_begun(job)
        assert node.said == [("job-begun", "shot has all its files and begins as 6262-6262", BEGUN)]

    living(tmp_path, node, life)


def test_it_survives_the_end_of_its_node(tmp_path: Path) -> None:
    jobs: list[JobId] = []
    first, second, third = Node(), Node(), Node()

    async def ask(pending: PendingJobs) -> None:
        jobs.append(await pending.add(a_request(tmp_path)))

    async def begin(pending: PendingJobs) -> None:
        assert pending.ids() == tuple(jobs)
        write_all(tmp_path)
        await second.until(lambda: pending.become(jobs[0]) == BEGUN)

    async def look(pending: PendingJobs) -> None:
        assert pending.become(jobs[0]) == BEGUN

    living(tmp_path, first, ask)
    living(tmp_path, second, begin)
    living(tmp_path, third, look)
    assert [len(node.submitted) for node in (first, second, third)] == [0, 1, 0]


def test_a_cancelled_one_never_begins(tmp_path: Path) -> None:
    jobs: list[JobId] = []
    node, later = Node(), Node()

    async def cancel(pending: PendingJobs) -> None:
        jobs.append(await pending.add(a_request(tmp_path)))
        pending.cancel(jobs[0])
        assert pending.status(jobs[0]).state is JobState.CANCELLED
        assert pending.status(jobs[0]).waiting == ""
        with pytest.raises(JobHasEnded, match="shot is cancelled already"):
            pending.cancel(jobs[0])
        with pytest.raises(JobHasEnded):
            pending.check_begun(jobs[0])

    async def wait(pending: PendingJobs) -> None:
        write_all(tmp_path)
        other = await pending.add(a_request(tmp_path, name="other"))
        await later.until(lambda: pending.become(other) == BEGUN)
        assert pending.status(jobs[0]).state is JobState.CANCELLED

    living(tmp_path, node, cancel)
    living(tmp_path, later, wait)
    assert [request.name for request, _ in later.submitted] == ["other"]


def test_one_that_is_cancelled_while_its_files_are_stored_does_not_begin(tmp_path: Path) -> None:
    node = Node()

    async def life(pending: PendingJobs) -> None:
        def cancel() -> None:
            for job in pending.ids():
                if pending.status(job).state is JobState.WAITING:
                    pending.cancel(job)

        node.while_storing = cancel
        write_all(tmp_path)
        await pending.add(a_request(tmp_path))

    living(tmp_path, node, life)
    assert node.stored
    assert not node.submitted


def test_ended_ones_are_forgotten_in_time(tmp_path: Path) -> None:
    async def cancel(pending: PendingJobs) -> None:
        pending.cancel(await pending.add(a_request(tmp_path)))

    async def look(pending: PendingJobs) -> None:
        assert pending.ids() == ()

    living(tmp_path, Node(), cancel)
    living(tmp_path, Node(), look, keep_days=0.0)
    assert not list((tmp_path / "pending").iterdir())


def test_files_that_change_while_they_are_read_are_read_again(tmp_path: Path) -> None:
    node = Node()
    contents = iter([b"wooden", b"wooden again"])

    def write() -> None:
        data = next(contents, None)
        if data is not None:
            (tmp_path / "wood.png").write_bytes(data)

    node.while_storing = write

    async def life(pending: PendingJobs) -> None:
        write_all(tmp_path)
        job = await pending.add(a_request(tmp_path))
        await node.until(lambda: pending.become(job) == BEGUN)

    living(tmp_path, node, life)
    ((request, _),) = node.submitted
    assert request.files[1].size == len(b"wooden again")


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (DiskFull(folder="/data", needed="3 GB"), "it cannot start yet: The disk under /data is full"),
        (NothingToFollow(name="layout"), "it starts when layout is done, which waits for files itself"),
        (OSError("gone away"), "it cannot start yet: gone away"),
    ],
)
def test_what_keeps_it_from_beginning_is_said_and_it_tries_again(
    tmp_path: Path, refusal: Exception, said: str
) -> None:
    node = Node(refusals=[refusal])

    async def life(pending: PendingJobs) -> None:
        write_all(tmp_path)
        job = await pending.add(a_request(tmp_path))
        assert pending.status(job).waiting.startswith(said)
        assert not pending.status(job).waiting.endswith(".")
        await node.until(lambda: pending.become(job) == BEGUN)

    living(tmp_path, node, life)
    assert node.stored == ["shot.gltf", "wood.png"], "nothing is stored for a job that is refused"


def test_a_choice_that_the_scene_does_not_offer_is_said(tmp_path: Path) -> None:
    node = Node()

    async def life(pending: PendingJobs) -> None:
        write_all(tmp_path)
        job = await pending.add(a_request(tmp_path, settings=RenderSettings(camera="left")))
        assert "no camera called 'left'" in pending.status(job).waiting

    living(tmp_path, node, life)
    assert not node.submitted


def test_a_file_that_makes_no_sense_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "pending").mkdir()
    (tmp_path / "pending" / "x.json").write_text("{}")

    async def look(pending: PendingJobs) -> None:
        assert pending.ids() == ()

    with caplog.at_level(logging.WARNING):
        living(tmp_path, Node(), look)
    assert "x.json is not looked at: x.json.job is missing" in caplog.text
    assert (tmp_path / "pending" / "x.json").exists()
