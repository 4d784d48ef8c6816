"""`python -m cli` is the command `tanawari`."""

from cli.command import app

app()
