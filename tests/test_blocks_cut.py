"""Cutting: nothing is lost, the cut depends on content alone, and edits stay local."""

from __future__ import annotations

import json
import random
import struct
import subprocess
import sys
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.blocks.cut import cut
from mesh.blocks.errors import WrongBytes
from mesh.blocks.form import from_form, to_form
from mesh.blocks.formats import Grain, Segment, head_wanted, plan
from mesh.blocks.gear import _GEAR, WINDOW, find_candidates
from mesh.blocks.recipe import BLOCK_MAX
from mesh.wire.blocks import BlockForm

MIB = 1 << 20


def noise(count: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(count)


def glb(document: object, binary: bytes) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunks = (
        struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    )
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def scene(x: float = 0.0, views: int = 6) -> bytes:
    """A GLB with `views` runs of 300 kB, and 2000 nodes of which the thousandth stands at `x`."""
    size = 300_000
    nodes = [
        {"name": f"object {n}", "mesh": n % 7, "translation": [x if n == 1000 else 0.5, n, 0]}
        for n in range(2000)
    ]
    document = {
        "nodes": nodes,
        "bufferViews": [{"buffer": 0, "byteOffset": n * size, "byteLength": size} for n in range(views)],
    }
    return glb(document, b"".join(noise(size, n) for n in range(views)))


@settings(max_examples=30)
@given(st.integers(0, 3 * MIB), st.integers(0, 2**32), st.lists(st.integers(1, MIB), min_size=1, max_size=20))
def test_the_blocks_are_the_bytes_and_depend_on_nothing_else(size: int, seed: int, sizes: list[int]) -> None:
    data = noise(size, seed)
    chunks = []
    at = 0
    while at < size:
        chunks.append(data[at : at + sizes[len(chunks) % len(sizes)]])
        at += len(chunks[-1])
    blocks = list(cut(chunks))
    assert b"".join(blocks) == data
    assert all(0 < len(block) <= BLOCK_MAX for block in blocks)
    assert blocks == list(cut([data]))


def test_the_cut_of_known_bytes_never_changes() -> None:
    """Else every stored scene would be sent again after an upgrade."""
    lengths = [len(block) for block in cut([noise(MIB)])]
    assert sum(lengths) == MIB
    assert lengths[:4] == [69845, 71244, 95088, 90899]


def test_blocks_have_about_64_kib() -> None:
    blocks = list(cut([noise(16 * MIB)]))
    assert 48 << 10 < 16 * MIB / len(blocks) < 80 << 10
    assert min(map(len, blocks[:-1])) >= 16 << 10


@pytest.mark.parametrize("byte", [0, 1, 255])
def test_a_run_of_one_byte_is_cut_at_the_longest_block(byte: int) -> None:
    assert [len(block) for block in cut([bytes([byte]) * (5 * MIB)])] == [MIB] * 5


@pytest.mark.parametrize("place", [0, 1_000_000, 3_999_999])
def test_an_insertion_changes_only_the_blocks_around_it(place: int) -> None:
    data = noise(4_000_000)
    before = set(cut([data]))
    after = set(cut([data[:place] + b"inserted" + data[place:]]))
    assert len(after - before) <= 3


def test_moving_an_object_in_a_glb_changes_a_few_kilobytes() -> None:
    before = set(cut([scene(x=0.5)]))
    after = set(cut([scene(x=-17.25)]))
    assert sum(map(len, after - before)) < 40_000
    assert before & after


def test_a_glb_shares_its_buffer_views_with_one_that_has_them_elsewhere() -> None:
    before = set(cut([scene(views=6)]))
    after = list(cut([scene(views=5)]))
    shared = sum(len(block) for block in after if block in before)
    assert shared > 5 * 300_000 * 0.99


def test_a_glb_is_planned_by_its_runs_and_short_ones_share_a_segment() -> None:
    views = [0, 100_000, 100_100, 100_200, 200_000, 300_000]
    document = {
        "images": [{"bufferView": 4}, {"uri": "elsewhere.png"}],
        "bufferViews": [{"buffer": 0, "byteOffset": at} for at in views]
        + [{"buffer": 1, "byteOffset": 50_000}],
    }
    data = glb(document, noise(400_000))
    base = len(data) - 400_000
    assert plan(data[: head_wanted(data)]) == (
        Segment(base, Grain.FINE),
        Segment(base + 100_000, Grain.PLAIN),
        Segment(base + 200_000, Grain.PLAIN),
        Segment(base + 300_000, Grain.WHOLE),
        Segment(None, Grain.PLAIN),
    )
    ends = set(accumulate(len(block) for block in cut([data])))
    assert {base, base + 100_000, base + 200_000, base + 300_000} <= ends


def test_candidates_are_where_the_gear_hash_is_nothing_whatever_the_pieces() -> None:
    data = bytearray(noise(300_000))
    gear, expected = 0, []
    for end, byte in enumerate(data, 1):
        gear = (2 * gear + _GEAR[byte]) & 255
        if gear == 0 and end >= WINDOW:
            expected.append(end)
    ends, hashes = find_candidates(data)
    assert ends.tolist() == expected
    later, their_hashes = find_candidates(data[100_000:])
    assert later.tolist() == [end - 100_000 for end in expected if end >= 100_000 + WINDOW]
    assert their_hashes.tolist() == hashes.tolist()[-len(later) :]


def test_a_node_that_never_cuts_never_loads_numpy() -> None:
    program = "import sys, mesh.blocks.store, mesh.blocks.fetcher; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("head", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_an_image_is_cut_as_little_as_possible(head: bytes) -> None:
    assert [len(block) for block in cut([head + noise(2_500_000)])] == [
        MIB,
        MIB,
        len(head) + 2_500_000 - 2 * MIB,
    ]


@pytest.mark.parametrize(
    "head",
    [
        b"glTF",
        struct.pack("<4sIII4s", b"glTF", 2, 0, 5, b"JSON") + b"{]   ",
        struct.pack("<4sIII4s", b"glTF", 2, 0, 2**32 - 1, b"JSON"),
        struct.pack("<4sIII4s", b"glTF", 1, 0, 5, b"JSON"),
        glb([], b""),
        glb({"bufferViews": 7}, b""),
        glb({"bufferViews": [{"byteOffset": -9}]}, b""),
        glb({"bufferViews": [{"byteOffset": "a"}], "images": [7]}, b""),
        glb({"images": [{"bufferView": []}]}, b""),
        struct.pack("<4sIII4s", b"glTF", 2, 0, 100_000, b"JSON") + b"[" * 100_000,
    ],
)
def test_a_broken_glb_is_cut_like_any_other_bytes(head: bytes) -> None:
    data = head + noise(100_000)
    blocks = list(cut([data]))
    assert b"".join(blocks) == data


@settings(max_examples=40)
@given(st.integers(0, 200_000), st.booleans())
def test_a_block_is_the_same_after_its_form(size: int, is_noise: bool) -> None:
    data = noise(size) if is_noise else bytes(size)
    form, stored = to_form(data)
    assert from_form(form, stored) == data
    assert len(stored) <= len(data)
    assert (form is BlockForm.ZSTD) == (not is_noise and size >= 256)


def test_a_compressed_block_that_would_grow_beyond_a_block_is_refused() -> None:
    import zstandard

    with pytest.raises(WrongBytes):
        from_form(BlockForm.ZSTD, zstandard.ZstdCompressor().compress(bytes(BLOCK_MAX + 1)))
    with pytest.raises(WrongBytes):
        from_form(BlockForm.ZSTD, zstandard.ZstdCompressor(write_content_size=False).compress(bytes(9999)))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_no_compressed_block(data: bytes) -> None:
    with pytest.raises(WrongBytes):
        from_form(BlockForm.ZSTD, data)
