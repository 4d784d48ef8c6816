"""Composes the environment of every program.

A part whose URL is set in our own environment is external: it is used as it is, and not started here. A program gets
the secrets that it reads and no others.
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from services.contracts.kafka import KafkaSettings
from services.contracts.settings import resolved
from stack.databases import role_url
from stack.external import as_started, at_start, store
from stack.files import read_json
from stack.history import HistoryRecord
from stack.parts.postgres import SUPERUSER
from stack.parts.process import HOST
from stack.parts.valkey import redis_url
from stack.program import Program
from stack.programs import PROGRAMS, ROOT, SIGNING_KEY, WAREHOUSE_ROLES, addresses, databases, program_ports, secrets
from stack.state import BrokerKind, Pins, State, StateError

if TYPE_CHECKING:
    from services.contracts.signing import Signer

TIMEZONE = "America/New_York"
"""The time zone of the demo's shop."""

QUIET = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DAGSTER_DISABLE_TELEMETRY": "yes",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # halves the server's memory; the stack sends it no jobs
    "OPENBLAS_NUM_THREADS": "1",  # `implicit` has its own threads
    "PYTHONUNBUFFERED": "1",
}


class Environment:
    """The environments of the programs of one state.

    Args:
        state: the state.
        ports: by name of part or program.
        environ: our own environment.
        programs: the table of programs.

    Raises:
        StateError: the settings of the broker need a broker of their own.
        SettingError: the settings of the broker are inconsistent.
    """

    def __init__(
        self,
        state: State,
        ports: Mapping[str, int],
        environ: Mapping[str, str] = os.environ,
        programs: Iterable[Program] = PROGRAMS,
    ) -> None:
        self.state = state
        self.ports = ports
        self.programs = tuple(programs)
        self._secrets = secrets(self.programs)
        self._environ = resolved(environ)
        parts = addresses(self.programs)
        self.external = {name: self._environ[name] for name in parts if self._environ.get(name)}
        self.variables = self._compose()
        self.kafka = self._broker()

    @classmethod
    def starting(
        cls,
        state: State,
        pinned: Pins | None = None,
        environ: Mapping[str, str] = os.environ,
        programs: Iterable[Program] = PROGRAMS,
    ) -> Self:
        """The environment of a stack that starts now; the state stores the variables that were set.

        Raises:
            StateError: a pinned port is in use, or the settings of the broker need a broker of their own.
            SettingError: the settings of the broker are inconsistent.
        """
        programs = tuple(programs)
        started = at_start(state, environ, programs)
        environment = cls(state, state.ports(program_ports(programs), pinned), started, programs)
        store(state, started, programs)
        return environment

    @classmethod
    def running(cls, state: State, environ: Mapping[str, str] = os.environ) -> Self:
        """The environment of the running stack, whose ports are in use by its own programs."""
        return cls(state, read_json(state.path("ports.json"))["chosen"], as_started(state, environ))

    def signer(self, holder: str) -> "Signer":
        """Signs as one of the holders of keys."""
        return self.state.keyring().signer(holder)

    @property
    def bundles(self) -> Path:
        """The directory of bundles."""
        return Path(self.variables["TANAWARI_BUNDLES"])

    @property
    def admin_url(self) -> str | None:
        """The superuser's URL of the embedded Postgres; None if Postgres is external."""
        server = f"{HOST}:{self.ports.get('postgres')}"
        return (
            role_url(server, SUPERUSER, self.state.secret("postgres"), "postgres") if self.needs("postgres") else None
        )

    def needs(self, part: str) -> bool:
        """Whether an embedded part (`postgres`, `broker`, `valkey`) must run here."""
        databases_here = (*databases(self.programs), *WAREHOUSE_ROLES)
        variables = {"broker": ("KAFKA_URL",), "valkey": ("REDIS_URL",), "postgres": databases_here}
        return any(name not in self.external for name in variables[part])

    def runs(self, broker: BrokerKind) -> bool:
        """Whether this kind of broker must run here."""
        return self.needs("broker") and self.state.broker is broker

    def of(self, program: Program) -> dict[str, str]:
        """The complete environment of one program."""
        withheld = self._secrets.difference(program.reads)
        own = {} if program.signs_as is None else {SIGNING_KEY: str(self.state.keyring().private(program.signs_as))}
        if program.has_url and not program.is_intake:  # limits per address count the shopper's, not the gateway's
            own["FORWARDED_ALLOW_IPS"] = HOST
        return {name: value for name, value in self.variables.items() if name not in withheld} | own

    def address(self, name: str) -> str:
        """The address of a program."""
        return f"http://{HOST}:{self.ports[name]}"

    def _compose(self) -> dict[str, str]:
        keys = self.state.keyring()
        ours = {
            "KAFKA_URL": f"{HOST}:{self.ports.get('broker')}",
            "KAFKA_IDEMPOTENCE": "false" if self.runs(BrokerKind.EMBEDDED) else "true",  # the embedded one lacks it
            "REDIS_URL": redis_url(self.ports.get("valkey", 0), self.state.secret("valkey")),
            **self._database_urls(),
            "AUTH_MAIL_FOLDER": str(self.state.path("mail")),
            "GATEWAY_PREVIEW_MAIL_FOLDER": str(self.state.path("mail")),
            "CATALOG_IMAGES_FOLDER": str(self.state.path("images")),
            "AUTH_STOREFRONT_URL": self.address("gateway"),
            "PAYMENT_LOCAL_PASSWORD": self.state.secret("local-payments"),
            "PAYMENT_KEYS_FILE": str(self.state.payment_keys()),
            "MLFLOW_TRACKING_URI": self.address("mlflow"),
            "TANAWARI_TIMEZONE": TIMEZONE,
            "TANAWARI_NIGHTLY_REFRESH": "false",  # a laptop must not start training at night
            "TANAWARI_BUNDLES": str(self.state.path("bundles")),
            "TANAWARI_EXTRACTS": str(self.state.path("extracts")),
            **self._history(),
        }
        given = {name: value for name, value in self._environ.items() if name in ours}
        own = {each.url_variable: self.address(each.name) for each in self.programs if each.url_variable}
        return {
            **self._environ,
            **QUIET,
            **ours,
            **given,
            # these follow from the state, whatever our own environment says of another deployment
            **own,
            "AUTH_ISSUER": keys.issuer,
            "AUTH_JWKS_URL": keys.published.as_uri(),
            SIGNING_KEY: str(keys.private("importer")),  # of commands; each program gets its own
            "LANDING_METRICS_PORT": str(self.ports["landing"]),
            # not on the command line, which everyone on the machine can read
            "MLFLOW_BACKEND_STORE_URI": sqlalchemy_url({**ours, **given}["MLFLOW_DATABASE_URL"], "psycopg"),
            "TANAWARI_STATE": str(self.state.directory),
            "DAGSTER_HOME": str(self.state.path("dagster")),
            "PYTHONPATH": str(ROOT),
        }

    def _broker(self) -> KafkaSettings:
        """The connection to the broker."""
        if self._environ.get("KAFKA_SECURITY_PROTOCOL") and self.needs("broker"):
            raise StateError("KAFKA_SECURITY_PROTOCOL needs your own broker: set KAFKA_URL too, or unset it")
        return KafkaSettings.of(self.variables)

    def _history(self) -> dict[str, str]:
        """The variables that depend on the imported history: time zone, test window, products, preview users."""
        record = HistoryRecord.read(self.state.directory)
        if record is None:
            return {}
        window = record.evaluation_starts_at
        is_preview = self._environ.get("GATEWAY_PREVIEW_LOGIN", json.dumps(record.source == "demo"))
        return {
            **({"TANAWARI_TIMEZONE": record.timezone} if record.timezone else {}),
            **({"TANAWARI_EVALUATION_TEST_START": window.isoformat()} if window else {}),
            "TANAWARI_PSEUDO_PRODUCTS": "grocer" if record.source == "demo" else "none",
            "GATEWAY_PREVIEW_SHOPPERS": json.dumps(record.shoppers),
            "GATEWAY_PREVIEW_LOGIN": is_preview,  # it asks nobody for a password
            "AUTH_PREVIEW": is_preview,
        }

    def _database_urls(self) -> dict[str, str]:
        roles = {variable: (name, name) for variable, name in databases(self.programs).items()}
        roles |= {variable: (role, "warehouse") for variable, role in WAREHOUSE_ROLES.items()}
        server = f"{HOST}:{self.ports.get('postgres')}"
        return {
            variable: role_url(server, role, self.state.secret(role), database)
            for variable, (role, database) in roles.items()
        }


def sqlalchemy_url(url: str, driver: str) -> str:
    """A plain `postgresql://` URL for SQLAlchemy with the driver named."""
    return urlsplit(url)._replace(scheme=f"postgresql+{driver}").geturl()
