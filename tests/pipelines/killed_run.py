"""From a training set to what shoppers see, as a run of Dagster; one that kills itself: `killed_run.py POINT`."""

import os
import signal
import sys
from pathlib import Path
from unittest import mock

import dagster as dg

from ml.bundle.champion import CHAMPION, Champion
from pipelines.content import Content
from pipelines.defs.publishing.assets import top_page_display
from pipelines.defs.training import bundle as bundle_asset
from tests.pipelines.training_runs import ASSETS, NEXT_DAY

POINTS = ("bundle written", "bundle registered", "shelves half uploaded", "shelves uploaded", "shelves shown")


def publishing() -> dg.JobDefinition:
    """Bundle, champion and shelves as one job."""
    keys = [["training", "bundle"], ["training", "champion"], ["content", "top_page_display"]]
    job = dg.define_asset_job("publishing", dg.AssetSelection.assets(*keys))
    names = {"url": "CONTENT_URL", "signing_key_file": "AUTH_SIGNING_KEY_FILE", "issuer": "AUTH_ISSUER"}
    content = Content(**{field: os.environ[name] for field, name in names.items()})
    definitions = dg.Definitions(
        [*ASSETS, top_page_display], jobs=[job], resources={"content": content}, executor=dg.in_process_executor
    )
    return definitions.resolve_job_def("publishing")


def kill_at(point: str) -> None:
    """Let this process die when it comes to a point."""

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def die_if_it_shows(champion: Champion, bundles: Path) -> None:
        if champion.generation is not None:
            die()
        champion.write(bundles / CHAMPION)

    replaced = {
        "bundle written": (bundle_asset.checks, "run_all", die),
        "bundle registered": (Champion, "put", die),
        "shelves half uploaded": (Content, "_send", sending(die)),
        "shelves uploaded": (Content, "activate", die),
        "shelves shown": (Champion, "put", die_if_it_shows),
    }
    mock.patch.object(*replaced[point]).start()


def sending(die):
    """`Content._send`, but in the middle of an upload the process dies."""
    send = Content._send

    def half(chunks):
        yield next(chunks)[: 1 << 12]
        die()

    def cut_off(service, method, path, **request):
        if method == "PUT":
            request["content"] = half(request["content"])
        return send(service, method, path, **request)

    return cut_off


def succeeds() -> bool:
    """Whether the run does; one that was killed before is taken up where it failed."""
    job = dg.reconstructable(publishing)
    with dg.DagsterInstance.get() as instance:
        cut_off = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]), limit=1)
        again = None
        for run in cut_off:
            instance.report_run_failed(run)  # as an operator does, or Dagster's monitoring
            again = dg.ReexecutionOptions.from_failure(run.run_id, instance)
        tags = {"dagster/partition": NEXT_DAY}
        with dg.execute_job(job, instance, tags=tags, reexecution_options=again) as result:
            return result.success


if __name__ == "__main__":
    kill_at(sys.argv[1])
    succeeds()
