"""The index in OpenSearch. The words of its documents are in the catalog's database, as those of the other index are.

Everything goes by an alias, so that a rebuild can put another index in its place; while one is made, what is written is
written to both (`opensearch_rebuild.py`).
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from http import HTTPStatus

import orjson
from sqlalchemy import text

from services.catalog.search.documents import Reader, Terms, Tier
from services.catalog.search.engine import TIERS, Answer, Document, Facet, Hit, Query
from services.catalog.search.follower import LOCK
from services.catalog.search.opensearch_documents import fields
from services.catalog.search.opensearch_facets import Json
from services.catalog.search.opensearch_query import Asked
from services.catalog.search.understanding import Plan
from services.catalog.search.word_store import WordStore, last_word, set_counts, words_not_among
from services.common.runtime.answers import UnexpectedStatusError
from services.common.runtime.deadline import until
from services.common.runtime.errors import Unavailable
from services.common.runtime.http_client import ServiceClient
from services.common.storage.database import Database

INDEX = "products"
"""The alias, if it is not set."""
WRITE_SECONDS = 30.0
PAGE_OF_WORDS = 10_000
LARGEST_PAGE = 10_000
"""Of hits: OpenSearch gives no more at once."""
MOST_BYTES = 5_000_000
"""Of documents that are written at once."""
_PASSING = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
"""Of a document: there is no index, it is overloaded, or it is just moved."""


_FACET_CODES = text("SELECT code FROM attributes WHERE is_facet ORDER BY code")


class DocumentRefusedError(ValueError):
    """OpenSearch does not take a document as it is."""


class OpenSearchIndex:
    """An `Index` in a cluster of OpenSearch.

    Args:
        database: the catalog's, for words.
        reader: what finds the words of a document.
        url: the cluster's, with user and password if it wants them.
        alias: the index's name.
        seconds: how long a search may take; it ends at the request's deadline, too.
    """

    def __init__(self, database: Database, reader: Reader, url: str, alias: str, seconds: float) -> None:
        self.database, self.url, self.alias, self.next = database, url, alias, f"{alias}-next"
        self.client = ServiceClient("the search index", url, timeout=WRITE_SECONDS)
        self._searches, self._seconds = ServiceClient("the search index", url, timeout=seconds), seconds
        self._reader = reader
        self._words = WordStore()

    async def find(self, query: Query, plan: Plan | None, mentioned: Sequence[str] = ()) -> Answer:
        """One page of hits, in two requests, and a third if there are variants."""
        end = time.monotonic() + self._seconds
        asked = Asked(query, plan, mentioned, await self._facet_codes() if Facet.ATTRIBUTE in query.facets else [])
        asked.surveyed(await self._search(asked.survey()))
        with until(end):
            return await self._answer(asked, query)

    async def _answer(self, asked: Asked, query: Query) -> Answer:
        """Hits until there are enough: of the variants of one parent there may be thousands, of which one counts."""
        request = asked.page()
        last = page = await self._search(request)
        hits = await self._hits(asked, page)
        while len(hits) <= query.limit and len(last["hits"]["hits"]) == request["size"]:
            size, place = min(2 * request["size"], LARGEST_PAGE), last["hits"]["hits"][-1]["sort"]
            request |= {"size": size, "search_after": place, "aggs": {}}
            last = await self._search(request)
            hits += await self._hits(asked, last)
        facets = asked.facets(page) if query.facets else None
        return Answer(hits[: query.limit + 1], asked.total(page), facets=facets)

    async def write(self, documents: Sequence[Document], gone: Sequence[int], turn: int) -> None:
        """Hold these documents from now on, and these products no longer."""
        found = await asyncio.to_thread(self._read, documents)
        is_rebuilt = await self.named(self.next)
        for alias in [self.alias, *([self.next] if is_rebuilt else [])]:
            await self._send(alias, documents, found, gone, turn)
        await self._add_words(found)

    async def write_next(self, documents: Sequence[Document], turn: int) -> None:
        """Hold these documents in the index that a rebuild makes, unless it has newer ones."""
        found = await asyncio.to_thread(self._read, documents)
        await self._send(self.next, documents, found, (), turn)
        await self._add_words(found)

    async def count(self) -> None:
        """Count in how many documents each word is."""
        async with self.database.sessions() as session:
            last = await last_word(session)
        tiers = {tier: Counter({key: count async for key, count in self._counted(tier)}) for tier in TIERS}
        documents = (await self.ask("GET", f"/{self.alias}/_count"))["count"]
        async with self.database.sessions.begin() as session:
            await session.execute(LOCK)
            gone = await words_not_among(session, set[str]().union(*tiers.values()), last)
            for first in range(0, len(gone), PAGE_OF_WORDS):  # they may have come back since
                for tier, found in (await self._counted_again(gone[first : first + PAGE_OF_WORDS])).items():
                    tiers[tier].update(found)
            await set_counts(session, tiers["A"] + tiers["B"], sum(tiers.values(), Counter()), documents, last)

    async def ask(self, method: str, path: str, body: Json | None = None) -> Json:
        """The answer of the cluster to what is no search.

        Raises:
            CallFailedError: there is none, or it is an error.
        """
        return await self.client.read(Json, method, path, **({} if body is None else {"json": body}))

    async def named(self, alias: str) -> list[str]:
        """The indexes that have an alias: one, or none.

        Raises:
            CallFailedError: OpenSearch does not say so.
        """
        try:
            return list(await self.ask("GET", f"/_alias/{alias}"))
        except UnexpectedStatusError as error:
            if error.answer.status_code == HTTPStatus.NOT_FOUND:
                return []
            raise

    async def check(self) -> None:
        """Raise unless there is an index."""
        await self.ask("GET", f"/_alias/{self.alias}")

    async def close(self) -> None:
        """Close the connections."""
        await self.client.close()
        await self._searches.close()

    async def _facet_codes(self) -> Sequence[str]:
        """The attributes that are facets, of which an index knows nothing: to be one can change at any time."""
        async with self.database.sessions() as session:
            return (await session.scalars(_FACET_CODES)).all()

    async def _search(self, body: Json) -> Json:
        return await self._searches.read(Json, "POST", f"/{self.alias}/_search", json=body)

    async def _hits(self, asked: Asked, page: Json) -> list[Hit]:
        """The hits of a page; of the variants of a parent the best, wherever it is."""
        found = [(int(hit["_id"]), hit["fields"]["group"][0], asked.place(hit)) for hit in page["hits"]["hits"]]
        variants = {product_id: 1 for product_id, group, _ in found if group == product_id}
        if groups := {group for product_id, group, _ in found if group != product_id}:
            best = await self._search(asked.best_of(sorted(groups)))
            counts = {bucket["key"]: bucket["doc_count"] for bucket in best["aggregations"]["groups"]["buckets"]}
            variants |= {int(hit["_id"]): counts[hit["fields"]["group"][0]] for hit in best["hits"]["hits"]}
        return [Hit(each, variants[each], (place, each)) for each, _, place in found if each in variants]

    def _read(self, documents: Sequence[Document]) -> list[Terms]:
        return [self._reader.terms(document.source) for document in documents]

    async def _send(
        self, alias: str, documents: Sequence[Document], found: Sequence[Terms], gone: Sequence[int], turn: int
    ) -> None:
        """Write to one index, unless it has newer ones.

        Raises:
            Unavailable, DocumentRefusedError: as `_bulk`.
        """
        version = {"version": turn, "version_type": "external_gte"}
        entries = [_lines({"delete": {"_id": str(each), **version}}) for each in gone]
        for document, terms in zip(documents, found, strict=True):
            entries.append(_lines({"index": {"_id": str(document.product_id), **version}}, fields(document, terms)))
        for body in _bodies(entries):
            await self._bulk(alias, body)

    async def _bulk(self, alias: str, body: bytes) -> None:
        """Send one body of `_bulk`.

        Raises:
            Unavailable: there is no index, or it has no room now.
            DocumentRefusedError: it takes all but some documents, or so many bytes never.
        """
        try:
            answer = await self.client.read(
                Json,
                "POST",
                f"/{alias}/_bulk",
                params={"require_alias": True, "refresh": True, "filter_path": "items.*.error.reason,items.*.status"},
                content=body,
                headers={"Content-Type": "application/x-ndjson"},
            )
        except UnexpectedStatusError as error:
            if error.answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                raise DocumentRefusedError(str(error)) from error
            raise
        items = [result for item in answer.get("items", ()) for result in item.values()]
        failed = [item for item in items if "error" in item and item["status"] != HTTPStatus.CONFLICT]
        for item in failed:
            if item["status"] in _PASSING:
                raise Unavailable(f"The search index does not write: {item['error']['reason']}")
        if failed:
            raise DocumentRefusedError(failed[0]["error"]["reason"])

    async def _add_words(self, found: Sequence[Terms]) -> None:
        try:
            async with self.database.sessions.begin() as session:
                await self._words.add(session, found)
        except BaseException:  # also of the commit
            self._words.forget()
            raise

    async def _counted(self, tier: str) -> AsyncIterator[tuple[str, int]]:
        """The words of a tier, and in how many documents each is."""
        pages: Json = {"size": PAGE_OF_WORDS, "sources": [{"key": {"terms": {"field": tier}}}]}
        body = {"size": 0, "track_total_hits": False, "aggs": {"words": {"composite": pages}}}
        while True:
            found = (await self.ask("POST", f"/{self.alias}/_search", body))["aggregations"]["words"]
            for bucket in found["buckets"]:
                yield bucket["key"]["key"], bucket["doc_count"]
            if "after_key" not in found:
                return
            pages["after"] = found["after_key"]

    async def _counted_again(self, keys: Sequence[str]) -> dict[Tier, dict[str, int]]:
        """In how many documents each of these words is, by tier; of those that are in any."""
        words = {tier: {"terms": {"field": tier, "include": keys, "size": len(keys)}} for tier in TIERS}
        body = {"size": 0, "track_total_hits": False, "aggs": words}
        found = (await self.ask("POST", f"/{self.alias}/_search", body))["aggregations"]
        return {tier: {each["key"]: each["doc_count"] for each in found[tier]["buckets"]} for tier in TIERS}


def _lines(*objects: Json) -> bytes:
    return b"".join(orjson.dumps(each) + b"\n" for each in objects)


def _bodies(entries: Iterable[bytes]) -> Iterator[bytes]:
    """As few bodies as have at most `MOST_BYTES`, or one entry."""
    body = bytearray()
    for entry in entries:
        if body and len(body) + len(entry) > MOST_BYTES:
            yield bytes(body)
            body.clear()
        body += entry
    if body:
        yield bytes(body)
