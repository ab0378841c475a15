"""`mesh jobs` where there are many: by state, by user, the newest few; on terminals and in pipes."""

from __future__ import annotations

import json
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import click
import pytest

from mesh.cli.common import print_table
from mesh.cli.listing import States
from mesh.config.paths import Paths
from mesh.control.choosing import JobChoice, choose
from mesh.control.openapi import document
from mesh.errors import ExitCode
from mesh.model.status import JobState, JobStatus
from tests.command_line import Mesh, one_sentence
from tests.fake_service import FakeService, job_status, mesh_status

pytest_plugins = ("tests.cli_fixtures",)


def many() -> tuple[JobStatus, ...]:
    """Of 500, newest first: every fifth runs, every fifth has failed, the others are done; two users take turns."""
    states = (JobState.RUNNING, JobState.DONE, JobState.FAILED, JobState.DONE, JobState.DONE)
    return tuple(
        job_status(
            f"shot{number:03d}",
            state=states[number % 5],
            submitter=("ada@desk", "grace@laptop")[number % 2],
            submitted_ms=1_700_000_000_000 - number,
        )
        for number in range(500)
    )


@pytest.fixture
def farm(service: FakeService, node: FakeService) -> FakeService:
    service.shown = mesh_status(jobs=many())
    return service


def names(mesh: Mesh, *options: str) -> list[str]:
    return [job["name"] for job in json.loads(mesh("jobs", "--json", *options).out)]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (JobChoice(), 500),
        (JobChoice((JobState.RUNNING,)), 100),
        (JobChoice((JobState.RUNNING, JobState.FAILED)), 200),
        (JobChoice((JobState.PAUSED,)), 0),
        (JobChoice(user="ada"), 250),
        (JobChoice(user="ada@desk"), 250),
        (JobChoice(user="ada@laptop"), 0),
        (JobChoice(user="ad"), 0),
        (JobChoice(last=7), 7),
        (JobChoice(last=600), 500),
        (JobChoice((JobState.FAILED,), "grace", 3), 3),
    ],
)
def test_jobs_are_chosen_by_all_that_is_asked_for(choice: JobChoice, expected: int) -> None:
    found = choose(many(), choice)
    assert len(found) == expected
    assert list(found) == [job for job in many() if job in found]


def test_the_newest_are_taken_of_those_that_fit(mesh: Mesh, farm: FakeService) -> None:
    assert names(mesh, "--state", "failed", "--last", "3") == ["shot002", "shot007", "shot012"]
    assert names(mesh, "--state", "Failed, running", "--last", "3") == ["shot000", "shot002", "shot005"]


def test_ones_own_jobs_are_those_of_ones_name_from_any_machine(
    mesh: Mesh, farm: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "grace")
    assert names(mesh, "--mine", "--last", "2") == ["shot001", "shot003"]
    assert names(mesh, "--user", "ada@desk", "--last", "1") == ["shot000"]


def test_a_pipe_gets_every_job(mesh: Mesh, farm: FakeService) -> None:
    assert len(mesh("jobs").out.splitlines()) == 501


def test_a_terminal_is_shown_what_goes_on_before_what_has_ended(
    mesh: Mesh, farm: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm.shown = mesh_status(jobs=many()[:60])
    monkeypatch.setattr(sys.stdout.__class__, "isatty", lambda _self: True, raising=False)
    lines = mesh("jobs").out.splitlines()
    assert len(lines) == 42
    assert sum("running" in line for line in lines) == 12
    assert lines[-1] == "20 jobs more: --last 60 shows all."
    assert len(mesh("jobs", "--last", "60").out.splitlines()) == 61


def test_jobs_that_wait_for_the_same_are_told_together(mesh: Mesh, node: FakeService) -> None:
    waiting = [job_status(f"shot{number}", waiting="no node has 64.0 GB of memory") for number in range(20)]
    alone = job_status("comp", waiting="it is paused")
    node.shown = mesh_status(jobs=(*waiting, alone))
    told = mesh("jobs").out.splitlines()[22:]
    first = ", ".join(f"{job.name} ({job.short})" for job in waiting[:3])
    assert told == [
        f"{first} and 17 more wait: no node has 64.0 GB of memory.",
        f"comp ({alone.short}) waits: it is paused.",
    ]


def test_none_of_many_is_not_said_to_be_none_at_all(mesh: Mesh, farm: FakeService) -> None:
    assert mesh("jobs", "--state", "paused").out.startswith("There is no such job; `mesh jobs` lists all")
    assert names(mesh, "--state", "paused") == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--state", "running,gone"],
            "--state: 'running,gone' is not made of waiting, running, paused, done",
        ),
        (["--state", ""], "--state: '' is not made of waiting"),
        (["--last", "0"], "--last: 0 cannot be used; give a whole number, 1 or more"),
        (["--mine", "--user", "ada"], "--mine and --user exclude each other."),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(mesh: Mesh, options: list[str], sentence: str) -> None:
    outcome = mesh("jobs", *options)
    assert outcome.code == ExitCode.USAGE
    assert one_sentence(outcome).startswith(sentence)


def test_the_shell_is_told_of_the_states(home: Paths) -> None:
    context, option = click.Context(click.Command("jobs")), click.Option(["--state"])
    found = States().shell_complete(context, option, "done,p")
    assert [one.value for one in found] == ["done,paused"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("state=gone", "state='gone' is not made of waiting, running, paused, done, failed, cancelled"),
        ("status=running", "status is no parameter of /v1/jobs"),
        ("last=-1", "last='-1' is not a number from 0"),
    ],
)
def test_the_api_answers_no_other_question_than_it_was_asked(
    farm: FakeService, home: Paths, query: str, reason: str
) -> None:
    url = f"http://{home.control_address.read_text()}/v1/jobs?{query}"
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(url, headers={"Authorization": f"Bearer {home.control_token.read_text()}"}))
    with refused.value as answer:
        assert answer.code == 400
        assert reason in json.loads(answer.read())["error"]


def test_the_document_of_the_api_describes_the_choice() -> None:
    described = {one["name"]: one for one in document()["paths"]["/v1/jobs"]["get"]["parameters"]}
    assert sorted(described) == ["last", "state", "user"]
    assert described["state"]["schema"]["items"] == {"type": "string", "enum": [*JobState]}
    assert described["state"]["explode"] is False


def test_a_narrow_terminal_leaves_out_the_columns_that_can_be_spared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = (("job", "state", "by"), [("7f3a-91c2", "running", "somebody@somewhere")])
    monkeypatch.setenv("COLUMNS", "20")
    print_table(*table, spare=("by", "state"))
    assert "somebody" in capsys.readouterr().out
    monkeypatch.setattr(sys.stdout.__class__, "isatty", lambda _self: True, raising=False)
    print_table(*table, spare=("by", "state"))
    assert click.unstyle(capsys.readouterr().out).splitlines() == ["job        state", "7f3a-91c2  running"]
