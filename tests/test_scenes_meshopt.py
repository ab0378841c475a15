"""EXT_meshopt_compression: streams of the reference encoder come out as its own decoder gives them."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.scenes.errors import BadScene
from mesh.scenes.gltf.cursor import Value
from mesh.scenes.gltf.meshopt import decode_view
from tests.gltf_builder import Gltf

# Mode, filter, stride, count, the beginning of the SHA-256 of what the reference decoder gives, the stream.
STREAMS = [
    (
        "ATTRIBUTES",
        "NONE",
        4,
        16,
        "4157514af6aff601",
        "oAEqqqqqAwCQXvpO5oBnq8keBbNcbnMBADwAABQTAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABwcA",
    ),
    (
        "ATTRIBUTES",
        "NONE",
        12,
        37,
        "bb2e9f8f7408d3b4",
        (
            "oBUqqqqqqqqqqqqAAAAfAD+aPZx5GyfdDADHcNZxz5xIrF0rPHMgZVwEIOuTReL/wAAAnkJg1ekFAP/APEAfHygn"
            "EhEAAAYAFCAAAAAIAAAAFSqqqqqqqqqqqoAAAB8AlyVlr8gOaa4PrDRKSMBaHxS3mkXs1DocyX7Why96L//AAADs"
            "RtNPkhUAADwAMC/8AAAACA8I8AAAAAcIFCAAAAAIAAAAFSqqqqqqqqqqqoAAAB8AYlGJ9vHNxxcsFxJqB0Ghdkik"
            "IxYeNMvxLKuLcwlzoPPAAAAgyA65FQAAADwNDgAAAAMIwAAAAAcUIAAAAAgAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            "AACKBwAAzAcAAF4HAA=="
        ),
    ),
    (
        "TRIANGLES",
        "NONE",
        4,
        216,
        "f7103e45482cce2b",
        (
            "4f4eEA4QDhAOEA4QDv4eGw4aDhkOGA4XDv8eFw4XDhcOFw4XDv8eFw4XDhcOFw4XDv8eFw4XDhcOFw4XDv8eFw4X"
            "DhcOFw4XDg8OvwJvCw5vCw5vCw5vCw4AdodWZ3iphmWJaJgBaQAA"
        ),
    ),
    (
        "INDICES",
        "NONE",
        2,
        216,
        "d770ccf8f0acb42d",
        (
            "0QAEGAAWHBoEGAAWHBoEGAAWHBoEGAAWHBoEGAAWHBoEGAAWHBYEGAAWHBoEGAAWHBoEGAAWHBoEGAAWHBoEGAAW"
            "HBoEGAAWHBYEGAAWHBoEGAAWHBoEGAAWHBoEGAAWHBoEGAAWHBoEGAAWHBYEGAAWHBoEGAAWHBoEGAAWHBoEGAAW"
            "HBoEGAAWHBoEGAAWHBYEGAAWHBoEGAAWHBoEGAAWHBoEGAAWHBoEGAAWHBoEGAAWHBYEGAAWHBoEGAAWHBoEGAAW"
            "HBoEGAAWHBoEGAAWHBoEGAAWHAAAAAA="
        ),
    ),
    (
        "ATTRIBUTES",
        "OCTAHEDRAL",
        4,
        20,
        "773249090efe5058",
        (
            "oAcAuRYC1QRgrE1GH/sBW3HF/wAAACq4cjMHAN9CYisJ85u3mzkNv/Od7v8AAAAtJwcOAAAAAAAAAAAAAAAAAAAA"
            "AAAAAAAAAAAAAAAAAAAADNV/fw=="
        ),
    ),
    (
        "ATTRIBUTES",
        "OCTAHEDRAL",
        8,
        20,
        "f2ccdc1140de7ec4",
        (
            "oAcAQpEcvEg1vumAFWAJHuZL/wAAAHJpy7wGCyDw+lYfBX8UGRAU/wAAAB0MCAMHACQZRsGf3CyYMGDxDdYa/v8A"
            "AADthW/MBg/2Efn5ML+fEhsSFBAQ0AAAAAMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAyABF/f8H/38="
        ),
    ),
    (
        "ATTRIBUTES",
        "QUATERNION",
        8,
        20,
        "f8592cda85b0aeac",
        (
            "oAcAyxj0A9avNw4b6vyxDkfw/wAAABzzsa0HACQjKyYxFAxCT1JTEzBAU/8AAAAFDUobBwC0COfCWPTOz50driDd"
            "2zz/AAAAm9QUfQU8/d/+UUAhF1hXFAYGF0C7AAAACR8HAONc9yNWewnNc1zj0mtihP8AAAB+wPu5BwAxEDkcIh9A"
            "IzdYPzRJTAn/AAAAES1meQYFISFjQwQxIvkAAAADBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAMAAURIRX/Hw=="
        ),
    ),
    (
        "ATTRIBUTES",
        "EXPONENTIAL",
        16,
        20,
        "e3fef664a35b5b48",
        (
            "oAcAbM5o4MeS9grl5pIjk/qw/wAAAAcbBXIHAB8UJ0YDUxoeIQdiEwsvPP8AAABRJDAXBRCEAgZIAAAAAAcAP9o8"
            "Qbpw5+NnRynPZMZ6/wAAAMy0X7wHAEhRAwYEJidKAhkFNVQ/IPAAAAAIFgEkCYBmAAcAIAuYOsa88LWbJxx8xY+C"
            "/wAAAJaMTtkHAGMBJB0FGjpZWgQBQUwAaf8AAAAWWAcKBRACYGEgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAuQQA"
            "84fv//MGGwDzACAA8w=="
        ),
    ),
]
GRID = STREAMS[[stream[0] for stream in STREAMS].index("TRIANGLES")]


def decode(mode, filter_name, stride, count, data, length=None):
    fields = {"mode": mode, "filter": filter_name, "byteStride": stride, "count": count}
    return decode_view(
        Value("scene.glb", "view", fields), memoryview(data), count * stride if length is None else length
    )


@pytest.mark.parametrize(("mode", "filter_name", "stride", "count", "digest", "stream"), STREAMS)
def test_streams_of_the_reference_encoder(mode, filter_name, stride, count, digest, stream):
    decoded = decode(mode, filter_name, stride, count, base64.b64decode(stream))
    assert hashlib.sha256(decoded).hexdigest()[:16] == digest


def test_a_compressed_index_list_is_read_through_its_view(tmp_path):
    gltf = Gltf()
    gltf.json["extensionsRequired"] = gltf.json["extensionsUsed"] = ["EXT_meshopt_compression"]
    _, _, stride, count, _, stream = GRID
    data = base64.b64decode(stream)
    inner = gltf.view(data)
    compressed = {
        **gltf.json["bufferViews"][inner],
        "byteStride": stride,
        "count": count,
        "mode": "TRIANGLES",
    }
    fallback = {
        "buffer": 1,
        "byteLength": count * stride,
        "extensions": {"EXT_meshopt_compression": compressed},
    }
    view = gltf.add("bufferViews", fallback)
    indices = gltf.add(
        "accessors", {"bufferView": view, "componentType": 5125, "count": count, "type": "SCALAR"}
    )
    corners = [[x, y, 0] for y in range(7) for x in range(7)]
    gltf.node(mesh=gltf.mesh({"POSITION": gltf.accessor(corners)}, indices=indices))
    gltf.json["buffers"] = [{"byteLength": len(gltf.binary)}, {"byteLength": count * stride}]
    (mesh,) = gltf.open(tmp_path).meshes
    assert len(mesh.triangles) == 6 * 6 * 2
    a, b, c = (mesh.positions[mesh.triangles[:, corner]].astype(float) for corner in range(3))
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    assert area.tolist() == [1.0] * 72


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"count": 5}, "has 5 elements of 4 bytes for a view of 864 bytes"),
        ({"count": 10**9, "length": 4 * 10**9}, "cannot be decompressed: it is too short"),
        ({"mode": "ATTRIBUTES"}, "cannot be decompressed: its header is not that of attributes"),
        ({"mode": "ATTRIBUTES", "stride": 6, "count": 144}, "byteStride should be a multiple of 4"),
        ({"data": b""}, "its header is not that of triangles"),
        ({"mode": "OTHER"}, "mode is 'OTHER'; it should be one of ATTRIBUTES"),
    ],
)
def test_broken_streams_are_refused(fields, sentence):
    mode, filter_name, stride, count, _, stream = GRID
    whole = {"mode": mode, "filter_name": filter_name, "stride": stride, "count": count, "length": 864}
    with pytest.raises(BadScene) as caught:
        decode(**{**whole, "data": base64.b64decode(stream), **fields})
    assert sentence in str(caught.value)


@given(
    st.sampled_from(STREAMS),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=4),
    st.integers(0, 120),
)
def test_damaged_streams_give_bytes_or_an_error(stream, edits, cut):
    mode, filter_name, stride, count, _, text = stream
    data = bytearray(base64.b64decode(text))
    for at, byte in edits:
        data[at % len(data)] = byte
    try:
        decoded = decode(mode, filter_name, stride, count, bytes(data[: len(data) - cut]))
    except BadScene:
        return
    assert len(decoded) == count * stride
