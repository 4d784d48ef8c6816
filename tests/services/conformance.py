"""Does a service do what its OpenAPI document says: schemathesis against the real, running process.

with served("catalog", environment, log) as url:
    assert violations(url, lambda: token) == ""
    assert numbers_without_bound(url, token) == []
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import httpx2

from tests.service_process import ServiceProcess

ROOT = Path(__file__).parents[2]
SEED, MORE_EXAMPLES = 20261125, 50
UNPROCESSABLE = HTTPStatus.UNPROCESSABLE_ENTITY


@contextmanager
def served(name: str, environment: Mapping[str, str], log: Path):
    """Run a service as the stack does, and give its base URL once it is ready; SIGTERM must end it with 0."""
    with ServiceProcess(name, environment, log) as process:
        yield process.url
        assert process.stop() == 0, log.read_text()


def numbers_without_bound(url: str, token: str) -> list[str]:
    """Numbers in paths and queries that are not refused with 422 when they have more digits than Python reads."""
    with httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}) as client:
        paths = client.get("/openapi.json").json()["paths"]
        return [
            f"{path} {parameter['name']}"
            for path, operations in paths.items()
            for parameter in operations.get("get", {}).get("parameters", ())
            if '"integer"' in json.dumps(parameter["schema"])
            and client.get(_with_too_many_digits(path, parameter)).status_code != UNPROCESSABLE
        ]


def _with_too_many_digits(path: str, parameter: Mapping[str, str]) -> str:
    digits = "9" * 4_301
    if parameter["in"] == "query":
        path = f"{path}?{parameter['name']}={digits}"
    return re.sub(r"{.*?}", "1", path.replace(f"{{{parameter['name']}}}", digits))


def violations(url: str, token: Callable[[], str], *, examples: int = 15, cases: int = 0) -> str:
    """What schemathesis finds wrong, by every check but `positive_data_acceptance`; empty when nothing is.

    Args:
        url: the running service.
        token: makes a token that may call every route; it lives no longer than a run of schemathesis takes.
        examples: generated cases per operation and phase.
        cases: so many at least: those that chance makes are made again from other seeds, until there are as many.
    """
    generated, seed, more = 0, SEED, ("--max-examples", str(examples))
    while not generated or generated < cases:
        result = _run(url, token(), "--seed", str(seed), *more)
        if result.returncode != 0:
            return result.stdout[-8_000:] + result.stderr[-2_000:]
        counted = re.search(r"(\d+) generated", result.stdout)
        assert counted is not None, result.stdout
        generated += int(counted[1])
        seed, more = seed + 1, ("--max-examples", str(MORE_EXAMPLES), "--phases", "fuzzing,stateful")
    return ""


def _run(url: str, token: str, *more: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json", "--no-color"),
        *("--checks", "all", "--exclude-checks", "positive_data_acceptance", "--continue-on-failure"),
        *("--generation-database", "none", "--suppress-health-check", "all", "--warnings", "off"),
        *("--header", f"Authorization: Bearer {token}", *more),
    ]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
