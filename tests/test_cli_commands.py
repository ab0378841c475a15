"""The commands as a person meets them: what they print, what they exit with, what they say went wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from mesh.cli.app import COMMANDS, program, run
from mesh.cli.follow import Following, follow
from mesh.cli.reports import LineReport
from mesh.config.paths import Paths
from mesh.control.client import Client
from mesh.control.errors import NodeGone
from mesh.control.outputs import parse_output
from mesh.control.service import AttemptEntry
from mesh.control.submission import Wish
from mesh.control.terms import JobChange, JobTerms
from mesh.engines.protocol import Replay, Step, Story
from mesh.errors import ExitCode
from mesh.model.ids import JobId, short
from mesh.model.layers import Layer
from mesh.model.look import Depth, Look, OcioView, View
from mesh.model.manifest import RenderSettings
from mesh.model.policy import FrameOrder
from mesh.model.status import NodeState
from mesh.render.build import engine_build
from tests.fake_service import (
    FakeService,
    JoiningWriter,
    activity,
    event,
    job_status,
    mesh_status,
    node_status,
    serving,
)

# A triangle of zero bytes: enough for every check that comes before rendering.
TRIANGLE = {
    "asset": {"version": "2.0"},
    "scene": 0,
    "scenes": [{"nodes": [0]}],
    "nodes": [{"mesh": 0}],
    "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
    "accessors": [
        {
            "bufferView": 0,
            "componentType": 5126,
            "count": 3,
            "type": "VEC3",
            "min": [0, 0, 0],
            "max": [0, 0, 0],
        }
    ],
    "bufferViews": [{"buffer": 0, "byteLength": 36}],
    "buffers": [{"uri": "triangle.bin", "byteLength": 36}],
}


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Mesh = Callable[..., Outcome]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """An empty home and an empty working folder with a scene in it."""
    monkeypatch.setenv("MESH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MESH_DEBUG", "")  # set, so that what --debug makes of it ends with the test
    work = tmp_path / "work"
    work.mkdir()
    (work / "triangle.gltf").write_text(json.dumps(TRIANGLE))
    (work / "triangle.bin").write_bytes(bytes(36))
    monkeypatch.chdir(work)
    monkeypatch.setattr("mesh.cli.follow.WriterClient", JoiningWriter)
    return Paths.locate()


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def node(service: FakeService, home: Paths) -> Iterator[FakeService]:
    with serving(service, home):
        yield service


@pytest.fixture
def mesh(home: Paths, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Mesh:
    """Runs the command line in this process."""

    def command(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["mesh", *arguments])
        with pytest.raises(SystemExit) as exit_:
            run()
        captured = capfd.readouterr()
        return Outcome(int(exit_.value.code or 0), captured.out, captured.err)

    return command


def one_sentence(outcome: Outcome) -> str:
    """What went wrong: exactly one line of errors, beginning with the program's name, and no traceback."""
    (line,) = outcome.err.strip().splitlines()
    assert line.startswith("mesh: ")
    assert line.endswith((".", "?"))
    return line.removeprefix("mesh: ")


# --- the program ----------------------------------------------------------------------------------------


def test_help_lists_every_command_without_loading_one() -> None:
    program_text = (
        "import sys\n"
        "sys.argv = ['mesh', '--help']\n"
        "from mesh.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit:\n"
        "    print(sorted(name for name in sys.modules if name.startswith(('mesh.', 'rich', 'trio'))))\n"
    )
    done = subprocess.run([sys.executable, "-c", program_text], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in COMMANDS)
    assert done.stdout.splitlines()[-1] == "['mesh.cli', 'mesh.cli.app', 'mesh.cli.pipes', 'mesh.errors']"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_s_own_help_begins_with_its_line_in_the_list(name: str) -> None:
    command = program.get_command(click.Context(program), name)
    assert command is not None
    assert (command.help or "").splitlines()[0] == COMMANDS[name][2]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["stats"], "There is no command 'stats'. Did you mean status?"),
        (["submit", "a.glb", "--turntabel"], "Did you mean --turntable?"),
        (["submit", "a.glb", "--resolution", "big"], "'big' is not like 960x540"),
        (
            ["submit", "a.glb", "--samples", "0"],
            "--samples: 0 cannot be used; give a whole number, 1 to 1048576.",
        ),
        (["submit", "a.glb", "--format", "tiff"], "'tiff' is not exr, png or exr,png"),
        (["submit", "a.glb", "--environment-strength", "nan"], "nan cannot be used; give a number, "),
        (["submit", "a.glb", "--noise", "nan"], "nan cannot be used; give a number, "),
        (["submit", "a.glb", "--shutter", "nan"], "nan cannot be used; give a number, "),
        (["submit", "a.glb", "--exposure", "nan"], "nan cannot be used; give a number, "),
        (["submit", "a.glb", "--aov", "beauty"], "'beauty' holds a name of no layer; there are position,"),
        (["invite", "--hours", "inf"], "inf"),
        (["submit", "a.glb", "--memory", "lots"], "'lots' is not a size such as 16 GB"),
        (["submit", "a.glb", "--on", "any,render1"], "'any' leaves no sense in naming others"),
        (["submit", "a.glb", "--tags", "a,,b"], "'a,,b' has an empty part"),
        (["submit", "a.glb", "--order", "backward"], "'backward' is not one of"),
        (["edit", "a"], "Nothing is to be changed; give --priority"),
        (["exclude", "a"], "NODE... is missing."),
        (["join", "--at", "a:b"], "'a:b' is not HOST or HOST:PORT"),
        (["show"], "JOB is missing."),
    ],
)
def test_what_is_not_understood_is_said_with_a_hint(mesh: Mesh, arguments: list[str], hint: str) -> None:
    outcome = mesh(*arguments)
    assert outcome.code == ExitCode.USAGE
    assert hint in outcome.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["nodes"],
        ["jobs"],
        ["show", "x"],
        ["collect", "x"],
        ["cancel", "x"],
        ["logs", "x"],
        ["edit", "x", "--priority", "2"],
        ["exclude", "x", "y"],
        ["include", "x", "y"],
        ["invite"],
        ["leave"],
    ],
)
def test_without_a_node_every_command_says_how_to_start_one(
    mesh: Mesh, home: Paths, arguments: list[str]
) -> None:
    outcome = mesh(*arguments)
    assert outcome.code == ExitCode.NO_MESH
    where = f"on this machine with MESH_HOME={home.home}"
    assert one_sentence(outcome) == f"No mesh node runs {where}; start one with `mesh join`."


