"""The external parts of a state: the variables that were set when its stack was last started.

They are stored as they were set: of a secret in a file, the path. The next start may set them again, part by part. A
command beside a running stack uses the stored ones, whatever its own shell has set.
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
        *("MLFLOW_TRACKING_URI", SECRETS_DIRECTORY),
        *("GATEWAY_PREVIEW_SHOPPERS", "GATEWAY_PREVIEW_LOGIN", "GATEWAY_PREVIEW_MAIL_FOLDER"),
        *("TANAWARI_BUNDLES", "TANAWARI_EXTRACTS", "TANAWARI_TIMEZONE", "TANAWARI_NIGHTLY_REFRESH"),
        *("AUTH_TRUSTED_ISSUERS", "AUTH_STOREFRONT_URL", "AUTH_PREVIEW", "AUTH_MAIL_FOLDER", "AUTH_SMTP_URL"),
        *("CATALOG_IMAGES_FOLDER", "CATALOG_IMAGES_BUCKET", "CATALOG_IMAGES_REGION", "CATALOG_IMAGES_ENDPOINT_URL"),
        *("CATALOG_SYNONYMS_FILE", "CATALOG_SEARCH_URL", "CATALOG_SEARCH_INDEX"),
        *("TANAWARI_EVALUATION_TEST_START", "TANAWARI_PSEUDO_PRODUCTS"),
    )
)
"""Other variables that the stack composes and a user may override."""
CONNECTIONS = frozenset(
    (
        *("KAFKA_IDEMPOTENCE", "KAFKA_SECURITY_PROTOCOL"),
        *("KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"),
        *("KAFKA_SSL_CA_FILE", "KAFKA_SSL_CERT_FILE", "KAFKA_SSL_KEY_FILE"),
    )
)
"""How to connect to the broker. A prefix would include `KAFKA_HOME`."""


OWN_PARTS = ("CATALOG_SYNONYMS", "CATALOG_SEARCH")
"""Of a service, and set without its other variables."""


def at_start(
    state: State, environ: Mapping[str, str] = os.environ, programs: Iterable[Program] = PROGRAMS
) -> dict[str, str]:
    """The environment in which the stack starts: variables that are set now override stored ones.

    A variable of a part replaces everything that is stored of that part; an empty value selects the state's own part.
    """
    now = storable(environ, programs)
    parts = {_part(name) for name in now}
    before = {name: value for name, value in read_json(state.path(FILE)).items() if _part(name) not in parts}
    return _others(environ, programs) | before | {name: _absolute(name, value) for name, value in now.items() if value}


def as_started(
    state: State, environ: Mapping[str, str] = os.environ, programs: Iterable[Program] = PROGRAMS
) -> dict[str, str]:
    """The environment of a command beside the running stack."""
    return _others(environ, programs) | read_json(state.path(FILE))


def store(state: State, environment: Mapping[str, str], programs: Iterable[Program] = PROGRAMS) -> None:
    """Store the variables that the stack starts with; they may include secrets."""
    write_json(state.path(FILE), storable(environment, programs), mode=0o600)


def was_started_with(state: State, environ: Mapping[str, str]) -> bool:
    """Whether the state was started with the addresses that are set now."""
    known = read_json(state.path(FILE))
    return all(known.get(name) == _absolute(name, value) for name, value in exported(environ).items())


def exported(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that name a deployment, as they are set: an address, its file, or a directory of such files."""
    services = [program.url_variable for program in PROGRAMS if program.url_variable]
    names = {*addresses(), *services, "DAGSTER_URL"}
    found = {name: value for name, value in environ.items() if value and name.removesuffix("_FILE") in names}
    directory = environ.get(SECRETS_DIRECTORY)
    if directory and any((Path(directory) / name).is_file() for name in names):
        found[SECRETS_DIRECTORY] = directory
    return found


def external_addresses(state: State, environ: Mapping[str, str] = os.environ) -> list[str]:
    """The variables of the external addresses that a start would use now."""
    return sorted(exported(storable(at_start(state, environ), PROGRAMS)))


def storable(environment: Mapping[str, str], programs: Iterable[Program]) -> dict[str, str]:
    """The variables that a state stores."""
    names = {*addresses(programs), *SETTINGS, *CONNECTIONS}
    return {name: value for name, value in environment.items() if name in names or name.removesuffix("_FILE") in names}


def _others(environment: Mapping[str, str], programs: Iterable[Program]) -> dict[str, str]:
    mine = storable(environment, programs)
    return {name: value for name, value in environment.items() if name not in mine}


def _part(name: str) -> str:
    """The part that a variable belongs to: `KAFKA` of `KAFKA_SASL_PASSWORD_FILE`; each `TANAWARI_*` is its own."""
    if own := next((part for part in OWN_PARTS if name.startswith(part)), None):
        return own
    return name if name.startswith("TANAWARI_") else name.partition("_")[0]


def _absolute(name: str, value: str) -> str:
    """The value; a path becomes absolute, so that it is valid in any working directory."""
    is_path = name.endswith("_FILE") or name in (SECRETS_DIRECTORY, "TANAWARI_BUNDLES", "TANAWARI_EXTRACTS")
    return str(Path(value).absolute()) if is_path and value else value
