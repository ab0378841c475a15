"""The points by which a scene without a camera is framed: its vertices; boxes around them where they are many, and one
box around all where even these are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mesh.scenes.description import Scene, Snapshot

Points = NDArray[np.float64]

_MOST = 4_000_000
"""Points that are looked at one by one."""


def outline(scene: Scene, snapshot: Snapshot) -> Points | None:
    """Points (n, 3) in the world that hold all of the scene at one moment; None where there is nothing, or more than
    can be looked at."""
    if 8 * len(snapshot.instances) > _MOST:
        return None
    boxes: dict[int, Points] = {}
    shown = [(one.deformed or scene.meshes[one.mesh], one.transform) for one in snapshot.instances]
    total = sum(len(mesh.positions) for mesh, _ in shown)
    parts = []
    for mesh, transform in shown:
        points = boxes.get(id(mesh))
        if points is None:
            points = mesh.positions.astype(np.float64)
            points = points[np.isfinite(points).all(axis=1)]
            if total > _MOST and len(points) > 8:
                low, high = points.min(axis=0), points.max(axis=0)
                points = np.array([[(low, high)[at >> k & 1][k] for k in range(3)] for at in range(8)])
                boxes[id(mesh)] = points
        x, y, z = points[:, 0], points[:, 1], points[:, 2]
        # Elementwise, since a matrix product rounds differently on every processor.
        rows = [row[0] * x + row[1] * y + row[2] * z + row[3] for row in transform.tolist()[:3]]
        parts.append(np.stack(rows, axis=1))
    found = np.concatenate(parts) if parts else np.zeros((0, 3))
    found = found[np.isfinite(found).all(axis=1)]
    return found if len(found) else None
