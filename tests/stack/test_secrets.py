"""Everyone on a machine sees the command lines of all its processes."""

import psutil
import psycopg
import pytest

from stack.children import child_of
from stack.environment import Environment
from stack.files import read_json
from stack.programs import PROGRAMS, program_ports, secrets


@pytest.fixture
def environment(state, database):
    return Environment(state, state.ports(program_ports()), {"MLFLOW_DATABASE_URL": database("mlflow")})


def secrets_of(environment):
    urls = {environment.variables[name] for name in secrets() if "://" in environment.variables.get(name, "")}
    return urls | set(read_json(environment.state.path("secrets.json")).values())


def shown(process):
    """The command lines of a process and of all that it has started."""
    root = psutil.Process(process.pid)
    return " ".join(word for each in (root, *root.children(recursive=True)) for word in each.cmdline())


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_no_program_is_started_with_a_secret_on_its_command_line(program, environment):
    command = " ".join(child_of(program, environment).process.command)
    assert [secret for secret in secrets_of(environment) if secret in command] == []


def test_mlflow_keeps_its_runs_in_its_database_and_shows_no_password(environment):
    mlflow = next(program for program in PROGRAMS if program.name == "mlflow")
    with child_of(mlflow, environment).process as running:
        assert "password" not in shown(running)
        with psycopg.connect(environment.variables["MLFLOW_DATABASE_URL"]) as connection:
            assert connection.execute("select to_regclass('experiments') is not null").fetchone() == (True,)
