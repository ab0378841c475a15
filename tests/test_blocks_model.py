"""The block store against a model: any mix of uses, and what must hold after each."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mesh.blocks.errors import (
    BlockAbsent,
    BlockCorrupt,
)
from mesh.blocks.store import BlockStore
from mesh.model.ids import Digest
from tests.store_lab import HastyDisk, files_under, kill, noise


class StoreModel(RuleBasedStateMachine):
    """Any mix of uses, with a cap small enough to evict, against a dict of what was ever stored."""

    CAPACITY = 300_000

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = BlockStore(self.folder, self.CAPACITY, HastyDisk())
        self.blobs: dict[Digest, bytes] = {}
        self.pins: dict[bytes, set[Digest]] = {}
        self.rotten = False

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(size=st.sampled_from([0, 10, 5_000, 9_000, 30_000, 90_000]), seed=st.integers(0, 5))
    def put(self, size: int, seed: int) -> None:
        root, _ = self.store.put_blob([noise(size, seed)])
        self.blobs[root] = noise(size, seed)
        assert self.store.missing(root) == ()

    @precondition(lambda self: self.blobs)
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        root = data.draw(st.sampled_from(sorted(self.blobs)))
        try:
            assert b"".join(self.store.read_blob(root)) == self.blobs[root]
        except BlockAbsent:
            assert self.rotten or not any(root in roots for roots in self.pins.values())
        except BlockCorrupt:
            assert self.rotten

    @precondition(lambda self: self.blobs)
    @rule(data=st.data(), owner=st.sampled_from([b"a", b"b"]))
    def pin_what_is_whole(self, data: st.DataObject, owner: bytes) -> None:
        root = data.draw(st.sampled_from(sorted(self.blobs)))
        self.store.pin(owner, root)
        if not self.store.missing(root):
            self.pins.setdefault(owner, set()).add(root)

    @rule(owner=st.sampled_from([b"a", b"b"]))
    def unpin(self, owner: bytes) -> None:
        self.store.unpin(owner)
        self.pins.pop(owner, None)

    @rule(clean=st.booleans())
    def reopen(self, clean: bool) -> None:
        if clean:
            self.store.close()
        else:
            kill(self.store)
        self.store = BlockStore(self.folder, self.CAPACITY, HastyDisk())

    @rule(seed=st.integers(0, 100))
    def rot(self, seed: int) -> None:
        files = files_under(self.folder)
        if files:
            files[seed % len(files)].write_bytes(b"rotten")
            self.rotten = True

    @invariant()
    def counts_agree(self) -> None:
        rows = list(self.store._index.by_use())
        assert self.store.usage().bytes == sum(size for _, size, _ in rows)
        assert self.store.usage().blocks == len(rows)

    @invariant()
    def pinned_blobs_are_whole(self) -> None:
        if not self.rotten:
            for roots in self.pins.values():
                for root in sorted(roots):
                    assert self.store.missing(root) == ()

    @invariant()
    def the_cap_holds_where_nothing_is_pinned(self) -> None:
        if not self.store.owners():
            assert self.store.usage().bytes <= self.CAPACITY + 95_000


TestStoreModel = StoreModel.TestCase
TestStoreModel.settings = settings(max_examples=30, stateful_step_count=25)
