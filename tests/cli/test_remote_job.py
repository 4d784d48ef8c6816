"""A job is run where Dagster runs, by the URL of its web server."""

import os
import urllib.request
from datetime import UTC, datetime

import httpx2
import pytest
import yaml
from typer.testing import CliRunner

from cli import remote_job
from cli.command import tanawari
from cli.remote_job import run_remotely
from stack.parts.process import HOST, PartError, Process, free_port, with_subreaper
from stack.programs import ROOT, SCRIPTS

AT_ONCE = {"run_coordinator": {"module": "dagster.core.run_coordinator", "class": "DefaultRunCoordinator"}}


@pytest.fixture(scope="module")
def dagster(tmp_path_factory):
    """Dagster's web server over `tests.cli.jobs`, which launches runs without a daemon; its URL."""
    home, port = tmp_path_factory.mktemp("dagster"), free_port()
    (home / "dagster.yaml").write_text(yaml.safe_dump({**AT_ONCE, "telemetry": {"enabled": False}}))
    url = f"http://{HOST}:{port}"
    with Process(
        "dagster",
        with_subreaper((str(SCRIPTS / "dagster-webserver"), "-h", HOST, "-p", str(port), "-m", "tests.cli.jobs")),
        home / "dagster.log",
        environment={**os.environ, "DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT)},
        is_ready=lambda: urllib.request.urlopen(f"{url}/server_info").status == 200,
    ):
        yield url


def test_a_job_of_a_day_is_run_to_its_end(dagster):
    told = []
    today = datetime.now(UTC).date().isoformat()
    run = run_remotely(dagster, "refresh", told.append, {"dagster/partition": today})
    assert {line.rpartition(" ")[0] for line in told} == {f"run {run} is"}


def test_a_run_that_fails_is_told_with_its_page(dagster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed = CliRunner().invoke(tanawari("rollback"), ["rollback"], env={"DAGSTER_URL": dagster})
    assert isinstance(failed.exception, PartError)
    assert f"rollback ended as failure: {dagster}/runs/" in str(failed.exception)


def away_for(monkeypatch, questions):
    """Dagster's web server is unavailable while so many questions how a run stands are asked."""
    left = [httpx2.ConnectError("connection refused")] * questions
    ask = remote_job._ask

    def asked(client, query, **variables):
        if query == remote_job.STATUS and left:
            raise left.pop()
        return ask(client, query, **variables)

    monkeypatch.setattr(remote_job, "_ask", asked)
    monkeypatch.setattr(remote_job, "POLL_SECONDS", 0.1)


def test_a_run_is_followed_though_the_web_server_was_unavailable_for_a_moment(dagster, monkeypatch):
    away_for(monkeypatch, 3)
    assert run_remotely(dagster, "refresh", print, {"dagster/partition": datetime.now(UTC).date().isoformat()})


def test_a_run_whose_end_is_not_known_is_told_with_its_page_and_not_as_one_that_did_not_start(dagster, monkeypatch):
    away_for(monkeypatch, 1000)
    monkeypatch.setattr(remote_job, "PATIENCE_SECONDS", 0.3)
    with pytest.raises(
        PartError, match=rf"^rollback was started, .*: see {dagster}/runs/[\w-]+ \(connection refused\)"
    ):
        run_remotely(dagster, "rollback", print)


def test_a_login_in_the_address_is_used_and_never_shown():
    with pytest.raises(PartError, match=rf"^Dagster at http://{HOST}:1 could not run refresh: (?!.*secret)"):
        run_remotely(f"http://dagster:secret@{HOST}:1", "refresh", print)


@pytest.mark.parametrize("job", ["refresh", "no_such_job"])
def test_who_cannot_run_it_is_told_in_a_line(dagster, job):
    url = f"http://{HOST}:1" if job == "refresh" else dagster
    with pytest.raises(PartError, match=f"Dagster at {url} could not run {job}: "):
        run_remotely(url, job, lambda _: None)