def test_a_traceback_is_shown_only_for_the_asking(mesh: Mesh) -> None:
    assert "Traceback" not in mesh("status").err
    assert "Traceback" in mesh("--debug", "status").err


# --- listings -------------------------------------------------------------------------------------------


@pytest.fixture
def busy(service: FakeService) -> FakeService:
    """A mesh of three, one of them dead, with a job under way."""
    service.shown = mesh_status(
        nodes=(
            node_status("render1", is_me=True, rtt_ms=None, activities=(activity(12, 0.5),), frames_done=11),
            node_status("render2", load=0.5),
            node_status("render3", state=NodeState.DEAD, seen_seconds=140.0),
        ),
        jobs=(job_status("still-life", done=11, total=24),),
        events=(event(1, "render3 died: it stopped answering", kind="node-down"),),
    )
    return service


def test_nodes_are_listed_with_what_each_is_rendering(
    mesh: Mesh, busy: FakeService, node: FakeService
) -> None:
    outcome = mesh("nodes")
    assert outcome.code == 0
    rows = [line.split("  ") for line in outcome.out.splitlines()]
    assert [row[0].split()[0] for row in rows] == ["node", "render1", "render2", "render3"]
    assert "still-life, frame 12" in outcome.out
    assert "last seen 2:20 ago" in outcome.out


def test_one_node_is_shown_in_full(mesh: Mesh, busy: FakeService, node: FakeService) -> None:
    outcome = mesh("nodes", "render1")
    assert busy.shown.nodes[0].node in outcome.out
    assert "still-life, frame 12" in outcome.out
    assert "works for  any job" in outcome.out


def test_an_exclusive_node_says_for_whom_it_renders(mesh: Mesh, busy: FakeService, node: FakeService) -> None:
    first, *others = busy.shown.nodes
    busy.shown = replace(busy.shown, nodes=(replace(first, exclusive=True), *others))
    assert "works for  jobs that ask for it or its tags, exclusively" in mesh("nodes", "render1").out


def test_jobs_are_listed(mesh: Mesh, busy: FakeService, node: FakeService) -> None:
    outcome = mesh("jobs")
    assert "still-life" in outcome.out
    assert "11/24" in outcome.out


@pytest.mark.parametrize("command", ["nodes", "jobs", "status"])
def test_every_listing_is_json_for_the_asking(
    mesh: Mesh, busy: FakeService, node: FakeService, command: str
) -> None:
    listed = json.loads(mesh(command, "--json").out)
    if command == "status":
        assert listed["nodes"][0]["name"] == "render1"
    else:
        assert listed[0]["name"] in ("render1", "still-life")


def test_status_away_from_a_terminal_is_printed_once_and_plainly(
    mesh: Mesh, busy: FakeService, node: FakeService
) -> None:
    outcome = mesh("status")
    assert outcome.code == 0
    assert "render3" in outcome.out
    assert "\x1b" not in outcome.out


def test_an_invite_can_be_piped_on(mesh: Mesh, node: FakeService) -> None:
    outcome = mesh("invite", "--uses", "3", "--hours", "2")
    assert outcome.out == "invite-3-2\n"
    assert "mesh join invite-3-2" in outcome.err


def test_an_invite_as_json_says_what_it_is_good_for(mesh: Mesh, node: FakeService) -> None:
    outcome = mesh("invite", "--uses", "3", "--hours", "2", "--json")
    assert json.loads(outcome.out) == {"code": "invite-3-2", "uses": 3, "hours": 2.0}


def test_detaching_as_json_names_the_job(mesh: Mesh, node: FakeService) -> None:
    told = json.loads(mesh("submit", "triangle.gltf", "--detach", "--json").out)
    assert told["event"] == "submitted"
    assert told["job"].startswith(told["short"][:4])


