"""Makes jobs of requests whose files are stored on this node, and submits those that wait for theirs."""

from __future__ import annotations

from mesh.blocks.tree import TreeEntry
from mesh.control.service import SubmitRequest
from mesh.control.steering import Steering
from mesh.model.ids import JobId
from mesh.model.manifest import EngineName, Manifest
from mesh.model.policy import JobPolicy
from mesh.node.errors import EngineMissing, SceneNotKept
from mesh.node.runtime import Node
from mesh.sched import events as sched
from mesh.wire.codec import job_id


class Opening:
    def __init__(self, node: Node, steering: Steering) -> None:
        self._node = node
        self._steering = steering

    def build(self, engine: EngineName) -> str:
        """The build that this node has of it. Raises EngineMissing."""
        build = self._node.engines.get(engine)
        if build is None:
            raise EngineMissing(engine=engine.value, engines=", ".join(self._node.engines))
        return build

    def check(self, request: SubmitRequest) -> tuple[str, JobPolicy]:
        """The engine's build and the terms. Raises EngineMissing, and what `Steering.policy` raises."""
        return self.build(request.engine), self._steering.policy(request.terms)

    async def open(self, request: SubmitRequest, submitted_ms: int) -> JobId:
        """Returns once the job is on the disk, so that it outlives this node's process. The same request of the same
        time is the same job. Raises as `check` does, and BadTree, DiskFull, SceneNotKept."""
        node = self._node
        build, policy = self.check(request)
        entries = tuple(TreeEntry(file.path, file.blob, file.size) for file in request.files)
        scene_root = await node.disk.put_tree(entries)
        # What is not of a job yet may have been evicted, for its own last files even.
        if not await node.disk.whole(scene_root):
            raise SceneNotKept(
                size=sum(file.size for file in request.files) / 1e6,
                folder=node.disk.store.folder,
                room=node.disk.room() / 1e6,
            )
        manifest = Manifest(
            name=request.name,
            submitter=request.submitter,
            submitted_ms=submitted_ms,
            scene_root=scene_root,
            entry=request.entry,
            frames=request.frames,
            engine=request.engine,
            engine_build=build,
            settings=request.settings,
        )
        job = job_id(manifest)
        node.feed(sched.SubmitJob(job, manifest, node.me, node.rights.sign_job(job, policy), policy))
        await node.disk.records_written()
        return job
