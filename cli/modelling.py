"""`tanawari dbt`: build and inspect the models of the warehouse."""

import os

import typer

from cli.deployment import at
from cli.options import WhereOption
from stack.state import StateError

PASSED_ON = {
    "ignore_unknown_options": True,
    "allow_extra_args": True,
    "allow_interspersed_args": False,
    "help_option_names": ["--help"],
}
"""How Typer takes the command: from dbt's command on, all options are dbt's own, which has a `--state` too."""


def dbt(context: typer.Context, state: WhereOption = None) -> None:
    """Run a dbt command on the warehouse, e.g. tanawari dbt build --select orders+.

    What follows dbt's command is dbt's, its own --state too: tanawari dbt --state .tanawari ls --state target/before.

    Only one command writes at a time; another one waits for it. The next one goes on from the last `build` of all
    models whose tests of the data passed; `run` tests nothing. `build --full-refresh` rebuilds all marts beside the
    old ones, which stay readable until the new ones replace them.
    """
    try:
        from pipelines.dbt import main  # noqa: PLC0415 - only where the extra `pipelines` is installed

        deployment = at(state)
        deployment.announce("WAREHOUSE_DBT_URL")
        os.environ.clear()  # dbt reads it: another deployment's variables, and files of secrets that are read already
        os.environ.update(deployment.variables)
        raise typer.Exit(main(context.args))
    except ModuleNotFoundError as error:
        remedy = "install the extra of the pipelines, e.g. pip install 'tanawari[pipelines]'"
        raise StateError(f"{error.name} is not installed: {remedy}") from error
