"""The page on caching says what the code caches."""

import ast
import re
from pathlib import Path

from services.auth.attempts import Attempts
from services.contracts.vault import ensure_keys
from services.gateway import rate_limit
from tests.applications import PACKAGES, ROOT, application

PAGE = (ROOT / "docs" / "caching.md").read_text()
ROWS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines() if line.startswith("| `")]
CLIENTS = {
    "services/common/storage/cache.py": "",
    "services/gateway/rate_limit.py": "gateway:rate",
    "services/auth/attempts.py": "auth:",
}
"""The modules that talk to Redis, and how their keys begin; those of the first are declared by services."""
HOW_THEY_RECONNECT = "services/common/storage/redis_connections.py"


def test_every_kind_of_cached_values_is_on_the_page_with_how_long_it_is_kept(tmp_path):
    ensure_keys(tmp_path / "keys.json")
    given = {
        "mail_folder": tmp_path,
        "auth_signing_key_file": tmp_path / "key.pem",
        "keys_file": tmp_path / "keys.json",
    }
    caches = {name: application(name, **given).state.cache for name in PACKAGES}
    cached = {
        f"{name}:{kind}": f"{seconds:.0f} s"
        for name, cache in caches.items()
        if cache
        for kind, seconds in cache.kinds.items()
    }
    told = {":".join(re.findall(r"[\w-]+", row[0])[:2]): row[1] for row in ROWS if len(row) == 5}
    counters = {key for key in told if key.startswith(tuple(filter(None, CLIENTS.values())))}
    assert {key: kept for key, kept in told.items() if key not in counters} == cached


async def test_counters_are_kept_as_long_as_the_page_says(monkeypatch):
    told = {name: row[1] for row in ROWS for name in re.findall(r"`(gateway:rate|auth:[^:]+:\w+):", row[0])}
    kept = {"gateway:rate": f"{rate_limit.WINDOW_SECONDS} s"}
    attempts = Attempts(None)
    count = attempts._count

    async def seen(limits):
        for limit in limits:
            service, action, name, _ = limit.key.split(":", 3)
            action = action if f"{service}:{action}:{name}" in told else "<action>"
            kept[f"{service}:{action}:{name}"] = f"{limit.seconds} s"
        await count(limits)

    monkeypatch.setattr(attempts, "_count", seen)
    async with attempts.login("a@example.com", "192.0.2.0"):
        await attempts.mail("reset", "a@example.com", "192.0.2.0")
        await attempts.code("reset", "a@example.com", "192.0.2.0")
    await attempts.close()
    assert told == kept


def test_nothing_else_talks_to_redis_and_its_keys_are_on_the_page():
    found = {
        str(path.relative_to(ROOT))
        for folder in ("services", "serving", "ml", "pipelines", "warehouse")
        for path in (ROOT / folder).rglob("*.py")
        if {"redis", "cashews"} & set(_imported(path))
    }
    assert found - {HOW_THEY_RECONNECT} == CLIENTS.keys()
    assert all(f"`{prefix}" in PAGE for prefix in CLIENTS.values())


def test_every_place_of_a_process_that_is_named_exists():
    places = [row[0].strip("`") for row in ROWS if len(row) == 4]
    assert [place for place in places if not Path(ROOT, place).is_file()] == []
    assert places != []


def _imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module).partition(".")[0]
