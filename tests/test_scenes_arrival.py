"""When all files of a scene have arrived: there, readable, whole, and no longer written to."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mesh.scenes.arrival import Arrival

SCENE = {
    "asset": {"version": "2.0"},
    "buffers": [{"uri": "shot.bin", "byteLength": 8}],
    "images": [{"uri": "maps/wood.png"}],
}


def write(file: Path, data: bytes) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(data)


def write_scene(folder: Path) -> Path:
    entry = folder / "shot.gltf"
    write(entry, json.dumps(SCENE).encode())
    return entry


def write_all(folder: Path) -> Path:
    write(folder / "shot.bin", bytes(8))
    write(folder / "maps/wood.png", b"wood")
    return write_scene(folder)


def test_a_scene_is_here_once_nothing_of_it_has_changed_for_a_while(tmp_path: Path) -> None:
    arrival = Arrival(write_all(tmp_path), settle=5.0)
    assert arrival.look(10.0).lacking == "its files have not changed for 5 s"
    assert arrival.look(14.9).lacking == "its files have not changed for 5 s"
    assert arrival.look(15.0).lacking == ""


def test_what_is_missing_is_named_from_the_scene_file_on(tmp_path: Path) -> None:
    arrival = Arrival(tmp_path / "shot.gltf", settle=0.0)
    assert arrival.look(0.0).lacking == f"a file is there: {tmp_path}/shot.gltf"
    write_scene(tmp_path)
    assert arrival.look(1.0).lacking == "2 files are there: shot.bin, maps/wood.png"
    write(tmp_path / "maps/wood.png", b"wood")
    assert arrival.look(2.0).lacking == "a file is there: shot.bin"
    write(tmp_path / "shot.bin", bytes(8))
    assert arrival.look(3.0).lacking == ""


def test_of_many_that_are_missing_a_few_are_named(tmp_path: Path) -> None:
    entry = tmp_path / "shot.gltf"
    images = [{"uri": f"{number}.png"} for number in range(7)]
    write(entry, json.dumps({"asset": {"version": "2.0"}, "images": images}).encode())
    found = Arrival(entry).look(0.0).lacking
    assert found == "7 files are there: 0.png, 1.png, 2.png, 3.png and 3 more"


@pytest.mark.parametrize(
    ("name", "data"), [("shot.bin", bytes(7)), ("maps/wood.png", b"")], ids=["short buffer", "empty image"]
)
def test_a_file_that_is_shorter_than_it_must_be_is_incomplete(tmp_path: Path, name: str, data: bytes) -> None:
    entry = write_all(tmp_path)
    write(tmp_path / name, data)
    assert Arrival(entry, settle=0.0).look(0.0).lacking == f"a file is there: {name} (incomplete)"


def test_a_file_that_grows_starts_the_wait_anew(tmp_path: Path) -> None:
    arrival = Arrival(write_all(tmp_path), settle=5.0)
    arrival.look(0.0)
    write(tmp_path / "maps/wood.png", b"more wood")
    assert arrival.look(5.0).lacking
    assert arrival.look(9.9).lacking
    assert arrival.look(10.0).lacking == ""


def test_a_file_that_is_replaced_by_one_of_the_same_length_has_changed(tmp_path: Path) -> None:
    arrival = Arrival(write_all(tmp_path), settle=5.0)
    before = (tmp_path / "maps/wood.png").stat()
    arrival.look(0.0)
    write(tmp_path / "new", b"moon")
    os.utime(tmp_path / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
    (tmp_path / "new").replace(tmp_path / "maps/wood.png")
    assert arrival.look(5.0).lacking


def test_a_scene_that_is_half_written_is_read_again_when_it_changes(tmp_path: Path) -> None:
    entry = write_all(tmp_path)
    whole = entry.read_bytes()
    entry.write_bytes(whole[:40])
    arrival = Arrival(entry, settle=0.0)
    said = arrival.look(0.0).lacking
    assert said.startswith(
        "shot.gltf is complete; as it is, shot.gltf cannot be rendered: the file is not valid"
    )
    assert not said.endswith(".")
    entry.write_bytes(whole)
    assert arrival.look(1.0).lacking == ""


def test_a_scene_that_asks_for_other_files_than_before_waits_for_those(tmp_path: Path) -> None:
    entry = write_all(tmp_path)
    arrival = Arrival(entry, settle=0.0)
    assert arrival.look(0.0).lacking == ""
    write(entry, json.dumps(SCENE | {"images": [{"uri": "stone.png"}]}).encode())
    assert arrival.look(1.0).lacking == "a file is there: stone.png"


def test_a_folder_is_no_file_and_an_extra_file_counts(tmp_path: Path) -> None:
    entry = write_all(tmp_path)
    (tmp_path / "sky.hdr").mkdir()
    arrival = Arrival(entry, (tmp_path / "sky.hdr",), settle=0.0)
    assert arrival.look(0.0).lacking == "a file is there: sky.hdr (no file)"
    (tmp_path / "sky.hdr").rmdir()
    write(tmp_path / "sky.hdr", b"light")
    assert arrival.look(1.0).lacking == ""


def test_the_marks_of_a_scene_that_is_here_tell_whether_it_changed_since(tmp_path: Path) -> None:
    arrival = Arrival(write_all(tmp_path), settle=0.0)
    first = arrival.look(0.0).marks
    assert arrival.look(1.0).marks == first
    write(tmp_path / "shot.bin", bytes(9))
    assert arrival.look(2.0).marks != first
