"""Two real nodes share the samples of one bucket: the picture is that of one node alone."""

from __future__ import annotations

import os
from pathlib import Path

from mesh.control.client import Client
from mesh.control.service import SceneFile, SubmitRequest
from mesh.engines.builtin_frame import BuiltinRenderer
from mesh.model.manifest import EngineName, RenderSettings
from mesh.model.units import Unit
from tests.gltf_builder import little_room
from tests.real_nodes import is_done, wait_for
from tools.processes import running_mesh

LONG = RenderSettings(width=16, height=16, bucket=16, samples=2048, max_depth=3)
"""A frame of one bucket, rendered in 32 passes."""
_SLOW = """
import os, sys
if os.environ["MESH_HOME"].endswith("ada") and "mesh.engines.child" in sys.orig_argv:
    import time
    from mesh.engines import adapter
    usual = adapter.opener
    def opener(engine):
        opened = usual(engine)
        from mesh.engines.builtin_frame import BuiltinRenderer
        quick = BuiltinRenderer._sum
        def slow(renderer, shot, rect, samples, bench):
            if rect.width > 1:
                time.sleep(0.5)
            return quick(renderer, shot, rect, samples, bench)
        if quick.__name__ != "slow":
            BuiltinRenderer._sum = slow
        return opened
    adapter.opener = opener
"""
"""Makes the renderer of one node take half a second for each pass."""


def submit(client: Client, scene: Path, settings: RenderSettings) -> str:
    stored = client.put_blob(scene, "room.glb")
    request = SubmitRequest(
        name="room",
        submitter="tester@here",
        files=(SceneFile("room.glb", stored.blob, stored.size),),
        entry="room.glb",
        frames=(1,),
        engine=EngineName.BUILTIN,
        settings=settings,
    )
    return client.submit(request).job.hex()


def test_a_node_that_waits_renders_a_part_of_the_samples_of_the_last_bucket(tmp_path: Path) -> None:
    scene = tmp_path / "room.glb"
    scene.write_bytes(little_room().glb())
    (tmp_path / "sitecustomize.py").write_text(_SLOW)
    path = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])}
    options = dict.fromkeys(("ada", "grace"), ("--threads", "1"))
    with (
        running_mesh(tmp_path, ("ada", "grace"), options, path) as nodes,
        nodes["ada"].connect() as ada,
        nodes["grace"].connect() as grace,
    ):
        # given a node whose renderer is ready
        wait_for(grace, is_done(submit(grace, scene, RenderSettings(width=16, height=16, samples=1))))
        # when another one, which is slow, is at the only bucket of a job
        job = submit(ada, scene, LONG)
        status = wait_for(ada, is_done(job))
        (result,) = ada.results(job, 0).entries
        pixels = b"".join(ada.get_blob(result.pixels, job))
    # then the first has rendered a part of it, and it cannot be seen
    said = {event.text for event in status.events if event.kind == "samples-shared"}
    assert said == {"grace rendered a part of ada's samples of frame 1 of room"}
    assert result.node == "ada"
    renderer = BuiltinRenderer(tmp_path, "room.glb", LONG, (1,), 1)
    _, expected = renderer.render(Unit(1, 0, 1), lambda _share: None, lambda: 1)
    renderer.close()
    assert pixels == expected