def test_leaving_stops_the_node(mesh: Mesh, node: FakeService) -> None:
    assert mesh("leave").code == 0
    assert node.left


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nodes", "nobody"], "No node is called 'nobody'."),
        (["show", "nothing"], "No job is called 'nothing'."),
        (["collect", "nothing"], "No job is called 'nothing'."),
        (["cancel", "nothing"], "No job is called 'nothing'."),
    ],
)
def test_an_unknown_node_or_job_is_named(
    mesh: Mesh, node: FakeService, arguments: list[str], sentence: str
) -> None:
    outcome = mesh(*arguments)
    assert outcome.code == ExitCode.USAGE
    assert one_sentence(outcome).startswith(sentence)


# --- submit and collect ---------------------------------------------------------------------------------


def files() -> list[str]:
    """Everything below the working folder but the scene, hidden files too."""
    found = sorted(str(file) for file in Path().rglob("*") if file.is_file())
    return [file for file in found if not file.startswith("triangle.")]


def test_a_scene_is_submitted_with_all_its_files_and_its_frames_land_here(
    mesh: Mesh, node: FakeService
) -> None:
    outcome = mesh("submit", "triangle.gltf", "--frames", "1-3", "--resolution", "128x128", "--samples", "4")

    assert outcome.code == ExitCode.DONE
    request = node.requests[0]
    assert [file.path for file in request.files] == ["triangle.gltf", "triangle.bin"]
    assert (request.name, request.entry, request.frames) == ("triangle", "triangle.gltf", (1, 2, 3))
    assert (request.settings.width, request.settings.samples) == (128, 4)
    assert files() == [f"renders/triangle.000{n}.{kind}" for n in (1, 2, 3) for kind in ("exr", "png")]
    assert "frame 2 written (2 of 3" in outcome.out
    assert "triangle (" in outcome.out
    assert "3 frames written to renders/triangle.####.{exr,png}" in outcome.out
    assert "render1" in outcome.out


def test_a_job_may_be_submitted_before_its_scene_is_there(mesh: Mesh, node: FakeService, home: Paths) -> None:
    outcome = mesh(
        *("submit", "later/shot.gltf", "--frames", "1-2", "--wait-for-files", "--environment", "sky.hdr"),
        *("--priority", "3"),
    )

    # the node is told where to look for the files, and frames land here when it has begun under another id
    assert outcome.code == ExitCode.DONE
    (request,) = node.pending
    here = Path.cwd()
    assert (request.name, request.scene) == ("shot", str(here / "later/shot.gltf"))
    assert request.environment == str(here / "sky.hdr")
    assert (request.frames, request.terms.priority) == ((1, 2), 3)
    assert "waits: it starts when a file is there: wood.png" in outcome.out
    assert files() == [f"renders/shot.000{n}.{kind}" for n in (1, 2) for kind in ("exr", "png")]
    assert "2 frames written to renders/shot" in outcome.out


def test_whoever_detaches_from_a_job_that_waits_is_told_for_what(mesh: Mesh, node: FakeService) -> None:
    outcome = mesh("submit", "later/shot.gltf", "--wait-for-files", "--detach", "--environment", "sky")
    (job,) = node.begins
    assert (
        f"shot is submitted as {short(job)}. Fetch its frames with: mesh collect {short(job)}" in outcome.out
    )
    assert outcome.err == "Note: it starts when a file is there: wood.png.\n"
    assert node.pending[0].environment == "sky"
    # and the id that was printed goes on meaning it
    outcome = mesh("collect", short(job))
    assert outcome.code == ExitCode.DONE
    assert files() == ["renders/shot.0001.exr", "renders/shot.0001.png"]


def test_without_being_told_to_wait_submit_says_how_to(mesh: Mesh, node: FakeService) -> None:
    Path("triangle.bin").unlink()
    outcome = mesh("submit", "triangle.gltf")
    assert one_sentence(outcome).endswith(
        "or, where files are still to come, submit it with --wait-for-files."
    )
    outcome = mesh("submit", "nothing.gltf")
    assert one_sentence(outcome).endswith("or, where it is still to come, submit it with --wait-for-files.")
    assert not node.requests


def test_how_a_job_is_to_be_treated_goes_with_it(mesh: Mesh, node: FakeService) -> None:
    mesh("submit", "triangle.gltf", "--detach")
    assert node.requests[0].terms == JobTerms()
    mesh(
        *(
            "submit",
            "triangle.gltf",
            "--detach",
            "--priority",
            "3",
            "--category",
            "film",
            "--tags",
            "gpu,fast",
        ),
        *("--on", "local,render2", "--chunk", "4", "--order", "scattered", "--after", "triangle", "--paused"),
        *("--memory", "16 GB"),
    )
    assert node.requests[1].terms == JobTerms(
        priority=3,
        category="film",
        tags=("gpu", "fast"),
        on=("local", "render2"),
        chunk=4,
        order=FrameOrder.SCATTERED,
        after=("triangle",),
        paused=True,
        memory_bytes=16_000_000_000,
    )


