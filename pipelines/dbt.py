"""dbt on the warehouse of `WAREHOUSE_DBT_URL`, within a run where it writes: `python -m pipelines.dbt build`."""

import argparse
import gc
import os
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg
import yaml

from pipelines.recipe import Recipe
from pipelines.runs import BESIDE, RefusedError, taken_over
from pipelines.settings import settings
from services.contracts.setting_errors import ends_in_a_line
from services.contracts.settings import resolve, resolved

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult

FOLDER = Path(__file__).parents[1] / "dbt"
PROGRAM = str(Path(sys.executable).with_name("dbt"))
TLS = ("sslmode", "sslrootcert", "sslcert", "sslkey")
"""The TLS options of a URL, by their names in libpq."""

_WRITING = {"build", "run", "seed", "snapshot", "retry", "clone"}
_FULL_REFRESH = {"--full-refresh", "-f"}
_SELECTING = {"-s", "--select", "-m", "--models", "--exclude", "--selector"}
_SUCCEEDED = {"success", "pass", "warn"}


def dbt_variables(url: str) -> dict[str, str]:
    """The parts of `WAREHOUSE_DBT_URL`, as variables for the profile of the dbt project."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    return {
        "WAREHOUSE_DBT_HOST": parts.hostname or "",
        "WAREHOUSE_DBT_PORT": str(parts.port or 5432),
        "WAREHOUSE_DBT_USER": unquote(parts.username or ""),
        "WAREHOUSE_DBT_PASSWORD": unquote(parts.password or ""),
        "WAREHOUSE_DBT_DBNAME": parts.path.lstrip("/"),
        **{f"WAREHOUSE_DBT_{name.upper()}": options.get(name, "") for name in TLS},
    }


def command_of(arguments: Sequence[str]) -> str:
    """The command in dbt's arguments, empty if there is none; its parser knows which options before it have values."""
    from dbt.cli.main import cli  # noqa: PLC0415 - takes seconds, which whoever only reads a name need not wait

    context = cli.context_class(cli, resilient_parsing=True)  # dbt itself reports what is wrong with an option
    _, words, _ = cli.make_parser(context).parse_args([*arguments])
    return next(iter(words), "")


def invoke(arguments: Sequence[str], *, started_by: str | None = None) -> "dbtRunnerResult":
    """Execute one dbt command in this process; one that writes within a run, of which there is one at a time.

    `--full-refresh` builds everything beside the old marts, and lets it take their place when all has succeeded.

    Args:
        arguments: as dbt takes them; folders of the project are added.
        started_by: what those who wait for the run are told; this process, unless somebody is named.

    Raises:
        RefusedError: it may not write now, or its `--vars` is no mapping.
    """
    resolve(os.environ)  # in place, for dbt reads it too
    variables = dict(os.environ)
    command = command_of(arguments)
    is_beside = not _FULL_REFRESH.isdisjoint(arguments)
    if is_beside and (command != "build" or not _SELECTING.isdisjoint(arguments)):
        raise RefusedError("a full refresh is a `build` of all models; those that have changed any run rebuilds")
    options, _ = _PARSER.parse_known_args(arguments)
    target = FOLDER / options.target_path / ("beside" if is_beside else "")
    folders = ("--project-dir", str(FOLDER), "--profiles-dir", str(FOLDER), "--target-path", str(target))
    suffix = {"TANAWARI_SCHEMA_SUFFIX": BESIDE if is_beside else ""}
    with _environment({**variables, **dbt_variables(variables["WAREHOUSE_DBT_URL"]), **suffix}):
        from dbt.cli.main import dbtRunner  # noqa: PLC0415 - takes seconds, which whoever only reads a name need not wait

        if command not in _WRITING:
            return dbtRunner().invoke([*arguments, *folders])
        parsed = dbtRunner().invoke(
            ["parse", "--quiet", "--log-level-file", "none", "--vars", yaml.safe_dump(options.vars), *folders]
        )
        if not parsed.success:
            return parsed
        manifest: Any = parsed.result
        recipe = Recipe.of(FOLDER, target / "manifest.json", variables, options.vars)
        started_by = started_by or f"process {os.getpid()} on {socket.gethostname()} (dbt {' '.join(arguments)})"
        with within_run(recipe, started_by, is_beside=is_beside) as built:
            done = dbtRunner(manifest=manifest).invoke([*arguments, *folders])
            if done.success:
                results: Any = done.result
                built.update(succeeded({"unique_id": each.node.unique_id, "status": each.status} for each in results))
        if is_beside and done.success and not recipe.is_complete(built):
            raise RefusedError("the marts are as they were: a full refresh replaces them once all tests have passed")
        return done


def succeeded(results: Iterable[Mapping[str, Any]]) -> set[str]:
    """The ids of what was built, and of the tests that passed or only warn, in dbt's results."""
    return {each["unique_id"] for each in results if each["status"] in _SUCCEEDED}


@contextmanager
def within_run(recipe: Recipe, started_by: str, *, is_beside: bool = False) -> Iterator[set[str]]:
    """A run, which dbt finds in the environment; put into the set what succeeded, if all that dbt did has succeeded.

    The run is complete when every model and every test of the data is in it: nothing that was not tested is ever behind
    the position, where no test looks again.
    """
    with taken_over(resolved(os.environ)["WAREHOUSE_DBT_URL"], settings().tanawari_run_wait_minutes) as runs:
        run, built = runs.begin(recipe, started_by, is_beside=is_beside), set[str]()
        try:
            with _environment(run.environment):
                yield built
        finally:
            runs.end(run, is_complete=recipe.is_complete(built))
        if recipe.is_complete(built):
            runs.erase_deleted_users(run)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _mapping(text: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        found = None
    if not isinstance(found, dict):
        raise RefusedError(f"--vars must be a mapping in YAML, e.g. --vars '{{name: value}}', not {text!r}")
    return found


_PARSER = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
_PARSER.add_argument("--vars", type=_mapping, default={})
_PARSER.add_argument("--target-path", default=os.environ.get("DBT_TARGET_PATH", "target"))


@ends_in_a_line()
def main(arguments: Sequence[str] | None = None) -> int:
    """Execute a dbt command; 0 if it succeeded."""
    gc.set_threshold(20_000, 20, 20)  # dbt's manifest is no garbage: looking through it takes an eighth of the time
    try:
        done = invoke(sys.argv[1:] if arguments is None else arguments)
    except (RefusedError, psycopg.OperationalError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - the answer
        return 1
    if done.exception:
        print(done.exception, file=sys.stderr)  # noqa: T201 - likewise
    return 0 if done.success else 1


if __name__ == "__main__":
    sys.exit(main())
