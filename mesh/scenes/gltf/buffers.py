"""Buffers and buffer views: the bytes behind accessors and embedded images, bounds checked.

Buffers come from a data URI, a file beside the scene, or the GLB's binary chunk, and are read once.
"""

from __future__ import annotations

from pathlib import Path

from mesh.scenes.errors import MissingFiles
from mesh.scenes.gltf.cursor import Value
from mesh.scenes.gltf.document import Document
from mesh.scenes.gltf.uris import decode_data_uri, is_data_uri, tree_path


class Buffers:
    """The bytes of one document, read when first asked for."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._buffers = document.objects("buffers")
        self._views = document.objects("bufferViews")
        self._loaded: dict[int, memoryview] = {}
        self._decoded: dict[int, memoryview] = {}

    @property
    def view_count(self) -> int:
        return len(self._views)

    def view(self, index: int) -> memoryview:
        """The bytes of buffer view `index`, decompressed where EXT_meshopt_compression is used."""
        view = self._views[index]
        compressed = view.extension("EXT_meshopt_compression")
        if compressed is None:
            return self._range(view)
        if index not in self._decoded:
            # Loaded here, since few scenes need it.
            from mesh.scenes.gltf.meshopt import decode_view

            length = view.integer("byteLength", low=1)
            self._decoded[index] = memoryview(decode_view(compressed, self._range(compressed), length))
        return self._decoded[index]

    def stride(self, index: int) -> int:
        """The distance between elements in bytes that the view states, 0 where it states none."""
        return self._views[index].integer("byteStride", 0, low=4, high=252)

    def file_bytes(self, owner: Value, uri: str) -> bytes:
        """The bytes of a data URI, or of a file beside the scene."""
        if is_data_uri(uri):
            return decode_data_uri(owner, uri)
        path = self._document.path.parent / Path(tree_path(owner, uri))
        try:
            return path.read_bytes()
        except OSError as error:
            raise MissingFiles(
                file=owner.file, count="a file", names=f"{path} ({error.strerror or error})"
            ) from error

    def _range(self, view: Value) -> memoryview:
        buffer = view.index("buffer", len(self._buffers), "buffers")
        if buffer < 0:
            view.fail("is missing", key="buffer")
        offset = view.integer("byteOffset", 0)
        length = view.integer("byteLength", low=1)
        data = self._buffer(buffer)
        if offset + length > len(data):
            view.fail(f"reaches to byte {offset + length}, but buffers[{buffer}] has {len(data)}")
        return data[offset : offset + length]

    def _buffer(self, index: int) -> memoryview:
        if index not in self._loaded:
            self._loaded[index] = memoryview(self._load(index))
        return self._loaded[index]

    def _load(self, index: int) -> bytes:
        buffer = self._buffers[index]
        length = buffer.integer("byteLength", low=1)
        if buffer.has("uri"):
            data = self.file_bytes(buffer, buffer.text("uri"))
        elif index == 0 and self._document.binary_length:
            with self._document.path.open("rb") as file:
                file.seek(self._document.binary_offset)
                data = file.read(self._document.binary_length)
        else:
            buffer.fail("has neither a uri nor a binary chunk in the file")
        if len(data) < length:
            buffer.fail(f"should have {length} bytes, but only {len(data)} are there")
        return data[:length] if len(data) - length > 3 else data