def test_a_job_that_will_not_start_says_so_when_it_is_left_to_the_mesh(mesh: Mesh, node: FakeService) -> None:
    node.waiting = "no node that is here may render it"
    outcome = mesh("submit", "triangle.gltf", "--detach")
    assert outcome.code == ExitCode.DONE
    assert outcome.err == "Note: no node that is here may render it.\n"
    assert "Fetch its frames with" in outcome.out
    assert "waits: no node that is here may render it." in mesh("jobs").out


def test_a_job_is_edited_while_it_runs(mesh: Mesh, node: FakeService) -> None:
    mesh("submit", "triangle.gltf", "--detach")
    outcome = mesh("edit", "triangle", "--priority", "4", "--on", "any", "--tags", "")
    assert outcome.out.endswith("): priority 4.\n")
    outcome = mesh("exclude", "triangle", "render2")
    assert outcome.out.endswith("): not on render2.\n")
    outcome = mesh("edit", "triangle", "--after", "layout,paint")
    assert outcome.out.endswith("): like any other job.\n")
    mesh("edit", "triangle", "--after", "none")
    mesh("include", "triangle", "render2", "render3")
    assert [change for _, change in node.changes] == [
        JobChange(priority=4, tags=(), on=()),
        JobChange(exclude=("render2",)),
        JobChange(after=("layout", "paint")),
        JobChange(after=()),
        JobChange(include=("render2", "render3")),
    ]


def test_every_constraint_that_was_set_is_shown_and_no_other(mesh: Mesh, node: FakeService) -> None:
    mesh("submit", "triangle.gltf", "--detach")
    assert "  treated like any other job\n" in mesh("show", "triangle").out
    (detail,) = node.details.values()
    status = replace(
        detail.status,
        priority=3,
        category="film",
        tags=("gpu", "fast"),
        on=("render1", "render2"),
        memory_bytes=16_000_000_000,
        excluded=("render3",),
        blocked=("render4",),
        after=("layout (7f3a-91c2)",),
        limit="1-50",
        order="scattered",
        chunk=4,
    )
    node.details[JobId(bytes.fromhex(status.job))] = replace(detail, status=status)
    (treated,) = (line for line in mesh("show", "triangle").out.splitlines() if line.startswith("  treated"))
    assert treated == (
        "  treated priority 3, category film, only nodes tagged gpu and fast, only on render1 or render2, only nodes "
        "with 16.0 GB of memory, not on render3, blocked after failures: render4, after layout (7f3a-91c2), only "
        "frames 1-50 for now, frames scattered, at most 4 frames handed out at once"
    )


def test_the_attempts_at_a_job_are_shown_with_the_last_words_of_those_that_failed(
    mesh: Mesh, node: FakeService
) -> None:
    mesh("submit", "triangle.gltf", "--frames", "1-3", "--detach")
    log = node.keep("".join(f"line {number}\n" for number in range(1, 31)).encode())
    node.tried = [
        AttemptEntry(2, 0, 40, 40, "render2", 0.0, "the renderer was ended by SIGKILL", log, True),
        AttemptEntry(2, 8, 16, 40, "render3", 0.0, "no progress for 600 s", None, False),
        AttemptEntry(2, 0, 40, 40, "render1", 12.0, None, None, False),
    ]
    job = mesh("jobs", "--json")
    short_id = json.loads(job.out)[0]["short"]

    outcome = mesh("logs", "triangle", "2", "--lines", "2")
    assert outcome.out.splitlines() == [
        "frame 2 failed on render2 (before the last retry): the renderer was ended by SIGKILL",
        "    ... 28 lines before; --lines 0 shows them",
        "    line 29",
        "    line 30",
        "",
        "frame 2, buckets 8-15 of 40, failed on render3: no progress for 600 s",
        "    (the renderer said nothing)",
        "frame 2 rendered by render1 in 12 s",
    ]
    whole = mesh("logs", "triangle", "--lines", "0").out
    assert "    line 1\n" in whole
    assert "rendered by" not in whole
    assert whole.endswith("2 failed attempts; no frame has failed for good.\n")
    detail = node.details[job_id := next(iter(node.details))]
    node.details[job_id] = replace(detail, status=replace(detail.status, frames_failed=1))
    whole = mesh("logs", "triangle", "--lines", "0").out
    assert whole.endswith(f"2 failed attempts. Try failed frames again: mesh retry {short_id}\n")
    assert json.loads(mesh("logs", "triangle", "--json").out)[0]["text"].endswith("line 30\n")
    assert mesh("logs", "triangle", "3").out.endswith("has not been tried to the end yet.\n")


def test_a_log_that_is_nowhere_is_said_to_be(mesh: Mesh, node: FakeService) -> None:
    mesh("submit", "triangle.gltf", "--detach")
    node.tried = [AttemptEntry(1, 0, 40, 40, "render2", 0.0, "it broke", node.keep(b"words"), False)]
    node.gone = True
    assert "    (Frame 1 is on no node that can be reached" in mesh("logs", "triangle").out


