"""A node's settings as they are in force: defaults, then `mesh.toml`, then flags, validated once.

What `load_config` returns is right; what it refuses it names, with the file, the setting and what is allowed.
"""

from __future__ import annotations

import re
import socket
import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from mesh.config.settings import NodeConfig
from mesh.errors import BadConfig, BadOption


def load_config(
    file: Path | None = None,
    flags: Mapping[str, object] | None = None,
    options: Mapping[str, str] | None = None,
) -> NodeConfig:
    """Defaults, then `file` where it exists, then `flags` by dotted name, such as `{"listen.port": 0}`.

    Flags whose value is None are left out. Raises BadConfig, naming the field and what is allowed; and BadOption for a flag
    that people know by another name, by its dotted one in `options`.
    """
    config = NodeConfig()
    if file is not None:
        try:
            config = _read_table(config, tomllib.loads(file.read_text("utf-8")), str(file), "")
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise BadConfig(
                field="file", where=str(file), reason=reason, hint="Correct or remove it."
            ) from error
    for name, value in (flags or {}).items():
        if value is None:
            continue
        *tables, key = name.split(".")
        nested: dict[str, object] = {key: value}
        for table in reversed(tables):
            nested = {table: nested}
        try:
            config = _read_table(config, nested, "the command line", "")
        except BadConfig as error:
            if options is None or name not in options:
                raise
            raise BadOption(**{**error.details, "field": options[name]}) from error
    if not config.name:
        config = replace(config, name=_own_name())
    return config


def _own_name() -> str:
    """The host name up to its first dot, with what a name may not hold replaced."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname().split(".")[0]).lstrip("._-")
    return cleaned[:63] or "node"


def _read_table(base: Any, table: object, where: str, path: str) -> Any:
    """`base`, a settings dataclass, with what `table` says replaced."""
    if not isinstance(table, dict):
        raise BadConfig(field=path, where=where, reason=f"{table!r} is not a table", hint=f"Write [{path}].")
    known = {one.name: one for one in fields(base)}
    changes: dict[str, Any] = {}
    for key, value in table.items():
        full = f"{path}.{key}" if path else key
        if key not in known:
            raise BadConfig(
                field=full, where=where, reason="there is no such setting", hint=_near(key, known)
            )
        current = getattr(base, key)
        if is_dataclass(current):
            changes[key] = _read_table(current, value, where, full)
        else:
            try:
                changes[key] = known[key].metadata["read"](value)
            except ValueError as error:
                reason = f"it is {value!r}"
                raise BadConfig(field=full, where=where, reason=reason, hint=f"Allowed: {error}.") from error
    return replace(base, **changes)


def _near(word: str, known: Mapping[str, object]) -> str:
    """A hint at the settings closest to `word`."""
    import difflib  # only for the sentence of an error

    close = difflib.get_close_matches(word, list(known), n=2)
    return f"Did you mean {' or '.join(close)}?" if close else f"There are: {', '.join(known)}."
