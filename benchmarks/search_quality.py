"""How good searches are: NDCG@10 on the customer's Japanese products and labelled queries, by each index.

The catalog as the stack starts it gets the products by its bulk upsert and the queries by its API. The data, what its
classes ask and the figures of naive searchers are in `tests/services/catalog/search`. `the weakest class` is how far
the class that gains least is above its naive searcher, which reads bigrams.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx2
import psycopg

from benchmarks.catalogue import Catalog, running_catalog, send
from benchmarks.labelled_searches import NAIVE, Json, score, shop
from benchmarks.report import Figure, Must, Options, Skipped, at_least, run, tell
from stack.parts.opensearch import JARS, OpenSearch

POSTGRES: Final = at_least(0.85, "NDCG@10")
OPENSEARCH: Final = at_least(0.80, "NDCG@10")
NO_WORSE: Final = at_least(-0.03, "NDCG@10")
PAUSE: Final = 0.1
PATIENCE: Final = "20"
"""A search may take so long: this is not about time."""
_COUNTED = "SELECT documents FROM search_state"


def measure(options: Options) -> Iterator[Figure | Skipped]:  # noqa: ARG001 - it is small anyway
    """Once each: chance has no part in it."""
    yield from _figures("Postgres", POSTGRES, {})
    if reason := JARS.missing():
        yield Skipped("by OpenSearch", reason)
        return
    with tempfile.TemporaryDirectory(prefix="tanawari-opensearch-") as name, OpenSearch(Path(name)) as node:
        yield from _figures("OpenSearch", OPENSEARCH, {"CATALOG_SEARCH_URL": node.url})


def _figures(engine: str, must: Must, variables: Mapping[str, str]) -> Iterator[Figure]:
    with _filled(variables) as client:

        def ask(parameters: Json) -> Json:
            found: Json = client.get("/v1/search", params=parameters).raise_for_status().json()
            return found

        mean, classes = score(ask)
    for name, value in classes.items():
        tell(f"{name}: {value:.3f} by {engine} (bigrams {NAIVE[name]:.3f})")
    gains = [classes[name] - NAIVE[name] for name in classes]
    yield Figure.chosen(f"mean of queries, {engine}", "NDCG@10", must, [mean], by=max)
    yield Figure.chosen(f"mean of classes, {engine}", "NDCG@10", None, [sum(classes.values()) / len(classes)], by=max)
    yield Figure.chosen(f"the weakest class, {engine}", "NDCG@10", NO_WORSE, [min(gains)], by=max)


@contextmanager
def _filled(variables: Mapping[str, str]) -> Iterator[httpx2.Client]:
    """A client of a catalog whose index has all products."""
    categories, attributes, products = shop()
    with running_catalog(**variables, CATALOG_SEARCH_SECONDS=PATIENCE) as catalog, _client(catalog) as client:
        for attribute in attributes:
            client.post("/v1/attributes", json=attribute).raise_for_status()
        send(catalog, "categories", categories)
        send(catalog, "products", products)
        if variables:
            environment = {**os.environ, **variables, "CATALOG_DATABASE_URL": catalog.database}
            tanawari = Path(sys.executable).with_name("tanawari")
            subprocess.run([tanawari, "search", "rebuild"], env=environment, stdout=sys.stderr, check=True)  # noqa: S603 - composed here
        with psycopg.connect(catalog.database, autocommit=True) as connection:
            while connection.execute(_COUNTED).fetchone() != (len(products),):
                time.sleep(PAUSE)
        del client.headers["Authorization"]  # anybody may search, and a token lasts a minute
        yield client


def _client(catalog: Catalog) -> httpx2.Client:
    token = catalog.signer.service_token("importer", "catalog")
    return httpx2.Client(
        base_url=catalog.url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
    )


if __name__ == "__main__":
    run("search_quality", measure, __doc__)
