"""How good searches are: NDCG@10 on the customer's Japanese products and labelled queries, by Postgres.

The catalog as the stack starts it gets the products by its bulk upsert and the queries by its API. The data, what its
classes ask and the figures of naive searchers are in `tests/services/catalog/search`. `the weakest class` is how far
the class that gains least is above its naive searcher, which reads bigrams.
"""

import time
from collections.abc import Iterator
from typing import Final

import httpx2
import psycopg

from benchmarks.catalogue import Catalog, running_catalog, send
from benchmarks.labelled_searches import NAIVE, Json, score, shop
from benchmarks.report import Figure, Options, at_least, run, tell

QUALITY: Final = at_least(0.85, "NDCG@10")
NO_WORSE: Final = at_least(-0.03, "NDCG@10")
PAUSE: Final = 0.1
_COUNTED = "SELECT documents FROM search_state"


def measure(options: Options) -> Iterator[Figure]:  # noqa: ARG001 - it is small anyway
    """Once: chance has no part in it."""
    categories, attributes, products = shop()
    with running_catalog() as catalog, _client(catalog) as client:
        for attribute in attributes:
            client.post("/v1/attributes", json=attribute).raise_for_status()
        send(catalog, "categories", categories)
        send(catalog, "products", products)
        with psycopg.connect(catalog.database, autocommit=True) as connection:
            while connection.execute(_COUNTED).fetchone() != (len(products),):
                time.sleep(PAUSE)

        def ask(parameters: Json) -> Json:
            found: Json = client.get("/v1/search", params=parameters).raise_for_status().json()
            return found

        mean, classes = score(ask)
    for name, value in classes.items():
        tell(f"{name}: {value:.3f} (bigrams {NAIVE[name]:.3f})")
    yield Figure.chosen("mean of queries", "NDCG@10", QUALITY, [mean], by=max)
    yield Figure.chosen("mean of classes", "NDCG@10", None, [sum(classes.values()) / len(classes)], by=max)
    yield Figure.chosen("the weakest class", "NDCG@10", NO_WORSE, [min(classes[n] - NAIVE[n] for n in classes)], by=max)


def _client(catalog: Catalog) -> httpx2.Client:
    token = catalog.signer.service_token("importer", "catalog")
    return httpx2.Client(
        base_url=catalog.url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
    )


if __name__ == "__main__":
    run("search_quality", measure, __doc__)
