"""Runs a Dagster job of a deployment through the GraphQL API of its web server."""

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx2

from cli.options import notice
from stack.parts.process import PartError

DAGSTER = "DAGSTER_URL"
POLL_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
"""So long may the web server be unavailable while a run goes on: it may be restarted, and the run does not notice."""
TIMEOUT = httpx2.Timeout(10, read=120)
ENDED = ("SUCCESS", "FAILURE", "CANCELED")

FIND = """
{ repositoriesOrError {
    ... on RepositoryConnection { nodes { name location { name } jobs { name } } }
    ... on PythonError { message } } }
"""
LAUNCH = """
mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) {
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on Error { message } } }
"""
STATUS = "query ($run: ID!) { runOrError(runId: $run) { ... on Run { status } ... on Error { message } } }"


def run_remotely(url: str, job: str, say: Callable[[str], None], tags: Mapping[str, str] | None = None) -> str:
    """Launch a job and wait until it has succeeded; the id of its run.

    Args:
        url: of Dagster's web server.
        job: its name.
        say: is told how the run stands.
        tags: of the run, e.g. its partition.

    Raises:
        PartError: Dagster does not answer or does not take the run, or the run fails, or its end is not known.
    """
    parts = urlsplit(url)
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")  # messages show it
    with httpx2.Client(base_url=url, timeout=TIMEOUT, auth=login) as client:
        try:
            run = _launch(client, job, tags or {})
        except (httpx2.HTTPError, LookupError, ValueError) as error:
            raise PartError(f"Dagster at {url} could not run {job}: {error}") from error
        page = f"{url}/runs/{run}"
        try:
            status = _end(client, run, say)
        except (httpx2.HTTPError, LookupError, ValueError) as error:
            raise PartError(f"{job} was started, and how it ends is not known: see {page} ({error})") from error
        except KeyboardInterrupt:
            notice(f"{job} goes on: see {page}")
            raise
    if status != "SUCCESS":
        raise PartError(f"{job} ended as {status.lower()}: {page}")
    return run


def _end(client: httpx2.Client, run: str, say: Callable[[str], None]) -> str:
    """Wait for the end of a run; its status."""
    answered_at = time.monotonic()
    while True:
        try:
            status = str(_ask(client, STATUS, run=run)["runOrError"]["status"])
        except httpx2.HTTPError:
            if time.monotonic() > answered_at + PATIENCE_SECONDS:
                raise
        else:
            if status in ENDED:
                return status
            answered_at = time.monotonic()
            say(f"run {run} is {status.lower()}")
        time.sleep(POLL_SECONDS)


def _launch(client: httpx2.Client, job: str, tags: Mapping[str, str]) -> str:
    for repository in _ask(client, FIND)["repositoriesOrError"]["nodes"]:
        if job in (each["name"] for each in repository["jobs"]):
            selector = {"repositoryLocationName": repository["location"]["name"], "repositoryName": repository["name"]}
            metadata = {"tags": [{"key": key, "value": value} for key, value in tags.items()]}
            params = {"selector": {**selector, "jobName": job}, "runConfigData": {}, "executionMetadata": metadata}
            launched = _ask(client, LAUNCH, params=params)["launchRun"]
            if "run" not in launched:
                raise ValueError(launched.get("message") or str(launched))
            return str(launched["run"]["runId"])
    raise ValueError("no code location there has this job")


def _ask(client: httpx2.Client, query: str, **variables: object) -> dict[str, Any]:
    answer = client.post("/graphql", json={"query": query, "variables": variables}).raise_for_status().json()
    if errors := answer.get("errors"):
        raise ValueError(errors[0]["message"])
    return dict(answer["data"])
