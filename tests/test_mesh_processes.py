"""Real nodes as processes on loopback: what a mesh promises when they are killed.

Most of these render with the sleeping engine, whose pixels are a digest of what was asked for.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mesh.control.client import Client
from mesh.control.errors import RefusedByNode
from mesh.control.service import JobAction, SceneFile, SubmitRequest
from mesh.control.submission import Wish, submit_when_complete
from mesh.control.terms import JobTerms
from mesh.model.manifest import EngineName, RenderSettings
from mesh.model.status import JobState, MeshStatus, NodeState
from tests.gltf_builder import triangle
from tests.real_nodes import is_done, job_in, wait_for
from tools.processes import running_mesh, start_node


def state_of(status: MeshStatus, name: str) -> NodeState:
    return next(node.state for node in status.nodes if node.name == name)


def submit_naps(
    client: Client, folder: Path, frames: int, milliseconds: int, terms: JobTerms | None = None
) -> str:
    """A job of `frames` frames of 16 buckets that take `milliseconds` each; its id."""
    nothing = folder / "nothing"
    nothing.write_bytes(b"nothing to see")
    stored = client.put_blob(nothing, "nothing")
    request = SubmitRequest(
        name="naps",
        submitter="tester@here",
        files=(SceneFile("nothing", stored.blob, stored.size),),
        entry="nothing",
        frames=tuple(range(1, frames + 1)),
        engine=EngineName.SLEEP,
        settings=RenderSettings(width=64, height=64, bucket=16, samples=milliseconds),
        terms=terms or JobTerms(),
    )
    return client.submit(request).job.hex()


def nap_pixels(frame: int, start: int, stop: int) -> bytes:
    """What the sleeping engine renders, worked out here."""
    digest = hashlib.sha256()
    for bucket in range(start, stop):
        digest.update(f"0/{frame}/{bucket};".encode())
    return digest.digest()


def check_every_pixel(client: Client, job: str, frames: int) -> None:
    """Every bucket of every frame can be had from `client`'s node, and is what one node alone renders."""
    covered: set[tuple[int, int]] = set()
    cursor = 0
    while True:
        page = client.results(job, cursor)
        if not page.entries:
            break
        cursor = page.cursor
        for entry in page.entries:
            pixels = b"".join(client.get_blob(entry.pixels, job))
            assert pixels == nap_pixels(entry.frame, entry.start, entry.stop)
            covered |= {(entry.frame, bucket) for bucket in range(entry.start, entry.stop)}
    assert covered == {(frame, bucket) for frame in range(1, frames + 1) for bucket in range(16)}


def test_a_job_outlives_its_submitter(tmp_path: Path) -> None:
    # given a job submitted on ada and safe on two other nodes
    with running_mesh(tmp_path, ("ada", "grace", "linus")) as nodes:
        with nodes["ada"].connect() as client:
            job = submit_naps(client, tmp_path, frames=40, milliseconds=200)
            wait_for(client, lambda status: (one := job_in(status, job)) is not None and one.durable)
        # when ada is killed
        nodes["ada"].kill()
        # then any other node ends up with all of it
        with nodes["linus"].connect() as client:
            wait_for(client, is_done(job))
            check_every_pixel(client, job, 40)
            # and ada counts as dead, which may well be known later
            wait_for(client, lambda status: state_of(status, "ada") is NodeState.DEAD)


def test_what_died_with_two_of_three_nodes_is_rendered_again_by_the_third(tmp_path: Path) -> None:
    names = ("ada", "grace", "linus")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "mesh.toml").write_text("[jobs]\naway_minutes = 0.05\n")
    with running_mesh(tmp_path, names) as nodes, nodes["linus"].connect() as linus:
        # given a job of ada's that is done, much of which only ada and grace hold
        with nodes["ada"].connect() as ada:
            job = submit_naps(ada, tmp_path, frames=30, milliseconds=100)
            wait_for(ada, is_done(job))
        wait_for(linus, is_done(job))
        # when both are killed
        nodes["ada"].kill()
        nodes["grace"].kill()
        # then linus says what cannot be had, renders it again by itself, and all can be had from it
        wanted = {"results-away", "results-given-up"}
        wait_for(linus, lambda status: wanted <= {event.kind for event in status.events})
        wait_for(linus, is_done(job))
        check_every_pixel(linus, job, 30)


