"""JSON of the model's dataclasses and back, and the document drawn from the same types."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.control.convert import BadValue, from_json, to_json
from mesh.control.openapi import document
from mesh.control.routes import DOCUMENT_PATH, EVENTS_PATH, ROUTES
from mesh.control.service import SubmitReceipt, SubmitRequest
from mesh.model.ids import Digest
from mesh.model.status import JobState, JobStatus


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Inner:
    name: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class Outer:
    """Every kind of field there is."""

    count: int
    share: float
    yes: bool
    colour: Colour
    inner: Inner
    maybe: Inner | None
    row: tuple[int, str]
    run: tuple[Inner, ...]
    late: int = 7


inners = st.builds(Inner, st.text(), st.binary(max_size=40).map(Digest))
outers = st.builds(
    Outer,
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.sampled_from(Colour),
    inners,
    st.none() | inners,
    st.tuples(st.integers(), st.text()),
    st.lists(inners, max_size=4).map(tuple),
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4),
    max_leaves=12,
)


@given(outers)
def test_what_is_written_is_read_back(value: Outer) -> None:
    assert from_json(Outer, json.loads(json.dumps(to_json(value)))) == value


st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))


@pytest.mark.parametrize("kind", [JobStatus, SubmitRequest, SubmitReceipt])
@settings(max_examples=20)
@given(data=st.data())
def test_every_message_of_the_api_survives_json(kind: type, data: st.DataObject) -> None:
    value = data.draw(st.from_type(kind))
    assert from_json(kind, json.loads(json.dumps(to_json(value)))) == value


@given(anything)
def test_any_json_is_read_or_refused_saying_where(value: Any) -> None:
    where = "body"
    try:
        from_json(SubmitRequest, value)
    except BadValue as error:
        where = str(error)
    assert where.startswith("body")


def good() -> dict[str, Any]:
    inner = Inner("a", Digest(b"\x01\x02"))
    whole = to_json(Outer(1, 0.5, True, Colour.RED, inner, None, (1, "x"), (inner,)))
    assert isinstance(whole, dict)
    return whole


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"count": "1"}, "body.count must be of type int"),
        ({"count": True}, "body.count must be of type int"),
        ({"count": 1.5}, "body.count must be of type int"),
        ({"share": float("inf")}, "body.share must be finite"),
        ({"yes": 1}, "body.yes must be of type bool"),
        ({"colour": "green"}, "body.colour must be one of red, blue"),
        ({"inner": []}, "body.inner must be an object"),
        ({"inner": {"name": "a"}}, "body.inner.digest is missing"),
        ({"inner": {"name": "a", "digest": "xy"}}, "body.inner.digest must be hex"),
        ({"row": [1]}, "body.row must be a list of 2"),
        ({"run": {}}, "body.run must be a list"),
        ({"run": [{"name": 3, "digest": ""}]}, r"body.run\[0\].name must be of type str"),
    ],
)
def test_a_wrong_value_is_refused_saying_where_and_why(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadValue, match=reason):
        from_json(Outer, good() | change)


def test_unknown_fields_are_ignored_and_missing_ones_have_their_defaults() -> None:
    value = from_json(Outer, good() | {"newer": 1, "late": 9})
    assert value.late == 9
    assert from_json(Outer, {key: one for key, one in good().items() if key != "late"}).late == 7


def test_what_has_no_json_form_is_our_own_mistake() -> None:
    with pytest.raises(TypeError):
        to_json(object())


# --- the OpenAPI document -------------------------------------------------------------------------------


def test_the_document_holds_every_route_and_nothing_else() -> None:
    described = {
        (method.upper(), path) for path, methods in document()["paths"].items() for method in methods
    }
    assert described == {(route.method, route.path) for route in ROUTES} | {("GET", EVENTS_PATH)}
    assert DOCUMENT_PATH not in document()["paths"]


def test_every_parameter_in_a_path_is_described() -> None:
    for path, methods in document()["paths"].items():
        for operation in methods.values():
            named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))


def test_every_reference_in_the_document_leads_somewhere() -> None:
    text = json.dumps(document())
    schemas = document()["components"]["schemas"]
    assert set(re.findall(r'"#/components/schemas/(\w+)"', text)) == set(schemas)
    assert schemas["JobStatus"]["properties"]["state"] == {
        "type": "string",
        "enum": [state.value for state in JobState],
    }


def test_operations_have_names_of_their_own() -> None:
    names = [route.handler.__name__ for route in ROUTES]
    assert len(set(names)) == len(names)
