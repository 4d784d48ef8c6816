"""Failed checks and failed runs reach the same webhook."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import dagster as dg
import pytest

from pipelines.defs.automation import tell_of_failed_checks, tell_of_failed_runs
from pipelines.settings import settings


@pytest.fixture
def told(monkeypatch):
    """What the webhook has received."""
    texts = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self):
            texts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Webhook) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("TANAWARI_ALERT_WEBHOOK", f"http://127.0.0.1:{server.server_port}")
        settings.cache_clear()
        yield texts
        server.shutdown()
    settings.cache_clear()


def end(*, passed=True, fails=False):
    """Run a job whose one check passes or not, and let the sensor that is meant look at its end."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("is_whole", asset="rows")])
    def rows():
        yield dg.Output(None)
        yield dg.AssetCheckResult(passed=passed, description="2 of 3 rows are there")
        if fails:
            raise RuntimeError

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([rows], instance=instance, raise_on_error=False)
        what = {"dagster_instance": instance, "dagster_run": result.dagster_run}
        if fails:
            event = result.get_run_failure_event()
            context = dg.build_run_status_sensor_context("any", event, **what).for_run_failure()
            tell_of_failed_runs(context)
        else:
            event = result.get_run_success_event()
            tell_of_failed_checks(dg.build_run_status_sensor_context("any", event, **what))


def test_a_failed_check_of_a_run_that_went_on_is_told_with_its_numbers(told):
    end(passed=False)
    assert told[0].splitlines()[1:] == ["rows: is_whole: 2 of 3 rows are there"]


def test_a_failed_run_is_told_once_with_its_failed_checks(told):
    end(passed=False, fails=True)
    assert len(told) == 1
    assert told[0].endswith("rows: is_whole: 2 of 3 rows are there")


def test_of_a_run_whose_checks_pass_nothing_is_told(told):
    end()
    assert told == []