def test_the_work_of_a_killed_node_is_taken_up_again(tmp_path: Path) -> None:
    with running_mesh(tmp_path, ("ada", "grace", "linus")) as nodes, nodes["ada"].connect() as client:
        # given a job in the middle of which linus renders
        job = submit_naps(client, tmp_path, frames=60, milliseconds=300)
        wait_for(client, lambda status: any(one.activities for one in status.nodes if one.name == "linus"))
        # when linus is killed
        nodes["linus"].kill()
        # then the job is done all the same, and people were told
        wait_for(client, is_done(job))
        check_every_pixel(client, job, 60)
        wanted = {"node-down", "work-reassigned"}
        wait_for(client, lambda status: wanted <= {event.kind for event in status.events})


def test_a_cancelled_job_frees_every_node(tmp_path: Path) -> None:
    with running_mesh(tmp_path, ("ada", "grace", "linus")) as nodes, nodes["grace"].connect() as client:
        job = submit_naps(client, tmp_path, frames=100, milliseconds=1000)
        wait_for(client, lambda status: all(node.activities for node in status.nodes))
        # when it is cancelled from a node that did not submit it, and may not
        with (
            nodes["linus"].connect() as other,
            pytest.raises(RefusedByNode, match="submitted on grace: only"),
        ):
            other.act(job, JobAction.CANCEL)
        # and from one that may, for it can invite others
        with nodes["ada"].connect() as admin:
            admin.act(job, JobAction.CANCEL)
        status = wait_for(client, lambda status: not any(node.activities for node in status.nodes))
        cancelled = job_in(status, job)
        assert cancelled is not None
        assert cancelled.state is JobState.CANCELLED


def test_a_whole_mesh_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    # given a mesh of two that has rendered a part of a job
    with running_mesh(tmp_path, ("ada", "grace")) as nodes:
        with nodes["ada"].connect() as client:
            job = submit_naps(client, tmp_path, frames=40, milliseconds=200)
            wait_for(client, lambda status: (one := job_in(status, job)) is not None and one.frames_done > 3)
        # when both are killed and started again
        for node in nodes.values():
            node.kill()
        again = [start_node(name, node.home, "--loopback", "--port", "0") for name, node in nodes.items()]
        try:
            # then the job is done
            with again[0].connect() as client:
                wait_for(client, is_done(job))
                check_every_pixel(client, job, 40)
        finally:
            for node in again:
                node.end()


def test_a_job_that_waits_for_its_files_outlives_its_node_and_starts_when_they_are_there(
    tmp_path: Path,
) -> None:
    scene = tmp_path / "export" / "shot.glb"
    wish = Wish(scene, (1, 2), EngineName.SLEEP, RenderSettings(width=64, height=64, bucket=16, samples=1))
    with running_mesh(tmp_path, ("ada",)) as nodes:
        # given a job whose scene is not there
        with nodes["ada"].connect() as client:
            waiting = submit_when_complete(client, wish).job.hex()
            status = client.job(waiting).status
            assert (status.state, status.waiting) == (
                JobState.WAITING,
                f"it starts when a file is there: {scene}",
            )
            with pytest.raises(RefusedByNode, match="shot waits for its files and has not begun"):
                client.act(waiting, JobAction.PAUSE)
            with pytest.raises(RefusedByNode, match="no job can come after it"):
                submit_naps(client, tmp_path, frames=1, milliseconds=1, terms=JobTerms(after=("shot",)))
        # when its node is killed and started again, and the scene is there
        nodes["ada"].kill()
        scene.parent.mkdir()
        scene.write_bytes(triangle().glb())
        ada = start_node("ada", nodes["ada"].home, "--loopback", "--port", "0")
        try:
            # then it begins by itself and is done, for whoever asks by the id of before
            with ada.connect() as client:
                wait_for(client, lambda status: [one.state for one in status.jobs] == [JobState.DONE])
                status = client.job(waiting).status
                assert (status.name, status.frames_done) == ("shot", 2)
                assert status.job != waiting
        finally:
            ada.end()


def test_what_was_rendered_is_counted_and_cannot_be_cancelled(tmp_path: Path) -> None:
    with running_mesh(tmp_path, ("ada",)) as nodes, nodes["ada"].connect() as client:
        job = submit_naps(client, tmp_path, frames=5, milliseconds=1)
        wait_for(client, is_done(job))
        wait_for(client, lambda status: status.nodes[0].frames_done == 5)
        with pytest.raises(RefusedByNode, match="naps is done already; there is nothing left to cancel"):
            client.act(job, JobAction.CANCEL)
