"""The control API, over real HTTP on loopback: the client's methods, who is let in, and how it refuses."""

from __future__ import annotations

import http.client
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.config.load import load_config
from mesh.config.paths import Paths
from mesh.control.client import Client
from mesh.control.errors import (
    ControlPortInUse,
    DownloadBroken,
    NoNode,
    RefusedByNode,
    TokenUnreadable,
)
from mesh.control.service import JobAction, SceneFile, SubmitRequest
from mesh.errors import ExitCode
from mesh.model.ids import Digest, short
from mesh.model.manifest import EngineName, RenderSettings
from tests.fake_service import FakeService, serving


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.locate({"MESH_HOME": str(tmp_path / "home")})


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def address(service: FakeService, paths: Paths) -> Iterator[str]:
    with serving(service, paths) as address:
        yield address


@pytest.fixture
def client(address: str, paths: Paths) -> Iterator[Client]:
    with Client.connect(paths) as client:
        yield client


def request_for(frames: tuple[int, ...] = (1, 2)) -> SubmitRequest:
    scene = SceneFile("scene.glb", Digest(bytes(32)), 7)
    return SubmitRequest(
        "scene", "ada@studio", (scene,), "scene.glb", frames, EngineName.BUILTIN, RenderSettings()
    )


def ask(
    address: str, method: str, target: str, headers: dict[str, str], body: bytes = b""
) -> tuple[int, dict]:  # type: ignore[type-arg]
    """One request without our client's help: (status, JSON answer)."""
    connection = http.client.HTTPConnection(address, timeout=20)
    connection.request(method, target, body, headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer


def bearer(paths: Paths) -> dict[str, str]:
    return {"Authorization": f"Bearer {paths.control_token.read_text()}"}


def test_the_client_reads_back_the_status_it_was_served(client: Client, service: FakeService) -> None:
    assert client.status() == service.status()
    assert client.nodes() == service.shown.nodes
    assert client.node("render1") == service.shown.nodes[0]


def test_waiting_for_a_revision_already_passed_returns_at_once(client: Client, service: FakeService) -> None:
    assert client.wait_status(service.shown.revision + 1, 60.0) == service.status()


def test_a_job_goes_in_and_its_results_come_out_page_by_page(client: Client, service: FakeService) -> None:
    receipt = client.submit(request_for(frames=(1, 2, 3)))

    assert service.requests == [request_for(frames=(1, 2, 3))]
    assert receipt.durable_on == ("render2",)
    job = receipt.job.hex()
    assert client.jobs() == (client.job("scene").status,)
    first = client.results(job, 0)
    second = client.results(job, first.cursor)
    assert [entry.frame for entry in first.entries + second.entries] == [1, 2, 3]
    assert client.results(job, second.cursor).entries == ()


def test_a_file_comes_back_as_it_was_sent(client: Client, service: FakeService, tmp_path: Path) -> None:
    job = client.submit(request_for()).job.hex()
    content = bytes(range(256)) * 20_000
    (tmp_path / "texture.png").write_bytes(content)

    stored = client.put_blob(tmp_path / "texture.png", "texture.png")

    assert stored.size == len(content)
    assert service.blob_names == ["texture.png"]
    assert b"".join(client.get_blob(stored.blob, job)) == content


def test_an_empty_file_is_a_blob_too(client: Client, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert client.put_blob(tmp_path / "empty", "empty").size == 0


def test_actions_invites_and_leaving_reach_the_service(client: Client, service: FakeService) -> None:
    job = client.submit(request_for()).job

    assert client.act(short(job), JobAction.CANCEL).state == "cancelled"
    assert client.invite(uses=3, hours=1.5) == "invite-3-1.5"
    assert client.rotate_key() == service.rotate_key()
    client.leave()

    assert service.acts == [(job, JobAction.CANCEL)]
    assert service.left


def test_a_node_s_error_keeps_its_sentence_and_exit_code(client: Client, service: FakeService) -> None:
    with pytest.raises(RefusedByNode) as unknown:
        client.job("nonesuch")
    assert str(unknown.value).startswith("No job is called 'nonesuch'.")
    assert unknown.value.exit_code == ExitCode.USAGE
    assert unknown.value.details["kind"] == "UnknownJob"

    client.submit(request_for())
    blob = client.results("scene", 0).entries[0].pixels
    service.gone = True
    with pytest.raises(RefusedByNode, match="Frame 1 is on no node that can be reached") as gone:
        next(client.get_blob(blob, "scene"))
    assert gone.value.exit_code == ExitCode.REFUSED


def test_a_full_disk_is_told_even_while_the_file_is_still_being_sent(
    client: Client, service: FakeService, tmp_path: Path
) -> None:
    service.full = True
    with (tmp_path / "huge.bin").open("wb") as stream:
        stream.truncate(16 * 1024**2)

    with pytest.raises(RefusedByNode, match="The disk under /data/blocks is full"):
        client.put_blob(tmp_path / "huge.bin", "huge.bin")
    service.full = False
    assert client.put_blob(tmp_path / "huge.bin", "huge.bin").size == 16 * 1024**2


def test_a_payload_that_ends_midway_is_not_taken_for_whole(client: Client, service: FakeService) -> None:
    job = client.submit(request_for()).job.hex()
    blob = client.results(job, 0).entries[0].pixels
    service.broken = True

    with pytest.raises(DownloadBroken):
        b"".join(client.get_blob(blob, job))
    assert client.status() == service.status(), "the client goes on with a new connection"


def test_without_a_node_the_client_says_how_to_start_one(paths: Paths) -> None:
    with pytest.raises(NoNode, match="start one with `mesh join`") as error:
        Client.connect(paths)
    assert error.value.exit_code == ExitCode.NO_MESH


def test_what_a_killed_node_left_behind_is_no_node(address: str, paths: Paths, tmp_path: Path) -> None:
    gone = Paths.locate({"MESH_HOME": str(tmp_path / "gone")})
    gone.home.mkdir()
    gone.control_address.write_text("127.0.0.1:1")
    gone.control_token.write_text("stale")
    with pytest.raises(NoNode):
        Client.connect(gone)


def test_a_token_that_may_not_be_read_is_said_to_be_somebody_else_s(
    address: str, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, encoding: str) -> str:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(TokenUnreadable, match="Permission denied"):
        Client.connect(paths)


def test_the_token_is_its_owner_s_alone_and_goes_with_the_node(service: FakeService, paths: Paths) -> None:
    with serving(service, paths):
        assert stat.S_IMODE(paths.control_token.stat().st_mode) == 0o600
        assert sorted(file.name for file in paths.home.iterdir()) == ["control.address", "control.token"]
    assert list(paths.home.iterdir()) == []


def test_two_nodes_cannot_serve_one_port(service: FakeService, address: str, tmp_path: Path) -> None:
    other = Paths.locate({"MESH_HOME": str(tmp_path / "other")})
    taken = load_config(None, {"control.port": int(address.partition(":")[2])})
    with pytest.raises(ControlPortInUse, match="Address already in use"), serving(service, other, taken):
        pass
    assert not other.home.exists()


@pytest.mark.parametrize("token", [None, "Bearer wrong", "Basic x"])
def test_without_the_token_nobody_gets_in(address: str, token: str | None) -> None:
    headers = {} if token is None else {"Authorization": token}
    status, answer = ask(address, "GET", "/v1/status", headers)
    assert (status, answer["kind"]) == (403, "NotAuthorised")


def test_a_request_for_another_host_name_is_refused(address: str, paths: Paths) -> None:
    status, answer = ask(address, "GET", "/v1/status", bearer(paths) | {"Host": "evil.example"})
    assert (status, answer["kind"]) == (403, "NotAuthorised")


@pytest.mark.parametrize(
    ("method", "target", "body", "reason"),
    [
        ("GET", "/v1/nonesuch", b"", "GET /v1/nonesuch is no endpoint"),
        ("DELETE", "/v1/jobs", b"", "DELETE /v1/jobs is no endpoint"),
        ("GET", "/v1/status?wait=900", b"", "wait='900' is not a number from 0 to 60"),
        ("GET", "/v1/status?after=x", b"", "after='x' is not a number"),
        ("GET", "/v1/blobs/xyz?job=a", b"", "'xyz' in the path"),
        ("POST", "/v1/jobs", b"{", "its body is no JSON"),
        ("POST", "/v1/jobs", b"[" * 100_000, "its body is no JSON"),
        ("POST", "/v1/jobs", b'{"name": 3}', "body.name must be of type str"),
        ("POST", "/v1/invites", b'{"hours": NaN}', "body.hours must be finite"),
    ],
)
def test_a_request_not_understood_is_refused_saying_why(
    address: str, paths: Paths, method: str, target: str, body: bytes, reason: str
) -> None:
    status, answer = ask(address, method, target, bearer(paths), body)
    assert 400 <= status < 500
    assert reason in answer["error"]
    assert answer["exit_code"] == ExitCode.USAGE


def test_a_body_without_end_is_refused(address: str, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesh.control.app.MAX_JSON", 1000)
    status, answer = ask(address, "POST", "/v1/jobs", bearer(paths), b" " * 5000)
    assert (status, answer["kind"]) == (409, "TooLarge")


def test_a_client_that_stops_reading_does_not_keep_the_node_from_stopping(
    service: FakeService, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh.control.server.STALLED_MS", 200)
    with serving(service, paths):
        client = Client.connect(paths)
        job = client.submit(request_for()).job.hex()
        chunks = client.get_blob(service.keep(bytes(64 * 1024**2)), job)
        next(chunks)
    # Reached only if the server could end with most of the bytes unsent.
    with pytest.raises(DownloadBroken):
        list(chunks)
    client.close()