def test_layers_and_a_shutter_are_asked_for_with_the_job(mesh: Mesh, node: FakeService) -> None:
    mesh("submit", "triangle.gltf", "--detach")
    mesh("submit", "triangle.gltf", "--detach", "--aov", "Direct,depth,position", "--shutter", "0.5")
    mesh("submit", "triangle.gltf", "--detach", "--aov", "all", "--noise", "0.02", "--clamp", "0")
    mesh("submit", "triangle.gltf", "--detach", "--f-stop", "2.8", "--focus", "3")

    plain, some, every, lens = (request.settings for request in node.requests)
    assert plain == RenderSettings()
    assert (some.layers, some.shutter) == ((Layer.POSITION, Layer.DIRECT), 0.5)
    assert (every.layers, every.noise, every.clamp) == (tuple(Layer), 0.02, 0.0)
    assert (lens.f_stop, lens.focus) == (2.8, 3.0)


def test_how_files_are_written_is_told_to_the_writer(
    mesh: Mesh, node: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = JoiningWriter()
    monkeypatch.setattr("mesh.cli.follow.WriterClient", lambda: writer)

    mesh("submit", "triangle.gltf", "--exr-bits", "32", "--view", "filmic", "--exposure", "1")
    mesh("collect", "triangle", "--overwrite", "--ocio", "ocio://default", "--view", "Un-tone-mapped")
    mesh("collect", "triangle", "--overwrite", "--exposure", "auto")

    assert [request.look for request in writer.written] == [
        Look(View.FILMIC, 1.0, depth=Depth.FLOAT),
        Look(ocio=OcioView("ocio://default", view="Un-tone-mapped")),
        Look(auto_exposure=True),
    ]


def test_a_sample_is_replayed_from_the_files_of_the_job(
    mesh: Mesh, node: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh("submit", "triangle.gltf", "--detach", "--frames", "3")
    node.build = engine_build()
    asked: list[Replay] = []

    def ask(request: Replay) -> Story:
        asked.append(request)
        assert (Path(request.scene_dir) / "triangle.bin").read_bytes() == bytes(36)
        vertex = Step("vertex", 0, "floor", "oak", 7, "", tuple((name, (1.0,)) for name in _VERTEX))
        result = Step(
            "result", 0, numbers=(("radiance", (1.0, 2.0, 3.0)), ("clamp", (1.0,)), ("direct", (1.0,)))
        )
        return Story(3, 10, 20, 5, 64, 0.0, (1.0, 2.0, 3.0), (vertex, result))

    monkeypatch.setattr("mesh.control.replaying._ask", ask)

    outcome = mesh("replay", "triangle", "3", "10", "20", "5")
    as_json = mesh("replay", "triangle", "3", "10", "20", "--json")

    assert [request.sample for request in asked] == [5, -1]
    assert outcome.out.splitlines() == [
        "frame 3, pixel 10 20, sample 5 of 64: radiance 1 2 3",
        "  1. floor (oak), triangle 7, front, at 1, 1 away; normal 1, throughput 1",
        "  sum: 1 2 3, of it 1 by way of one surface",
    ]
    assert json.loads(as_json.out)["steps"][0]["object"] == "floor"


_VERTEX = ("position", "normal", "distance", "side", "throughput")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["9", "0", "0"], "it has no frame 9, but 1"),
        (["1", "960", "0"], "pixel 960 0 is outside its 960x540"),
        (["1", "0", "0", "64"], "a pixel has samples 0 to 63"),
        (["1", "0", "0"], "was rendered by builtin-000000000000, but this machine has builtin-"),
    ],
)
def test_what_cannot_be_replayed_is_one_sentence(
    mesh: Mesh, node: FakeService, arguments: list[str], words: str
) -> None:
    mesh("submit", "triangle.gltf", "--detach")
    assert words in one_sentence(mesh("replay", "triangle", *arguments))


def test_an_environment_image_goes_with_the_scene(mesh: Mesh, node: FakeService) -> None:
    Path("light").mkdir()
    Path("light/studio.hdr").write_bytes(b"#?RADIANCE")
    mesh("submit", "triangle.gltf", "--environment", "light/studio.hdr", "--detach")
    mesh("submit", "triangle.gltf", "--environment", "sky", "--detach")
    assert [file.path for file in node.requests[0].files] == ["triangle.gltf", "triangle.bin", "studio.hdr"]
    assert [request.settings.environment for request in node.requests] == ["studio.hdr", "sky"]


def test_a_detached_job_prints_how_to_collect_it_and_that_works(mesh: Mesh, node: FakeService) -> None:
    outcome = mesh("submit", "triangle.gltf", "--frames", "1,3", "--detach", "-o", "out")
    assert outcome.code == ExitCode.DONE
    assert files() == []

    command = outcome.out.rpartition("with: mesh ")[2].split()
    assert mesh(*command).code == ExitCode.DONE
    assert files() == [f"out/triangle.000{n}.{kind}" for n in (1, 3) for kind in ("exr", "png")]


