"""Whether the parts of a deployment answer, each by its own protocol."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx2
import psycopg
import redis
from aiokafka.errors import KafkaError

from cli.deployment import location
from cli.remote_job import DAGSTER
from services.contracts.kafka import KafkaSettings
from services.contracts.setting_errors import SettingError
from services.contracts.topics import TOPICS
from stack.programs import PROGRAMS, WAREHOUSE_ROLES, databases
from warehouse.broker import all_partitions

SECONDS = 5
READY, SILENT = "ready", "not answering"
FAULTS = (
    *(OSError, KafkaError, TimeoutError, SettingError, psycopg.Error, redis.RedisError, httpx2.HTTPError),
    *(ValueError, httpx2.InvalidURL),  # what is set is no address
)


def look_at(variables: Mapping[str, str]) -> dict[str, Any]:
    """The status of a deployment, in the form of a stack's; `phase` is `running` when every part answers."""
    asked = {name: ask for name, ask in _questions(variables).items() if variables.get(name)}
    with ThreadPoolExecutor(len(asked) or 1) as pool:
        troubles = list(pool.map(lambda name: _trouble(asked[name], variables, name), asked))
    processes = {
        name: {
            **dict.fromkeys(("pid", "restarts", "log")),
            "state": SILENT if trouble else READY,
            "trouble": trouble,
            "address": location(variables[name]),
        }
        for name, trouble in zip(asked, troubles, strict=True)
    }
    return {"phase": "degraded" if any(troubles) else "running", "processes": processes}


def _questions(variables: Mapping[str, str]) -> dict[str, Callable[[Mapping[str, str], str], str | None]]:
    services = [program.url_variable for program in PROGRAMS if program.url_variable]
    tracking = variables.get("MLFLOW_TRACKING_URI", "")
    return {
        "KAFKA_URL": _ask_broker,
        "REDIS_URL": _ask_redis,
        **dict.fromkeys((*databases(), *WAREHOUSE_ROLES), _ask_database),
        **dict.fromkeys(services, _ask("/health/ready")),
        DAGSTER: _ask("/server_info"),
        **({"MLFLOW_TRACKING_URI": _ask("/health")} if urlsplit(tracking).scheme.startswith("http") else {}),
    }


def _trouble(
    ask: Callable[[Mapping[str, str], str], str | None], variables: Mapping[str, str], name: str
) -> str | None:
    try:
        return ask(variables, name)
    except FAULTS as error:
        return next(iter(str(error).splitlines()), "") or type(error).__name__


def _ask(path: str) -> Callable[[Mapping[str, str], str], str | None]:
    def question(variables: Mapping[str, str], name: str) -> str | None:
        answer = httpx2.get(f"{variables[name].rstrip('/')}{path}", timeout=SECONDS)
        return None if answer.is_success else f"{path} responds {answer.status_code}"

    return question


def _ask_database(variables: Mapping[str, str], name: str) -> str | None:
    with psycopg.connect(variables[name], connect_timeout=SECONDS) as connection:
        connection.execute("select 1")
    return None


def _ask_redis(variables: Mapping[str, str], name: str) -> str | None:
    with redis.Redis.from_url(variables[name], socket_timeout=SECONDS, socket_connect_timeout=SECONDS) as client:
        client.ping()
    return None


def _ask_broker(variables: Mapping[str, str], _: str) -> str | None:
    served = asyncio.run(asyncio.wait_for(all_partitions(KafkaSettings.of(variables)), SECONDS * 2))
    missing = TOPICS.keys() - {partition.topic for partition in served}
    return f"lacks {', '.join(sorted(missing))}: run tanawari prepare" if missing else None
