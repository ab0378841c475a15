"""Where every node is at a time: rest poses, animated channels, and world transforms.

What no channel moves, directly or through an ancestor, is worked out once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mesh.scenes.gltf.animation import Clip
from mesh.scenes.gltf.hierarchy import Node
from mesh.scenes.gltf.pointers import WEIGHTS
from mesh.scenes.matrices import Matrix, compose, multiply

MAX_TRANSFORM = 1e18


class Poses:
    """World transforms and morph weights of the nodes in drawing order, as functions of the time."""

    def __init__(self, nodes: Sequence[Node], clip: Clip | None) -> None:
        self._nodes = nodes
        place_of = {node.index: place for place, node in enumerate(nodes)}
        channels = () if clip is None else clip.channels
        self._channels = [(place_of[c.node], c.path, c.sampler) for c in channels if c.node in place_of]
        animated = {place for place, path, _ in self._channels if path != WEIGHTS}
        self.moves: list[bool] = []
        for place, node in enumerate(nodes):
            self.moves.append(place in animated or (node.parent >= 0 and self.moves[node.parent]))
        self._rest = [_local(node, {}) for node in nodes]
        self._still: list[Matrix] = []
        for place, node in enumerate(nodes):
            self._still.append(
                self._world(place, self._still[node.parent] if node.parent >= 0 else None, None)
            )

    def at(self, moment: float) -> tuple[list[Matrix], Mapping[int, tuple[float, ...]]]:
        """At a moment of the clip: world transforms by place, and the morph weights of those places whose weights are animated."""
        parts: dict[int, dict[str, tuple[float, ...]]] = {}
        for place, path, sampler in self._channels:
            parts.setdefault(place, {})[path] = sampler.at(moment)
        worlds: list[Matrix] = []
        for place, node in enumerate(self._nodes):
            if not self.moves[place]:
                worlds.append(self._still[place])
                continue
            local = _local(node, parts[place]) if place in parts else None
            worlds.append(self._world(place, worlds[node.parent] if node.parent >= 0 else None, local))
        return worlds, {place: found[WEIGHTS] for place, found in parts.items() if WEIGHTS in found}

    def _world(self, place: int, parent: Matrix | None, local: Matrix | None) -> Matrix:
        own = self._rest[place] if local is None else local
        world = own if parent is None else multiply(parent, own)
        if not all(-MAX_TRANSFORM <= x <= MAX_TRANSFORM for x in world):
            self._nodes[place].value.fail("is moved or scaled beyond all measure")
        return world


def _local(node: Node, parts: Mapping[str, tuple[float, ...]]) -> Matrix:
    if node.matrix is not None and not parts.keys() - {WEIGHTS}:
        return node.matrix
    return compose(
        parts.get("translation", node.translation),
        parts.get("rotation", node.rotation),
        parts.get("scale", node.scale),
    )