def test_scripts_read_progress_as_json_lines(mesh: Mesh, node: FakeService) -> None:
    outcome = mesh("submit", "triangle.gltf", "--frames", "1-2", "--json")
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    assert [line["event"] for line in lines if line["event"] != "progress"] == [
        "submitted",
        "frame",
        "frame",
        "closed",
    ]
    frame = next(line for line in lines if line["event"] == "frame")
    assert (frame["frame"], frame["nodes"]) == (1, ["render1"])
    assert [Path(file["path"]).name for file in frame["files"]] == ["triangle.0001.exr", "triangle.0001.png"]
    assert lines[-1]["state"] == "done"


def test_failed_frames_are_said_and_make_the_exit_code_one(mesh: Mesh, node: FakeService) -> None:
    node.failing = frozenset({2})
    outcome = mesh("submit", "triangle.gltf", "--frames", "1-3", "--format", "png")
    assert outcome.code == ExitCode.FRAMES_FAILED
    assert "1 failed" in outcome.out
    assert "Frame 2 failed on three nodes." in outcome.out
    assert files() == ["renders/triangle.0001.png", "renders/triangle.0003.png"]


def test_a_command_without_enough_memory_says_so_and_what_to_do(
    mesh: Mesh, node: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(wish: Wish) -> None:
        raise MemoryError

    monkeypatch.setattr("mesh.cli.submit.prepare", too_large)
    outcome = mesh("submit", "triangle.gltf")
    assert outcome.code == ExitCode.REFUSED
    assert "not enough memory here for this command" in one_sentence(outcome)


def test_frames_that_exist_are_refused_and_nothing_is_submitted(mesh: Mesh, node: FakeService) -> None:
    mesh("submit", "triangle.gltf", "--frames", "2", "--format", "png")
    outcome = mesh("submit", "triangle.gltf", "--frames", "1-3", "--format", "png")
    assert outcome.code == ExitCode.REFUSED
    assert "triangle.0002.png in renders would be overwritten" in one_sentence(outcome)
    assert len(node.requests) == 1


@pytest.mark.parametrize(
    ("resolution", "free", "fits"),
    [("16384x16384", 15, False), ("16384x16384", 16, True), ("1920x1080", 0, True)],
)
def test_a_frame_that_has_no_room_on_the_disk_is_refused_before_it_is_rendered(
    mesh: Mesh,
    node: FakeService,
    monkeypatch: pytest.MonkeyPatch,
    resolution: str,
    free: int,
    fits: bool,
) -> None:
    monkeypatch.setattr(
        "mesh.control.outputs.shutil.disk_usage", lambda folder: SimpleNamespace(free=free * 10**9)
    )
    outcome = mesh("submit", "triangle.gltf", "--resolution", resolution, "--format", "png")
    assert len(node.requests) == fits
    if not fits:
        assert outcome.code == ExitCode.REFUSED
        assert "A frame takes 15.0 GB on the disk of renders" in one_sentence(outcome)
        assert "which has 15.0 GB left" in outcome.err
        assert not Path("renders").exists()


def test_skipped_frames_are_not_even_rendered(mesh: Mesh, node: FakeService) -> None:
    mesh("submit", "triangle.gltf", "--frames", "2", "--format", "png")
    assert mesh("submit", "triangle.gltf", "--frames", "1-3", "--format", "png", "--skip-existing").code == 0
    assert node.requests[1].frames == (1, 3)
    again = mesh("submit", "triangle.gltf", "--frames", "1-3", "--format", "png", "--skip-existing")
    assert again.out == "Every frame is already in renders/triangle.####.png.\n"
    assert len(node.requests) == 2


def test_collecting_goes_on_where_it_stopped(mesh: Mesh, node: FakeService) -> None:
    mesh("submit", "triangle.gltf", "--frames", "1-3", "--format", "png", "--name", "shot")
    Path("renders/shot.0002.png").unlink()
    outcome = mesh("collect", "shot", "--format", "png", "--skip-existing")
    assert outcome.code == 0
    assert "frame 2 written" in outcome.out
    assert "frame 1 written" not in outcome.out


def test_overwriting_replaces_frames(mesh: Mesh, node: FakeService) -> None:
    mesh("submit", "triangle.gltf", "--format", "png")
    Path("renders/triangle.0001.png").write_text("old")
    assert mesh("collect", "triangle", "--format", "png", "--overwrite").code == 0
    assert Path("renders/triangle.0001.png").read_text() != "old"


def test_detaching_without_a_node_says_that_one_is_needed(mesh: Mesh) -> None:
    outcome = mesh("submit", "triangle.gltf", "--detach")
    assert outcome.code == ExitCode.NO_MESH
    assert one_sentence(outcome).endswith("start one with `mesh join`.")


def test_the_job_s_events_are_told_as_they_happen(mesh: Mesh, node: FakeService) -> None:
    before, other = event(1, "render9 is here"), event(3, "not ours", job="ff" * 32)
    mine = event(2, "what render3 had not finished of triangle is taken up again (2 frames, 80 buckets)")
    node.shown = replace(node.shown, events=(before,))
    looked = node.results

    def results(job, after):  # type: ignore[no-untyped-def]
        node.shown = replace(node.shown, revision=2, events=(before, mine, other))
        return looked(job, after)

    node.results = results  # type: ignore[method-assign]
    outcome = mesh("submit", "triangle.gltf", "--frames", "1-6")
    assert outcome.out.count("is taken up again (2 frames, 80 buckets)") == 1
    assert "render9" not in outcome.out
    assert "not ours" not in outcome.out


def test_an_interrupted_command_away_from_a_terminal_detaches_and_prints_how_to_collect(
    mesh: Mesh, node: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted = JoiningWriter()
    interrupted.error = KeyboardInterrupt()  # type: ignore[assignment]
    monkeypatch.setattr("mesh.cli.follow.WriterClient", lambda: interrupted)

    outcome = mesh("submit", "triangle.gltf", "-o", "out")

    assert outcome.code == ExitCode.INTERRUPTED
    assert node.acts == []
    assert files() == []
    command = outcome.out.rpartition("with: mesh ")[2].split()
    assert command[0] == "collect"
    monkeypatch.setattr("mesh.cli.follow.WriterClient", JoiningWriter)
    assert mesh(*command).code == ExitCode.DONE
    assert files() == ["out/triangle.0001.exr", "out/triangle.0001.png"]


def test_a_mesh_that_ends_with_its_command_leaves_nothing_to_collect(
    mesh: Mesh,
    node: FakeService,
    home: Paths,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """As in the demo."""
    mesh("submit", "triangle.gltf", "--detach")
    (job,) = node.details
    interrupted = JoiningWriter()
    interrupted.error = KeyboardInterrupt()  # type: ignore[assignment]
    pattern = parse_output("out", "triangle", (), 1)
    monkeypatch.setattr("mesh.cli.follow.WriterClient", lambda: interrupted)
    monkeypatch.setattr("mesh.cli.follow._can_ask", lambda: True)

    with Client.connect(home) as client:
        report = LineReport(str(pattern), 1)
        code = follow(Following(client, job.hex(), (1,), pattern, report, None, whole_mesh=True))

    assert code is ExitCode.INTERRUPTED
    said = capfd.readouterr().out
    assert f"its nodes end with this command; the frames that are written are in {pattern}" in said
    assert "mesh collect" not in said


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("jobs",), ExitCode.DONE, ""),
        (
            ("submit", "triangle.gltf", "-o", "a b", "--view", "filmic", "--format", "exr"),
            ExitCode.INTERRUPTED,
            "-o 'a b' --format exr --view filmic --skip-existing",
        ),
    ],
)
def test_who_stops_reading_ends_a_command_without_a_traceback_and_a_job_goes_on(
    node: FakeService, home: Paths, arguments: tuple[str, ...], code: ExitCode, words: str
) -> None:
    reader, output = os.pipe()
    os.close(reader)

    command = (sys.executable, "-m", "mesh.cli", *arguments)
    done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, check=False)
    os.close(output)

    assert done.returncode == code
    assert done.stderr.strip().endswith(words)
    assert len(done.stderr.splitlines()) == (1 if words else 0)
    assert node.acts == []


