"""`python -m stack` is the command `tanawari`."""

from stack.command import app

app()
