"""Collecting: which results make a frame, where frames are written, and that nothing half-written stays."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.config.paths import Paths
from mesh.control import collection
from mesh.control.client import Client
from mesh.control.collection import Collector, FrameWritten, Looked, PayloadsLost, Update, Writing, cover
from mesh.control.outputs import (
    BadOutput,
    Existing,
    Format,
    OutputDiskFull,
    OutputExists,
    UnwritableFolder,
    frames_to_write,
    parse_output,
    work_folder,
)
from mesh.control.service import ResultEntry, SubmitRequest
from mesh.model.ids import Digest, JobId
from mesh.model.manifest import EngineName, RenderSettings
from mesh.model.status import JobState
from tests.fake_service import FakeService, serving
from tests.joining_writer import JoiningWriter


def result(start: int, stop: int, node: str = "render1") -> ResultEntry:
    return ResultEntry(1, start, stop, Digest(bytes(32)), 10, node)


@dataclass
class Bench:
    """A job in a served fake mesh, and everything needed to collect it."""

    service: FakeService
    client: Client
    folder: Path
    writer: JoiningWriter = field(default_factory=JoiningWriter)

    def submit(self, frames: tuple[int, ...]) -> str:
        settings = RenderSettings(width=128, height=128)
        request = SubmitRequest("shot", "ada", (), "shot.glb", frames, EngineName.BUILTIN, settings)
        return self.client.submit(request).job.hex()

    def collect(self, job: str, frames: tuple[int, ...], patience: float = 60.0) -> list[Update]:
        pattern = parse_output(str(self.folder), "shot", (), len(frames))
        with work_folder(pattern) as work:
            return list(
                Collector(self.client, self.writer, job, frames, pattern, work, patience=patience).run()
            )

    def files(self) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in sorted(self.folder.iterdir())}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    service = FakeService()
    paths = Paths.locate({"MESH_HOME": str(tmp_path / "home")})
    with serving(service, paths), Client.connect(paths) as client:
        yield Bench(service, client, tmp_path / "renders")


def test_frames_are_written_as_exr_and_png_under_the_job_s_name(bench: Bench) -> None:
    job = bench.submit((1, 2, 3))

    updates = bench.collect(job, (1, 2, 3))

    assert sorted(bench.files()) == [f"shot.000{n}.{kind}" for n in (1, 2, 3) for kind in ("exr", "png")]
    assert bench.files()["shot.0002.exr"] == b"pixels of 2, 0-4"
    assert [update.frame for update in updates if isinstance(update, FrameWritten)] == [1, 2, 3]
    assert not any(isinstance(update, Writing) for update in updates)
    last = updates[-1]
    assert isinstance(last, Looked)
    assert (last.written, last.job.state) == (3, JobState.DONE)


def test_a_frame_that_takes_long_to_write_is_announced(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = bench.submit((1, 2))
    size = len(b"pixels of 1, 0-4")
    monkeypatch.setattr(collection, "_LARGE", size)

    told = [one for one in bench.collect(job, (1, 2)) if not isinstance(one, Looked)]

    assert told[0::2] == [Writing(1, size), Writing(2, size)]
    assert [one.frame for one in told[1::2] if isinstance(one, FrameWritten)] == [1, 2]


def test_a_frame_rendered_in_pieces_is_put_together_from_all_of_them(bench: Bench) -> None:
    bench.service.split = frozenset({1})
    job = bench.submit((1,))
    bench.collect(job, (1,))
    assert bench.files()["shot.0001.png"] == b"pixels of 1, 0-2|pixels of 1, 2-4"


def test_failed_frames_do_not_keep_the_others_from_disk(bench: Bench) -> None:
    bench.service.failing = frozenset({2})
    job = bench.submit((1, 2, 3))
    updates = bench.collect(job, (1, 2, 3))
    assert sorted(bench.files()) == ["shot.0001.exr", "shot.0001.png", "shot.0003.exr", "shot.0003.png"]
    assert updates[-1].job.state is JobState.FAILED  # type: ignore[union-attr]


def test_only_the_frames_asked_for_are_fetched(bench: Bench) -> None:
    job = bench.submit((1, 2, 3))
    bench.collect(job, (3,))
    assert sorted(bench.files()) == ["shot.0003.exr", "shot.0003.png"]


def test_a_frame_whose_pixels_were_found_false_is_written_again_from_others(bench: Bench) -> None:
    # given results of which the first is found false once two are known, and a true one after it
    job = bench.submit((1, 2))
    entries = bench.service.entries[JobId(bytes.fromhex(job))]
    false = replace(entries[0], pixels=bench.service.keep(b"false pixels"))
    bench.service.entries[JobId(bytes.fromhex(job))] = [false, entries[1], entries[0]]
    bench.service.false = {2: (false.pixels,)}
    # when all is collected
    updates = bench.collect(job, (1, 2))
    # then frame 1 was written twice, and what stays is true
    assert [update.frame for update in updates if isinstance(update, FrameWritten)] == [1, 2, 1]
    assert bench.files()["shot.0001.exr"] == b"pixels of 1, 0-4"
    last = updates[-1]
    assert isinstance(last, Looked)
    assert last.written == 2


def test_a_frame_is_put_together_from_what_can_be_had_while_other_pixels_of_it_cannot(bench: Bench) -> None:
    # given a frame rendered whole, which nobody has any more, and then again in two parts
    bench.service.split = frozenset({1})
    job = bench.submit((1,))
    parts = bench.service.entries[JobId(bytes.fromhex(job))]
    whole = replace(parts[0], start=0, stop=4, pixels=bench.service.keep(b"died with two nodes"))
    bench.service.entries[JobId(bytes.fromhex(job))] = [whole, *parts]
    bench.service.lost = (whole.pixels,)
    # when it is collected, then of the parts
    updates = bench.collect(job, (1,))
    assert [update.frame for update in updates if isinstance(update, FrameWritten)] == [1]
    assert bench.files()["shot.0001.png"] == b"pixels of 1, 0-2|pixels of 1, 2-4"


def test_what_is_noted_in_a_file_is_the_same_for_every_job_and_node(bench: Bench) -> None:
    first, second = bench.submit((7,)), bench.submit((7,))
    bench.collect(first, (7,))
    bench.collect(second, (7,))
    assert first != second
    assert bench.writer.written[0].metadata == bench.writer.written[1].metadata


@pytest.mark.parametrize("trouble", ["broken", "gone"])
def test_payloads_that_no_node_has_any_more_are_told_after_patience(bench: Bench, trouble: str) -> None:
    job = bench.submit((1, 2))
    setattr(bench.service, trouble, True)
    with pytest.raises(PayloadsLost, match="2 frames of shot cannot be fetched"):
        bench.collect(job, (1, 2), patience=0.0)
    assert not bench.folder.exists(), "nothing was written, so not even the folder stays"


def test_a_full_disk_leaves_whole_frames_and_says_how_to_go_on(bench: Bench) -> None:
    job = bench.submit((1, 2))
    bench.writer.error = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OutputDiskFull, match=f"mesh collect {job[:8]} --skip-existing"):
        bench.collect(job, (1, 2))
    assert not bench.folder.exists()


@pytest.mark.parametrize(
    ("entries", "chosen"),
    [
        ([(0, 4)], [(0, 4)]),
        ([(2, 4), (0, 2)], [(0, 2), (2, 4)]),
        ([(0, 2)], None),
        ([(0, 1), (2, 4)], None),
        ([], None),
        ([(0, 3), (0, 2), (2, 4)], [(0, 3), (2, 4)]),
        ([(0, 1), (1, 2), (0, 4)], [(0, 4)]),
    ],
)
def test_a_frame_is_covered_by_few_results(
    entries: list[tuple[int, int]], chosen: list[tuple[int, int]] | None
) -> None:
    covered = cover([result(*entry) for entry in entries], 4)
    assert (None if covered is None else [(one.start, one.stop) for one in covered]) == chosen


def test_of_equal_results_the_newest_is_taken() -> None:
    covered = cover([result(0, 4, "dead"), result(0, 4, "alive")], 4)
    assert covered is not None
    assert [one.node for one in covered] == ["alive"]


spans = st.tuples(st.integers(0, 9), st.integers(1, 10)).filter(lambda span: span[0] < span[1])


@given(st.lists(spans, max_size=8))
def test_a_cover_is_found_whenever_the_results_hold_every_bucket(entries: list[tuple[int, int]]) -> None:
    held = {bucket for start, stop in entries for bucket in range(start, stop)}
    covered = cover([result(*entry) for entry in entries], 10)
    assert (covered is not None) == (held == set(range(10)))
    if covered is not None:
        assert {bucket for one in covered for bucket in range(one.start, one.stop)} == held


@pytest.mark.parametrize(
    ("text", "formats", "files"),
    [
        (None, (), ["renders/shot.0007.exr", "renders/shot.0007.png"]),
        ("out", (), ["out/shot.0007.exr", "out/shot.0007.png"]),
        ("out", (Format.PNG,), ["out/shot.0007.png"]),
        ("out/a.##.exr", (), ["out/a.07.exr"]),
        ("out/a.#", (), ["out/a.7.exr", "out/a.7.png"]),
        ("out/a_######_b.png", (), ["out/a_000007_b.png"]),
        ("a.####.exr", (Format.EXR, Format.PNG), ["a.0007.exr", "a.0007.png"]),
        ("v1.2", (), ["v1.2/shot.0007.exr", "v1.2/shot.0007.png"]),
    ],
)
def test_an_output_is_a_folder_or_a_pattern(
    text: str | None, formats: tuple[Format, ...], files: list[str]
) -> None:
    assert [str(file) for file in parse_output(text, "shot", formats, frames=24).files(7)] == files


def test_a_single_frame_needs_no_hashes() -> None:
    assert parse_output("hero.png", "shot", (), frames=1).files(7) == (Path("hero.png"),)


@pytest.mark.parametrize(
    ("text", "formats", "reason"),
    [
        ("hero.png", (), "24 frames need hashes"),
        ("out/##.##.exr", (), "more than one run of hashes"),
        ("o#t/a.##.exr", (), "only the file's name may hold hashes"),
        ("out/a.##.exr", (Format.PNG,), "--format leaves out"),
    ],
)
def test_an_output_that_cannot_be_meant_is_refused(
    text: str, formats: tuple[Format, ...], reason: str
) -> None:
    with pytest.raises(BadOutput, match=reason):
        parse_output(text, "shot", formats, frames=24)


def test_a_job_s_name_cannot_lead_out_of_the_folder() -> None:
    for name in ("../../etc/x", "..", "a/b", "a#b"):
        assert parse_output("out", name, (Format.PNG,), 9).files(1)[0].parent == Path("out")


def test_frames_on_disk_are_refused_skipped_or_replaced(tmp_path: Path) -> None:
    pattern = parse_output(str(tmp_path), "shot", (), 3)
    for name in ("shot.0001.exr", "shot.0001.png", "shot.0002.exr"):
        (tmp_path / name).touch()

    with pytest.raises(OutputExists, match=r"shot.0001.exr, shot.0001.png, shot.0002.exr in .* --overwrite"):
        frames_to_write(pattern, (1, 2, 3), Existing.REFUSE)
    assert frames_to_write(pattern, (1, 2, 3), Existing.SKIP) == (2, 3), "2 lacks its PNG"
    assert frames_to_write(pattern, (1, 2, 3), Existing.OVERWRITE) == (1, 2, 3)
    assert frames_to_write(pattern, (3,), Existing.REFUSE) == (3,)


def test_an_unwritable_folder_is_refused_before_anything_is_rendered(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    pattern = parse_output(str(tmp_path / "file" / "deep"), "shot", (), 1)
    with pytest.raises(UnwritableFolder, match="Not a directory"), work_folder(pattern):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_work_folder_that_cannot_be_made_leaves_no_folder_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_options: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    pattern = parse_output(str(tmp_path / "a" / "b"), "shot", (), 1)
    with pytest.raises(UnwritableFolder, match="Permission denied"), work_folder(pattern):
        pass
    assert list(tmp_path.iterdir()) == []


def test_payloads_go_as_soon_as_their_frame_is_written(bench: Bench) -> None:
    job = bench.submit((1, 2))
    pattern = parse_output(str(bench.folder), "shot", (), 2)
    with work_folder(pattern) as work:
        for update in Collector(bench.client, bench.writer, job, (1, 2), pattern, work).run():
            if isinstance(update, FrameWritten):
                assert list(work.iterdir()) == []
    assert len(bench.writer.written) == 2


def test_a_running_job_is_waited_for(bench: Bench) -> None:
    job = bench.submit((1, 2))
    identity = bench.service.find_job(job)
    ended = bench.service.details[identity]
    running = replace(ended, status=replace(ended.status, state=JobState.RUNNING))
    bench.service.details[identity] = running
    pattern = parse_output(str(bench.folder), "shot", (), 2)
    with work_folder(pattern) as work:
        updates = Collector(bench.client, bench.writer, job, (1, 2), pattern, work).run()
        seen = []
        for update in updates:
            seen.append(update)
            if len([one for one in seen if isinstance(one, FrameWritten)]) == 2:
                bench.service.details[identity] = ended
    assert isinstance(seen[-1], Looked)
    assert seen[-1].job.state is JobState.DONE
