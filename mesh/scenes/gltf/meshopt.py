"""EXT_meshopt_compression: vertex attributes, triangle lists and index sequences out of their bit streams.

Source: the extension's text, appendices A (bitstream) and B (filters). Every read is bounded: a stream
that ends early, or promises more than its bytes could hold, is refused before memory is taken for it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mesh.scenes.gltf.cursor import Value
from mesh.scenes.gltf.meshopt_filters import FILTERS
from mesh.scenes.gltf.meshopt_indices import StreamEnds, decode_sequence, decode_triangles

_MODES = ("ATTRIBUTES", "TRIANGLES", "INDICES")
_ATTRIBUTES_HEADER = 0xA0
_GROUP = 16
_TAIL = 32
# For each pair of header bits: how many bits each of the 16 values takes in the packed part.
_WIDTHS = (0, 2, 4, 8)

Bytes = NDArray[np.uint8]


def decode_view(extension: Value, data: memoryview, length: int) -> bytes:
    """The buffer view's `length` bytes out of the compressed `data`."""
    mode = extension.choice("mode", "", _MODES)
    filter_name = extension.choice("filter", "NONE", ("NONE", *FILTERS))
    stride = extension.integer("byteStride", low=2, high=256)
    count = extension.integer("count", low=1, high=2**31)
    if count * stride != length:
        extension.fail(f"has {count} elements of {stride} bytes for a view of {length} bytes")
    try:
        if mode == "ATTRIBUTES":
            if stride % 4:
                extension.fail("should be a multiple of 4", key="byteStride")
            decoded = decode_attributes(data, count, stride)
            return decoded if filter_name == "NONE" else FILTERS[filter_name](extension, decoded, stride)
        if stride not in (2, 4):
            extension.fail("should be 2 or 4", key="byteStride")
        indices = decode_triangles(data, count) if mode == "TRIANGLES" else decode_sequence(data, count)
    except StreamEnds as reason:
        extension.fail(f"cannot be decompressed: {reason}")
    if max(indices) >= 1 << (8 * stride):
        extension.fail("has indices too large for its byteStride")
    return np.array(indices, f"<u{stride}").tobytes()


def decode_attributes(data: memoryview, count: int, stride: int) -> bytes:
    """Appendix A, mode 0: each byte of the elements on its own, as differences from the element before."""
    if not data or data[0] != _ATTRIBUTES_HEADER:
        raise StreamEnds("its header is not that of attributes")
    tail = max(stride, _TAIL)
    per_block = min((8192 // stride) & ~15, 256)
    # Every group of 16 bytes takes two header bits at least.
    if len(data) < 1 + tail or (count // _GROUP) * stride > (len(data) - 1 - tail) * 4:
        raise StreamEnds("it is too short")
    stream = np.frombuffer(data, np.uint8)
    end = len(stream) - tail
    before = stream[len(stream) - stride :].copy()
    decoded = np.zeros((count, stride), np.uint8)
    at = 1
    for first in range(0, count, per_block):
        block = decoded[first : first + per_block]
        for byte in range(stride):
            deltas, at = _read_deltas(stream, at, end, len(block))
            # Zigzag: the lowest bit is the sign. Sums wrap at 256, as bytes do.
            signed = (deltas >> 1) ^ (np.uint8(0) - (deltas & 1))
            block[:, byte] = np.cumsum(signed, dtype=np.uint8) + before[byte]
        before = block[-1]
    return decoded.tobytes()


def _read_deltas(stream: Bytes, at: int, end: int, count: int) -> tuple[Bytes, int]:
    """`count` differences from groups of 16, each group packed in 0, 2, 4 or 8 bits; and where they end."""
    groups = -(-count // _GROUP)
    header = stream[at : at + -(-groups // 4)]
    at += -(-groups // 4)
    if at > end:
        raise StreamEnds("it ends too early")
    deltas = np.zeros((groups, _GROUP), np.uint8)
    for group in range(groups):
        width = _WIDTHS[(int(header[group // 4]) >> (2 * (group % 4))) & 3]
        if width == 0:
            continue
        packed = stream[at : at + 2 * width]
        at += 2 * width
        if at > end:
            raise StreamEnds("it ends too early")
        if width == 8:
            deltas[group] = packed
            continue
        shifts = np.arange(8 - width, -1, -width, dtype=np.uint8)
        largest = (1 << width) - 1
        values = ((packed[:, None] >> shifts) & largest).reshape(_GROUP)
        escaped = values == largest
        literals = int(np.count_nonzero(escaped))
        if at + literals > end:
            raise StreamEnds("it ends too early")
        values[escaped] = stream[at : at + literals]
        at += literals
        deltas[group] = values
    return deltas.reshape(-1)[:count], at
