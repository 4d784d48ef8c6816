"""Failed checks and failed runs reach the same webhook."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import dagster as dg
import pytest

from pipelines.defs.automation import UnavailableError, tell_of_failed_checks, tell_of_failed_runs
from pipelines.settings import settings


class Texts(list):
    """What the webhook has received; while it is away, it answers with an error."""

    status = 200


@pytest.fixture
def told(monkeypatch):
    texts = Texts()

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self):
            text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"]
            if texts.status == 200:
                texts.append(text)
            self.send_response(texts.status)
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


@pytest.mark.parametrize(("away", "times"), [(503, 1), (429, 1), (400, 0)])
def test_while_the_webhook_is_away_a_failed_run_waits_and_one_that_is_refused_holds_up_no_other(told, away, times):
    @dg.op
    def fail():
        raise RuntimeError

    @dg.job
    def refresh():
        fail()

    def look(cursor):
        """One evaluation, as by Dagster's daemon: one that fails leaves the cursor where it was."""
        context = dg.build_sensor_context(instance, cursor, definitions=definitions)
        try:
            return tell_of_failed_runs.evaluate_tick(context).cursor
        except UnavailableError:
            return cursor

    definitions = dg.Definitions(jobs=[refresh], sensors=[tell_of_failed_runs])
    with dg.DagsterInstance.ephemeral() as instance:
        cursor = look(None)
        refresh.execute_in_process(instance=instance, raise_on_error=False)
        told.status = away
        cursor = look(cursor)
        told.status = 200
        look(look(cursor))
    assert len(told) == times
