"""The command as it is installed, in a process of its own."""

import subprocess
import sys
from pathlib import Path

from cli.command import COMMANDS


def test_the_installed_command_runs_and_names_every_command():
    command = Path(sys.executable).with_name("tanawari")
    ran = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    assert all(name in ran.stdout for name in COMMANDS)


def test_status_imports_nothing_that_takes_time():
    """It took 5 s, of which all but a tenth was what other commands need."""
    code = "import sys; from cli.command import tanawari; tanawari('status'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    slow = {"aiokafka", "cryptography", "dagster", "duckdb", "numpy", "polars", "psycopg", "pydantic", "sqlalchemy"}
    assert not slow & set(loaded)
