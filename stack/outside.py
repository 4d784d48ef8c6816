"""The external parts of a state: the variables that were set when its stack was last started.

They are stored as they were set, so a secret's file is stored as its path. The next start may set them again, part by
part. A command beside a running stack uses the stored ones, whatever its own shell has set.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from stack.files import read_json, write_json
from stack.program import Program
from stack.programs import PROGRAMS, addresses
from stack.state import State

FILE = "outside.json"
SECRETS_DIRECTORY = "TANAWARI_SECRETS_DIR"
SETTINGS = frozenset(
    (
        *("MLFLOW_TRACKING_URI", "GATEWAY_PREVIEW_HOUSEHOLDS", "GATEWAY_PREVIEW_LOGIN", SECRETS_DIRECTORY),
        *("TANAWARI_BUNDLES", "TANAWARI_EXTRACTS", "TANAWARI_TIMEZONE", "TANAWARI_NIGHTLY_REFRESH"),
        *("TANAWARI_EVALUATION_TEST_START", "TANAWARI_PSEUDO_PRODUCTS"),
    )
)
"""What the stack composes besides addresses, and a user may override."""
CONNECTIONS = frozenset(
    (
        *("KAFKA_IDEMPOTENCE", "KAFKA_SECURITY_PROTOCOL"),
        *("KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"),
        *("KAFKA_SSL_CA_FILE", "KAFKA_SSL_CERT_FILE", "KAFKA_SSL_KEY_FILE"),
        *("AUTH_ISSUER", "AUTH_JWKS_URL", "AUTH_SIGNING_KEY_FILE"),
    )
)
"""How to reach the broker and the issuer of tokens. No prefix: a shell may export `KAFKA_HOME` and the like."""


def at_start(
    state: State, outside: Mapping[str, str] = os.environ, programs: Iterable[Program] = PROGRAMS
) -> dict[str, str]:
    """The environment in which the stack is started: what is set now overrides what is stored.

    Setting a variable of a part replaces all that is stored of it; an empty value returns to the state's own part.
    """
    now = kept(outside, programs)
    parts = {_part(name) for name in now}
    before = {name: value for name, value in read_json(state.path(FILE)).items() if _part(name) not in parts}
    return _others(outside, programs) | before | {name: _absolute(name, value) for name, value in now.items() if value}


def as_started(
    state: State, outside: Mapping[str, str] = os.environ, programs: Iterable[Program] = PROGRAMS
) -> dict[str, str]:
    """The environment of a command beside the running stack."""
    return _others(outside, programs) | read_json(state.path(FILE))


def remember(state: State, environment: Mapping[str, str], programs: Iterable[Program] = PROGRAMS) -> None:
    """Store what the stack is started with; it may include secrets."""
    write_json(state.path(FILE), kept(environment, programs), mode=0o600)


def remembers(state: State, outside: Mapping[str, str]) -> bool:
    """Whether the state was started with the addresses that are set now."""
    known = read_json(state.path(FILE))
    return all(known.get(name) == _absolute(name, value) for name, value in exported(outside).items())


def exported(outside: Mapping[str, str]) -> dict[str, str]:
    """The variables that point to a deployment, as they are set: an address, its file, or a directory of such files."""
    services = [program.url_variable for program in PROGRAMS if program.url_variable]
    names = {*addresses(), *services, "DAGSTER_URL"}
    found = {name: value for name, value in outside.items() if value and name.removesuffix("_FILE") in names}
    directory = outside.get(SECRETS_DIRECTORY)
    if directory and any((Path(directory) / name).is_file() for name in names):
        found[SECRETS_DIRECTORY] = directory
    return found


def elsewhere(state: State, outside: Mapping[str, str] = os.environ) -> list[str]:
    """The variables of the addresses with which the stack would be started now."""
    return sorted(exported(kept(at_start(state, outside), PROGRAMS)))


def kept(environment: Mapping[str, str], programs: Iterable[Program]) -> dict[str, str]:
    """The variables that a state stores."""
    names = {*addresses(programs), *SETTINGS, *CONNECTIONS}
    return {name: value for name, value in environment.items() if name in names or name.removesuffix("_FILE") in names}


def _others(environment: Mapping[str, str], programs: Iterable[Program]) -> dict[str, str]:
    mine = kept(environment, programs)
    return {name: value for name, value in environment.items() if name not in mine}


def _part(name: str) -> str:
    """The part of a variable: `KAFKA_URL` and `KAFKA_SASL_PASSWORD_FILE` have the same, each `TANAWARI_*` its own."""
    return name if name.startswith("TANAWARI_") else name.partition("_")[0]


def _absolute(name: str, value: str) -> str:
    """The value; a path becomes absolute, so that it is valid in other directories."""
    is_path = name.endswith("_FILE") or name in (SECRETS_DIRECTORY, "TANAWARI_BUNDLES", "TANAWARI_EXTRACTS")
    return str(Path(value).absolute()) if is_path and value else value