def test_when_the_node_dies_the_command_says_how_to_fetch_the_frames(
    mesh: Mesh, node: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise NodeGone(reason="Connection refused", logs="/data/logs")

    monkeypatch.setattr("mesh.cli.follow.Collector.run", gone)

    outcome = mesh("submit", "triangle.gltf", "-o", "out")

    assert outcome.code == ExitCode.NO_MESH
    assert "stopped answering: Connection refused" in outcome.err
    assert outcome.err.rstrip().endswith(" -o out --skip-existing")


def test_an_answer_that_is_none_is_asked_for_again(
    mesh: Mesh, node: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = JoiningWriter()
    writer.error = KeyboardInterrupt()  # type: ignore[assignment]
    answers = iter(["x", "", "cancel"])
    monkeypatch.setattr("mesh.cli.follow.WriterClient", lambda: writer)
    monkeypatch.setattr("mesh.cli.follow._can_ask", lambda: True)
    monkeypatch.setattr("click.prompt", lambda *_, **__: next(answers))

    mesh("submit", "triangle.gltf")

    assert [action for _, action in node.acts] == ["cancel"]


@pytest.mark.parametrize(
    ("answer", "code", "cancelled"),
    [("c", ExitCode.INTERRUPTED, True), ("d", ExitCode.INTERRUPTED, False), ("g", ExitCode.DONE, False)],
)
def test_ctrl_c_on_a_terminal_asks_what_to_do(
    mesh: Mesh,
    node: FakeService,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: ExitCode,
    cancelled: bool,
) -> None:
    writer = JoiningWriter()
    writer.error = KeyboardInterrupt()  # type: ignore[assignment]

    def reply(*_: object, **__: object) -> str:
        writer.error = None
        return answer

    monkeypatch.setattr("mesh.cli.follow.WriterClient", lambda: writer)
    monkeypatch.setattr("mesh.cli.follow._can_ask", lambda: True)
    monkeypatch.setattr("click.prompt", reply)

    outcome = mesh("submit", "triangle.gltf", "--frames", "1-2")

    assert outcome.code == code
    assert [action for _, action in node.acts] == (["cancel"] if cancelled else [])
    assert len(files()) == (4 if code == ExitCode.DONE else 0)


# --- bad input: one sentence, a documented exit code, nothing half-written ---------------------------------


def break_texture() -> None:
    Path("triangle.gltf").write_text(json.dumps(TRIANGLE | {"images": [{"uri": "wood.png"}]}))


def break_glb() -> None:
    Path("broken.glb").write_bytes(b"glTF\x02\x00\x00\x00\xff\xff\x00\x00")


def html_for_light() -> None:
    """What a download that wants a login leaves behind."""
    Path("x.hdr").write_bytes(b"<!DOCTYPE html>")


def nothing() -> None:
    """The arguments are what is wrong."""


@pytest.mark.parametrize(
    ("prepare", "arguments", "code", "words"),
    [
        (break_texture, ["triangle.gltf"], ExitCode.REFUSED, "wood.png"),
        (break_glb, ["broken.glb"], ExitCode.REFUSED, "broken.glb cannot be rendered"),
        (nothing, ["nowhere.glb"], ExitCode.USAGE, "There is no scene file nowhere.glb."),
        (nothing, ["triangle.bin"], ExitCode.USAGE, "triangle.bin is not a scene file"),
        (nothing, ["triangle.gltf", "--frames", "9-1"], ExitCode.USAGE, "'9-1' runs backwards"),
        (nothing, ["triangle.gltf", "--frames", ""], ExitCode.USAGE, "it is empty"),
        (nothing, ["triangle.gltf", "--camera", "Side"], ExitCode.USAGE, "no camera called 'Side'"),
        (nothing, ["triangle.gltf", "--clip", "Walk"], ExitCode.USAGE, "no clip called 'Walk'"),
        (nothing, ["triangle.gltf", "--variant", "Red"], ExitCode.USAGE, "no variant called 'Red'"),
        (nothing, ["triangle.gltf", "--environment", "x.hdr"], ExitCode.USAGE, "no environment image x.hdr"),
        (html_for_light, ["triangle.gltf", "--environment", "x.hdr"], ExitCode.USAGE, "x.hdr cannot be used"),
        (nothing, ["."], ExitCode.USAGE, "is a folder. Name the .gltf or .glb file in it"),
        (nothing, ["triangle.gltf", "-o", "a.####.jpg"], ExitCode.USAGE, "as EXR and PNG, not as .jpg"),
        (nothing, ["triangle.gltf", "--name", "a/b"], ExitCode.USAGE, "without slashes"),
        (
            nothing,
            ["triangle.gltf", "--ocio", "ocio://default", "--view", "Nice"],
            ExitCode.USAGE,
            "has no view 'Nice'",
        ),
        (nothing, ["triangle.gltf", "-o", "triangle.bin/x"], ExitCode.REFUSED, "cannot be written to"),
        (
            nothing,
            ["triangle.gltf", "--frames", "1-2", "-o", "x.png"],
            ExitCode.USAGE,
            "2 frames need hashes",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_submits_nothing(
    mesh: Mesh,
    node: FakeService,
    prepare: Callable[[], None],
    arguments: list[str],
    code: ExitCode,
    words: str,
) -> None:
    prepare()
    before = files()
    outcome = mesh("submit", *arguments)
    assert outcome.code == code
    assert words in one_sentence(outcome)
    assert node.requests == []
    assert node.blobs == {}
    assert files() == before


def test_a_node_s_full_disk_is_one_sentence(mesh: Mesh, node: FakeService) -> None:
    node.full = True
    outcome = mesh("submit", "triangle.gltf")
    assert outcome.code == ExitCode.REFUSED
    assert one_sentence(outcome).startswith("The disk under /data/blocks is full")
    assert files() == []


def test_an_output_disk_that_is_full_is_one_sentence_and_leaves_no_part_of_a_frame(
    mesh: Mesh, node: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = JoiningWriter(error=OSError(28, "No space left on device"))
    monkeypatch.setattr("mesh.cli.follow.WriterClient", lambda: full)
    outcome = mesh("submit", "triangle.gltf")
    assert outcome.code == ExitCode.REFUSED
    assert one_sentence(outcome).startswith("The disk of renders is full.")
    assert files() == []


def test_a_second_node_on_one_machine_is_refused(mesh: Mesh, node: FakeService) -> None:
    outcome = mesh("join")
    assert outcome.code == ExitCode.REFUSED
    assert one_sentence(outcome).startswith("A node runs on this machine already")


def test_a_config_file_that_is_wrong_names_the_field(mesh: Mesh, home: Paths) -> None:
    home.config.mkdir(parents=True)
    home.config_file.write_text("[listen]\nprot = 7402\n")
    outcome = mesh("join")
    assert outcome.code == ExitCode.USAGE
    assert "listen.prot" in one_sentence(outcome)
    assert "Did you mean port?" in outcome.err


def test_a_data_folder_that_cannot_be_written_is_one_sentence(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESH_HOME", str(Path("triangle.bin") / "home"))
    outcome = mesh("join")
    assert outcome.code == ExitCode.REFUSED
    assert one_sentence(outcome).startswith("The node cannot keep its data in ")
