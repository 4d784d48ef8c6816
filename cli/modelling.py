"""`tanawari dbt`: build and inspect the models of the warehouse."""

import os

import typer

from cli.deployment import at
from cli.options import WhereOption

PASSED_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": ["--help"]}
"""How typer takes the command: its options are dbt's own."""


def dbt(context: typer.Context, state: WhereOption = None) -> None:
    """Run a dbt command on the warehouse, e.g. tanawari dbt build --select orders+; it takes dbt's options.

    Only one command writes at a time; another one waits for it. `build --full-refresh` rebuilds all marts beside the
    old ones, which stay readable until the new ones replace them.
    """
    from pipelines.dbt import main  # noqa: PLC0415 - only where the extra `pipelines` is installed

    deployment = at(state)
    deployment.announce("WAREHOUSE_DBT_URL")
    os.environ.clear()  # dbt reads it: another deployment's variables, and files of secrets that are read already
    os.environ.update(deployment.variables)
    raise typer.Exit(main(context.args))
