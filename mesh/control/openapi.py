"""The OpenAPI 3.1 document of the control API, drawn from the table of routes."""

from __future__ import annotations

import re
from enum import Enum

import mesh
from mesh.control.convert import Json, schema
from mesh.control.routes import (
    BYTES,
    EVENTS_ABOUT,
    EVENTS_ANSWER,
    EVENTS_PATH,
    PATH_PATTERNS,
    ROUTES,
    ErrorAnswer,
    Query,
    Route,
)


def document() -> Json:
    """The whole document as JSON values. Pure: the same for every node of one version."""
    components: dict[str, Json] = {}
    paths: dict[str, dict[str, Json]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, components)
    after = Query("after", int, 0, "the number of the last event seen")
    paths[EVENTS_PATH] = {
        "get": {
            "summary": EVENTS_ABOUT,
            "parameters": [_query(after)],
            "responses": {
                "101": {
                    "description": "Switching to WebSocket.",
                    "content": _content(EVENTS_ANSWER, components),
                }
            },
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Render mesh control API",
            "version": mesh.__version__,
            "description": "Loopback only. The token is in control.token, the address in control.address, "
            "both in the node's data folder and there while it runs.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, components: dict[str, Json]) -> Json:
    operation: dict[str, Json] = {
        "summary": route.about,
        "operationId": route.handler.__name__.lstrip("_"),
        "parameters": [_path(name) for name in re.findall(r"\{(\w+)\}", route.path)]
        + [_query(query) for query in route.query],
        "responses": {
            "200": {"description": "Done.", "content": _content(route.answer, components)},
            "default": {"description": "Refused.", "content": _content(ErrorAnswer, components)},
        },
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(route.body, components)}
    return operation


def _content(kind: object, components: dict[str, Json]) -> Json:
    if kind is BYTES:
        return {"application/octet-stream": {}}
    return {"application/json": {"schema": schema(kind, components)}}


def _path(name: str) -> Json:
    kind: dict[str, Json] = {"type": "string"}
    if name in PATH_PATTERNS:
        kind["pattern"] = f"^({PATH_PATTERNS[name]})$"
    return {"name": name, "in": "path", "required": True, "schema": kind}


def _query(query: Query) -> Json:
    described = {"name": query.name, "in": "query", "description": query.about}
    if issubclass(query.kind, Enum):
        kind: Json = {"type": "array", "items": schema(query.kind, {}), "default": []}
        return {**described, "style": "form", "explode": False, "schema": kind}
    kind = schema(query.kind, {}) | {"default": query.default}
    if query.kind is not str:
        kind |= {"minimum": query.low, "maximum": query.high}
    return {**described, "schema": kind}
