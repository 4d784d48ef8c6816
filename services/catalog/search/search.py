"""Search and suggestions, over whatever index there is."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from services.catalog.search.engine import Answer, Hit, Index, Query
from services.catalog.search.text import folded
from services.catalog.search.understanding import Understanding
from services.catalog.search.words import Words

MOST_MENTIONED = 5


class Search:
    """What the API asks."""

    def __init__(self, index: Index, words: Words) -> None:
        self._index, self._words = index, words

    async def search(self, query: Query) -> Answer:
        """One page of hits (and one more, if there are more).

        What asks for nothing (`おすすめ`) finds all of the category. If this shop has no such thing: the product with
        this sku, or products whose descriptions mention it, without confidence.
        """
        if not query.text.strip():
            return await self._index.find(query, None)
        understanding = await self._words.understanding()
        plan = understanding.plan(query.text)
        if plan.is_confident and (plan.concepts or query.filters.category is not None):
            answer = await self._index.find(query, plan if plan.concepts else None)
            if answer.total or not _is_open(query):
                return replace(answer, corrected_to=plan.corrected_to)
        code = understanding.as_code(query.text)
        if code and (answer := await self._index.find(query, code)).total:
            return answer
        return await self._mentioned(query, understanding)

    async def continued(self, text: str, limit: int) -> list[str]:
        """Words that a search which begins like this may be meant to become, what most products are first."""
        *before, begun = text.split() or [""]
        understanding = await self._words.understanding()
        found = [" ".join([*before, entry.surface]) for entry in understanding.continuations(begun, limit)]
        return list(dict.fromkeys(found))

    def named(self, text: str, names: Iterable[str]) -> list[str]:
        """Those of the names of which a word begins like this."""
        begun = folded(text.strip())
        return [name for name in names if any(word.startswith(begun) for word in (folded(name), *folded(name).split()))]

    async def _mentioned(self, query: Query, understanding: Understanding) -> Answer:
        if mentioned := understanding.keys(query.text)[:MOST_MENTIONED]:
            return replace(await self._index.find(query, None, mentioned), is_confident=False)
        return Answer([], 0, is_confident=False)


def _is_open(query: Query) -> bool:
    """Whether no filter and no page before explains why nothing is found."""
    return query.after is None and query.filters == type(query.filters)()


def preferred(hits: Sequence[Hit], liked: Sequence[int]) -> list[Hit]:
    """Hits of a page in a shopper's order of their products, where they fit equally well.

    What fits better stands before already; whether its position is a greater or a smaller number is the index's affair.
    """
    places = {product_id: place for place, product_id in enumerate(liked)}
    return [
        hit
        for _, equal in groupby(hits, key=lambda hit: hit.position[0])
        for hit in sorted(equal, key=lambda hit: places.get(hit.product_id, len(places)))
    ]
