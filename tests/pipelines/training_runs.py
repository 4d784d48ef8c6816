"""Running the training assets in tests, and reading why a run failed."""

import dagster as dg

from pipelines.defs.training.bundle import bundle
from pipelines.defs.training.challenger import challenger
from pipelines.defs.training.champion import champion
from pipelines.defs.training.evaluation import evaluation

ASSETS = [challenger, evaluation, bundle, champion]
DAY, NEXT_DAY = "2026-11-01", "2026-11-02"


def run(*keys: str, configuration: dict | None = None, day: str = DAY) -> dg.ExecuteInProcessResult:
    """Materialise assets of the training group by name, with their checks, for a day."""
    chosen = dg.AssetSelection.assets(*(["training", key] for key in keys))
    job = dg.define_asset_job("training", chosen)
    definitions = dg.Definitions(assets=ASSETS, jobs=[job], executor=dg.in_process_executor)
    config = {"ops": {"training__challenger": {"config": {"configuration": configuration or {}}}}}
    return definitions.resolve_job_def("training").execute_in_process(
        partition_key=None if keys == ("champion",) else day,
        run_config=config if "challenger" in keys else None,
        raise_on_error=False,
    )


def refused(result: dg.ExecuteInProcessResult) -> dict[str, dict]:
    """The checks that failed, with what they say."""
    return {
        evaluated.check_name: {name: value.value for name, value in evaluated.metadata.items()}
        for evaluated in result.get_asset_check_evaluations()
        if not evaluated.passed
    }


def said(result: dg.ExecuteInProcessResult) -> str:
    """Why a run failed."""
    failure = result.get_step_failure_events()[0].step_failure_data
    return str(failure.user_failure_data.description if failure.user_failure_data else failure.error)
