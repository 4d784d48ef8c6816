"""The only file that knows MLflow: runs, registered bundles, and which of them is the champion.

The server is the one named by `MLFLOW_TRACKING_URI`: an address, a database URL or a directory.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read by MLflow while it is imported

from mlflow import MlflowClient  # see above
from mlflow.entities import Metric, Param, RunStatus  # see above
from mlflow.exceptions import MlflowException  # see above
from mlflow.protos.databricks_pb2 import (  # see above
    INVALID_PARAMETER_VALUE,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_DOES_NOT_EXIST,
    ErrorCode,
)
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository  # see above

EXPERIMENT = "recommenders"
MODEL = "tanawari"
CHAMPION = "champion"
BUNDLE = "bundle"
"""The artifact directory of a run that contains the bundle."""
CONFIGURATION = "configuration"
TrackingError = MlflowException
"""Raised by everything here while MLflow does not answer."""


@dataclass(frozen=True)
class RegisteredBundle:
    """The registered version in use: its run, its bundle, and its configuration as JSON."""

    version: str
    run_id: str
    bundle: str
    configuration: str


def log_run(
    name: str,
    parameters: Mapping[str, JsonValue],
    metrics: Mapping[str, float],
    artifacts: Mapping[str, Path],
    experiment: str = EXPERIMENT,
) -> str:
    """Log one finished training run.

    Args:
        name: Shown in the list of runs.
        parameters: Hyper-parameters; nested ones are logged as `als.factors`.
        metrics: Figures by name; MLflow allows letters, digits and `_-. /` in a name.
        artifacts: Directories or files by artifact directory, such as the report or `BUNDLE`.
        experiment: Created if missing.

    Returns:
        The run's id. If logging fails half-way the run is marked failed and the error raised.
    """
    client = MlflowClient()
    run_id: str = client.create_run(_experiment(client, experiment), run_name=name).info.run_id
    try:
        values = [Param(key, str(value)) for key, value in flattened(parameters).items()]
        time = client.get_run(run_id).info.start_time
        client.log_batch(run_id, [Metric(key, value, time, 0) for key, value in metrics.items()], values)
        for folder, path in artifacts.items():
            if path.is_dir():
                client.log_artifacts(run_id, str(path), folder)
            else:
                client.log_artifact(run_id, str(path), folder)
    except BaseException:
        client.set_terminated(run_id, RunStatus.to_string(RunStatus.FAILED))
        raise
    client.set_terminated(run_id)
    return run_id


def register(run_id: str, bundle: str, configuration: str, model: str = MODEL) -> str:
    """Register the bundle of a run as a new version of the model.

    Args:
        run_id: The run with the bundle in `BUNDLE`.
        bundle: Id of the bundle.
        configuration: The trained configuration as JSON, with which a later candidate is compared.
        model: Created if missing.

    Returns:
        The version.
    """
    client = MlflowClient()
    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise
    tags = {BUNDLE: bundle, CONFIGURATION: configuration}
    return str(client.create_model_version(model, f"runs:/{run_id}/{BUNDLE}", run_id, tags=tags).version)


def promote(version: str, model: str = MODEL) -> None:
    """Make a registered version the champion; the previous one stays registered, so that this can be undone."""
    MlflowClient().set_registered_model_alias(model, CHAMPION, version)


def forget(bundle: str, model: str = MODEL) -> None:
    """Delete the versions of a bundle and MLflow's copies of its files; the runs stay with their metrics."""
    client = MlflowClient()
    for version in client.search_model_versions(f"name = '{model}' and tags.{BUNDLE} = '{bundle}'"):
        files = get_artifact_repository(client.get_run(str(version.run_id)).info.artifact_uri)
        files.delete_artifacts(BUNDLE)  # type: ignore[no-untyped-call] # MLflow gives it no types
        client.delete_model_version(model, version.version)


def version_of(bundle: str, model: str = MODEL) -> str:
    """The newest registered version of a bundle.

    Raises:
        LookupError: there is none.
    """
    found = MlflowClient().search_model_versions(f"name = '{model}' and tags.{BUNDLE} = '{bundle}'")
    if not found:
        raise LookupError(f"MLflow knows no version of bundle {bundle}")
    return str(max(int(version.version) for version in found))


def champion(model: str = MODEL) -> RegisteredBundle | None:
    """The version in use, or None if there has been none."""
    try:
        found = MlflowClient().get_model_version_by_alias(model, CHAMPION)
    except MlflowException as error:
        if error.error_code in (ErrorCode.Name(RESOURCE_DOES_NOT_EXIST), ErrorCode.Name(INVALID_PARAMETER_VALUE)):
            return None
        raise
    return RegisteredBundle(str(found.version), str(found.run_id), found.tags[BUNDLE], found.tags[CONFIGURATION])


def flattened(parameters: Mapping[str, JsonValue], prefix: str = "") -> dict[str, JsonValue]:
    """Nested parameters as one level, names joined with a point."""
    flat: dict[str, JsonValue] = {}
    for name, value in parameters.items():
        flat |= flattened(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


def _experiment(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name))
