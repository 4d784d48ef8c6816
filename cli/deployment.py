"""What a command works on, with its addresses and secrets: a running stack, or the deployment whose URLs are set."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cli.options import notice
from cli.where import chosen, existing
from services.contracts.kafka import KafkaSettings
from services.contracts.settings import resolved
from services.contracts.signing import Signer
from stack.environment import Environment
from stack.state import StateError

IMPORTER = "importer"
PASSWORD = re.compile(r"password=('[^']*'|[^\s&]*)")
"""Postgres takes addresses of options alone, too."""


@dataclass(frozen=True)
class Deployment:
    """A running stack, or a deployment that is known by its URLs.

    Attributes:
        variables: its addresses and secrets, as every program reads them.
        stack: the environment of the local stack; None for a deployment.
    """

    variables: Mapping[str, str]
    stack: Environment | None = None

    def require(self, *names: str) -> None:
        """Check that the variables are set.

        Raises:
            StateError: a variable is not set.
        """
        if missing := [name for name in names if not self.variables.get(name)]:
            raise StateError(f"not set: {', '.join(missing)}; docs/configuration.md describes them")

    def announce(self, *names: str) -> None:
        """Print what will be changed, by the addresses in these variables; raises as `require` does."""
        if not names and not self.stack:
            raise StateError("no URL is set: see docs/configuration.md")
        self.require(*names)
        if "KAFKA_URL" in names:
            KafkaSettings.of(self.variables)
        places = ", ".join(f"{name} {location(self.variables[name])}" for name in names if name.endswith("_URL"))
        notice(f"using the stack of {self.stack.state.directory}" if self.stack else f"using {places}")

    def authentication(self, audience: str) -> Callable[[Any], Any]:
        """Puts the importer's token for a service into each request."""
        key, issuer = self.variables["AUTH_SIGNING_KEY_FILE"], self.variables.get("AUTH_ISSUER", "tanawari")
        return Signer(Path(key), issuer).authenticate(IMPORTER, audience)


def at(state: Path | None) -> Deployment:
    """The deployment for a command with this `--state`, or none.

    Raises:
        StateError: both a state and URLs are possible, or the stack is not running.
    """
    directory = chosen(state)
    return of_urls() if directory is None else running(directory)


def of_urls(outside: Mapping[str, str] = os.environ) -> Deployment:
    """The deployment whose URLs are set."""
    return Deployment(resolved(outside))


def running(directory: Path) -> Deployment:
    """The stack of a state.

    Raises:
        StateError: it does not run.
    """
    state = existing(directory)
    if not state.supervisor:
        raise StateError(f"the stack of {state.directory} is not running: start it with tanawari up")
    environment = Environment.running(state)
    return Deployment(environment.variables, environment)


def location(url: str) -> str:
    """An address without user and password."""
    parts = urlsplit(url)
    if not parts.netloc:
        return PASSWORD.sub("password=…", url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
