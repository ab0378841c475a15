"""Accessors: typed arrays cut from buffer views; strided, sparse, normalised and quantised ones alike.

Source: glTF 2.0 specification, section 3.6.2, and KHR_mesh_quantization. The conversions use divisions
of float32 by powers of two less one, which IEEE 754 rounds the same way everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesh.scenes.description import F32
from mesh.scenes.gltf.buffers import Buffers
from mesh.scenes.gltf.cursor import Value
from mesh.scenes.gltf.document import MAX_IMPLIED_ELEMENTS

Numbers = NDArray[Any]

MAX_ELEMENTS = 1 << 31

_COMPONENTS: dict[int, np.dtype[Any]] = {
    5120: np.dtype("<i1"),
    5121: np.dtype("<u1"),
    5122: np.dtype("<i2"),
    5123: np.dtype("<u2"),
    5125: np.dtype("<u4"),
    5126: np.dtype("<f4"),
}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
_INDEX_COMPONENTS = (5121, 5123, 5125)
# What a normalised integer of each type is divided by; signed minima are clamped to -1.
_ONE = {"i1": 127.0, "u1": 255.0, "i2": 32767.0, "u2": 65535.0}


@dataclass(frozen=True, slots=True)
class Layout:
    """What an accessor says of itself."""

    value: Value
    dtype: np.dtype[Any]
    kind: str
    count: int
    normalized: bool

    @property
    def width(self) -> int:
        return _WIDTHS[self.kind]


class Accessors:
    """The accessors of one document, each read once."""

    def __init__(self, values: tuple[Value, ...], buffers: Buffers) -> None:
        self._values = values
        self._buffers = buffers
        self._read: dict[int, Numbers] = {}

    @property
    def count(self) -> int:
        return len(self._values)

    def layout(self, index: int) -> Layout:
        value = self._values[index]
        component = value.integer("componentType")
        if component not in _COMPONENTS:
            value.fail(f"is {component}, which is no component type", key="componentType")
        kind = value.text("type")
        if kind not in _WIDTHS:
            value.fail(f"is {kind[:20]!r}, which is no accessor type", key="type")
        count = value.integer("count", low=1, high=MAX_ELEMENTS)
        return Layout(value, _COMPONENTS[component], kind, count, value.boolean("normalized"))

    def floats(self, owner: Value, key: str, kinds: tuple[str, ...]) -> F32:
        """The accessor that `owner[key]` names, as float32 (count, width). `kinds` are the types allowed."""
        index, layout = self._expect(owner, key, kinds)
        return to_floats(self._raw(index, layout), layout)

    def integers(self, owner: Value, key: str, kinds: tuple[str, ...]) -> Numbers:
        """The same as unsigned integers, (count, width), in the type they are stored in."""
        index, layout = self._expect(owner, key, kinds)
        if layout.dtype.kind != "u" or layout.normalized:
            # Some exporters write whole numbers as floats, which the specification forbids.
            layout.value.fail("should hold unsigned integers", key="componentType")
        return self._raw(index, layout)

    def _expect(self, owner: Value, key: str, kinds: tuple[str, ...]) -> tuple[int, Layout]:
        index = owner.index(key, self.count, "accessors")
        if index < 0:
            owner.fail("is missing", key=key)
        layout = self.layout(index)
        if layout.kind not in kinds:
            owner.fail(f"should be {' or '.join(kinds)}, but accessors[{index}] is {layout.kind}", key=key)
        return index, layout

    def _raw(self, index: int, layout: Layout) -> Numbers:
        if index not in self._read:
            self._read[index] = self._assemble(layout)
        return self._read[index]

    def _assemble(self, layout: Layout) -> Numbers:
        value = layout.value
        view = value.index("bufferView", self._buffers.view_count, "bufferViews")
        if view < 0:
            if layout.count > MAX_IMPLIED_ELEMENTS:
                value.fail(f"is {layout.count}, too many for an accessor without data", key="count")
            array = np.zeros((layout.count, layout.width), layout.dtype)
        else:
            offset = value.integer("byteOffset", 0)
            array = self._cut(value, view, offset, layout.dtype, layout.count, layout.width)
        sparse = value.child("sparse")
        return array if sparse is None else self._substitute(sparse, array)

    def _cut(
        self, owner: Value, view: int, offset: int, dtype: np.dtype[Any], count: int, width: int
    ) -> Numbers:
        data = self._buffers.view(view)
        size = dtype.itemsize * width
        stride = self._buffers.stride(view) or size
        end = offset + (count - 1) * stride + size
        if end > len(data):
            owner.fail(f"reaches to byte {end}, but bufferViews[{view}] has {len(data)}")
        strides = (stride, dtype.itemsize)
        return np.ndarray((count, width), dtype, buffer=data, offset=offset, strides=strides)

    def _substitute(self, sparse: Value, array: Numbers) -> Numbers:
        """Section 3.6.2.3: replace a few elements, whose indices must ascend."""
        count = sparse.integer("count", low=1, high=len(array))
        indices, values = sparse.required("indices"), sparse.required("values")
        component = indices.integer("componentType")
        if component not in _INDEX_COMPONENTS:
            indices.fail("should be an unsigned integer type", key="componentType")
        at = self._part(indices, _COMPONENTS[component], count, 1)[:, 0].astype(np.int64)
        if int(at[-1]) >= len(array) or bool(np.any(at[1:] <= at[:-1])):
            indices.fail(f"should ascend and stay below {len(array)}")
        replaced = np.array(array)
        replaced[at] = self._part(values, array.dtype, count, array.shape[1])
        return replaced

    def _part(self, owner: Value, dtype: np.dtype[Any], count: int, width: int) -> Numbers:
        view = owner.index("bufferView", self._buffers.view_count, "bufferViews")
        if view < 0:
            owner.fail("is missing", key="bufferView")
        return self._cut(owner, view, owner.integer("byteOffset", 0), dtype, count, width)


def to_floats(raw: Numbers, layout: Layout) -> F32:
    """Section 3.6.2.2: float32 as stored, integers as they are or, where normalised, within -1 to 1."""
    # Where the bytes are no numbers at all, the caller finds out by looking for non-finite values.
    converted = np.ascontiguousarray(raw, np.float32)
    if not layout.normalized or raw.dtype.kind == "f":
        return converted
    name = raw.dtype.str[1:]
    if name not in _ONE:
        layout.value.fail("cannot be normalised: only 8- and 16-bit integers can", key="normalized")
    scaled = converted / np.float32(_ONE[name])
    return np.maximum(scaled, np.float32(-1.0)) if name[0] == "i" else scaled
