"""The bytes of a job as clients read them: its scene, its results and the logs of its failures, wherever they are."""

from __future__ import annotations

from collections.abc import AsyncIterator

from mesh.blocks.errors import BlockAbsent, BlockCorrupt
from mesh.blocks.tree import TreeEntry
from mesh.control.service import JobPlan, SceneFile
from mesh.model.ids import Digest, short
from mesh.model.manifest import Manifest
from mesh.node.errors import BlobUnavailable, LogUnavailable
from mesh.node.runtime import Node
from mesh.sched.looks import JobView


class Payloads:
    def __init__(self, node: Node) -> None:
        self._node = node

    async def plan(self, view: JobView) -> JobPlan:
        """What the job renders, once its scene is on this node. Raises BlobUnavailable."""
        manifest = view.manifest
        holders = dict.fromkeys((view.submitter, *view.durable_on))
        reason = await self._node.awaited.fetch(
            manifest.scene_root, tuple(holder for holder in holders if holder != self._node.me)
        )
        if reason is not None:
            raise BlobUnavailable(what=f"The scene of {manifest.name}", reason=reason)
        return JobPlan(
            view.job,
            manifest.name,
            manifest.entry,
            manifest.frames,
            manifest.engine,
            manifest.engine_build,
            manifest.settings,
            tuple(SceneFile(one.path, one.root, one.size) for one in await self._scene_files(manifest)),
        )

    async def read(self, root: Digest, view: JobView) -> AsyncIterator[bytes]:
        """The bytes of a result or a log, fetched from its holders first where not here, or of a scene's file after
        `plan`. Raises BlobUnavailable, LogUnavailable."""
        views = self._node.core.scheduler.views
        result = views.result_of(view.job, root)
        holders = views.log_holders(view.job, root) if result is None else result.holders
        if not holders:
            await self._check_scene_file(root, view.manifest)
        reason = await self._node.awaited.fetch(root, tuple(one for one in holders if one != self._node.me))
        if reason is not None and result is None:
            raise LogUnavailable(
                names=" or ".join(map(self._node.directory.node_name, holders)), reason=reason
            )
        if reason is not None and result is not None:
            raise BlobUnavailable(what=f"Frame {result.unit.frame}", reason=reason)
        async for chunk in self._node.disk.read_blob(root):
            yield chunk

    async def _check_scene_file(self, root: Digest, manifest: Manifest) -> None:
        """Raises BlobUnavailable unless it is a file of the job's scene, and that scene is here."""
        try:
            files = await self._scene_files(manifest)
        except (BlockAbsent, BlockCorrupt):
            files = ()
        if root not in (file.root for file in files):
            raise BlobUnavailable(what=f"Blob {short(root)}", reason="it is no part of this job")

    async def _scene_files(self, manifest: Manifest) -> tuple[TreeEntry, ...]:
        return await self._node.disk.tree(manifest.scene_root)
