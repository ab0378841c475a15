"""The rooms of ARCHITECTURE.md, enforced: who may import whom, and what each process may load.

Read from the document itself, so that the list and the test cannot drift apart: a line of the list is a
floor, `|` is a wall between rooms of one floor, and a comma joins packages into one room.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "mesh").rglob("*.py"))

# A library, and the only places that may import it.
CONFINED = {
    "cbor2": ("mesh.wire.codec",),
    "trio_websocket": ("mesh.net",),
    "numba": ("mesh.render",),
    "llvmlite": ("mesh.render",),
    "OpenImageIO": ("mesh.render", "mesh.scenes", "mesh.engines"),
}


def read_rooms(document: str) -> dict[str, tuple[int, int]]:
    """Package -> (floor, room on that floor); the roof is floor 0."""
    section = document.split("## The rooms", 1)[1].split("\n## ", 1)[0]
    rooms = {}
    for floor, line in enumerate(re.findall(r"^    (\S.*)$", section, re.MULTILINE)):
        for room, names in enumerate(re.split(r"\s{2,}", line)[0].split("|")):
            for name in names.split(","):
                rooms[name.strip()] = (floor, room)
    return rooms


ROOMS = read_rooms((ROOT / "ARCHITECTURE.md").read_text())


def may_import(importer: str, imported: str) -> bool:
    """Whether package `importer` may use package `imported`, both named without `mesh.`."""
    floor, room = ROOMS[importer]
    other_floor, other_room = ROOMS[imported]
    return other_floor > floor or (other_floor, other_room) == (floor, room)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import in a file, those inside functions and TYPE_CHECKING too."""
    package = module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            climbed = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*climbed, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def is_inside(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def test_the_list_of_rooms_is_understood() -> None:
    assert may_import("node", "blocks")
    assert not may_import("blocks", "node")
    assert not may_import("gossip", "sched"), "a wall stands between rooms of one floor"
    assert may_import("model", "errors"), "a comma joins packages into one room"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_point_only_downward(path: Path) -> None:
    here = module_name(path).split(".")
    if len(here) == 1:
        return  # mesh/__init__.py, which everybody imports, is checked below
    for line, name in imports(path):
        there = name.split(".")
        if there[0] == "mesh" and len(there) > 1 and there[1] in ROOMS:
            assert here[1] in ROOMS, f"{path}: {here[1]} has no room in ARCHITECTURE.md"
            assert may_import(here[1], there[1]), f"{path}:{line}: {here[1]} may not import {there[1]}"


def test_the_root_package_imports_no_room() -> None:
    assert not list(imports(ROOT / "mesh" / "__init__.py"))


@pytest.mark.parametrize("library", CONFINED)
def test_a_confined_library_is_imported_only_in_its_place(library: str) -> None:
    for path in MODULES:
        if not any(is_inside(module_name(path), place) for place in CONFINED[library]):
            for line, name in imports(path):
                assert not is_inside(name, library), f"{path}:{line} imports {library}"


def loaded_by(package: str, *, whole: bool) -> set[str]:
    """Names of the top-level modules that a fresh interpreter has after importing `package`, and where
    `whole` every module below it."""
    program = (
        "import importlib, pkgutil, sys\n"
        f"package = importlib.import_module({package!r})\n"
        f"if {whole}:\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if not module.name.endswith('__main__'):\n"
        "            importlib.import_module(module.name)\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    assert not loaded_by("mesh.cli", whole=False) & {"numba", "llvmlite", "OpenImageIO", "numpy", "DracoPy"}


def test_the_node_process_never_loads_a_compiler_or_image_library() -> None:
    assert not loaded_by("mesh.node", whole=True) & {"numba", "llvmlite", "OpenImageIO"}


def test_no_module_asks_lapack_or_blas() -> None:
    """What they give has other bits on other processors, and pixels must not (ARCHITECTURE.md, Pixels)."""
    asking = [
        path.name for path in MODULES if re.search(r"\blinalg\b|\bmatmul\b|\beinsum\b", path.read_text())
    ]
    assert asking == []
