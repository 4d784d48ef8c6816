"""Writes a search as requests to OpenSearch.

It means what `statement.py` means, in two requests. The first tells how much of the score each category has, whether
enough documents have all concepts, and whether there are variants; the second finds. Filters come after the facets
(`post_filter`), which are counted beside the hits (`opensearch_facets.py`).
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from services.catalog.search.engine import (
    CATEGORY_GAIN,
    ENOUGH,
    GAIN_STEPS,
    TIERS,
    Facets,
    Query,
    Sort,
    levels,
)
from services.catalog.search.opensearch_facets import (
    EXACT,
    OF_ATTRIBUTE,
    VARIANTS,
    Counting,
    Json,
    all_of,
    distinct_groups,
)
from services.catalog.search.understanding import Concept, Plan

MOST_LEAVES = 1_000
"""Categories that gain: those with the highest scores."""
AHEAD = 100.0
"""More than any relevance, and little enough that a float tells relevances apart beside it."""
_PRICE = """
    double price(def doc, def now) {
        double price = doc['price'].value;
        if (doc['offer_price'].empty || doc['offer_starts_at'].value > now) return price;
        if (!doc['offer_ends_at'].empty && doc['offer_ends_at'].value <= now) return price;
        return Math.min(price, doc['offer_price'].value);
    }
"""
_PRICE_OF_NOW = f"{_PRICE} price(doc, params.now)"
_PRICE_WITHIN = f"""{_PRICE}
    double now = price(doc, params.now);
    (params.min == null || now >= params.min) && (params.max == null || now <= params.max)
        && (params.below == null || now < params.below)
"""
ORDERS = {
    Sort.RELEVANCE: ("_score", "desc"),
    Sort.PRICE_DOWN: ("price", "desc"),
    Sort.PRICE: ("price", "asc"),
    Sort.RATING_DOWN: ("rating", "desc"),
    Sort.NEWEST: ("created_at", "desc"),
    Sort.POPULARITY: ("rating_count", "desc"),
}


class Asked:
    """A search, as the bodies of requests: a plan, words of descriptions alone, or a search without words.

    `codes` are those of attributes that are facets.
    """

    def __init__(self, query: Query, plan: Plan | None, mentioned: Sequence[str], codes: Sequence[str]) -> None:
        self._query, self._codes = query, codes
        self._now = {"now": time.time()}
        self._field, self._direction = ORDERS[query.sort]
        self._sign = -1 if self._direction == "desc" else 1
        self._filters = self._conditions()
        self._all = all_of(self._filters.values())
        self._others = [each for place, each in enumerate(plan.concepts) if place != plan.head] if plan else []
        self._whole = all_of(_any_tier(concept) for concept in self._others)
        where = [{"term": {"mentioned": key}} for key in mentioned]
        if plan is None or not query.facets:
            where += [self._filters["category"]] if "category" in self._filters else []
        if plan is None:
            self._found: Json = {"constant_score": {"filter": all_of(where)}}
        else:
            head = plan.concepts[plan.head]
            others = [_worth(each, each.weight / head.weight) for each in self._others]
            self._found = {"bool": {"must": [_worth(head)], "should": others, "filter": where}}

    def survey(self) -> Json:
        """The first request."""
        score = {"sum": {"script": {"source": "_score"}}}
        leaves = {"terms": {"field": "leaf", "size": MOST_LEAVES, "order": {"score": "desc"}}, "aggs": {"score": score}}
        whole = {"filter": self._whole, "aggs": {"leaves": leaves}}
        chosen = {"filter": self._all, "aggs": {"leaves": leaves, "whole": whole}}
        variants = {"filter": {"term": {"is_variant": True}}}
        return {"size": 0, "query": self._found, "aggs": {"chosen": chosen, "variants": variants}}

    def surveyed(self, answer: Mapping[str, Any]) -> None:
        """Take the answer to the first request into account."""
        aggregations = answer["aggregations"]
        self.has_variants = aggregations["variants"]["doc_count"] > 0
        chosen = aggregations["chosen"]
        if self._others and chosen["whole"]["doc_count"] >= ENOUGH:
            chosen = chosen["whole"]
            self._found = {"bool": {"must": [self._found], "filter": [self._whole]}}
        scores = {bucket["key"]: bucket["score"]["value"] for bucket in chosen["leaves"]["buckets"]}
        highest = max(scores.values(), default=0.0)
        gains = defaultdict(list)
        for leaf, score in scores.items():
            gains[round(score / highest * GAIN_STEPS) / GAIN_STEPS].append(leaf)
        functions = [
            {"filter": {"terms": {"leaf": gaining}}, "weight": 1 + CATEGORY_GAIN * gain}
            for gain, gaining in gains.items()
        ]
        relevance = {"function_score": {"query": self._found, "functions": functions, "score_mode": "first"}}
        ahead = [_boosted(self._whole, 2 * AHEAD), _boosted({"term": {"in_stock": True}}, AHEAD)]
        self._found = {"bool": {"must": [relevance], "should": ahead}}

    def page(self) -> Json:
        """The second request: hits, their number, and facets if asked for."""
        total = {"total": {"filter": self._all, "aggs": distinct_groups(EXACT)}} if self.has_variants else {}
        after = {"search_after": [self._sign * self._query.after[0], self._query.after[1]]} if self._query.after else {}
        return {
            **self._hits((self._query.limit + 1) * (VARIANTS if self.has_variants else 1)),
            "query": self._found,
            "post_filter": self._all,
            "track_total_hits": not self.has_variants,
            "aggs": total | self._counting().aggregations(),
        } | after

    def best_of(self, groups: Sequence[int]) -> Json:
        """Of the variants of these parents the best that fit, and their number."""
        fits = [self._all, {"terms": {"group": list(groups)}}]
        return {
            **self._hits(len(groups)),
            "query": {"bool": {"must": [self._found], "filter": fits}},
            "collapse": {"field": "group"},
            "aggs": {"groups": {"terms": {"field": "group", "size": len(groups)}}},
        }

    def place(self, hit: Mapping[str, Any]) -> float:
        """Where a hit stands: the smaller, the earlier."""
        place: float = self._sign * hit["sort"][0]
        return place

    def total(self, answer: Mapping[str, Any]) -> int:
        """How many hits there are, of the variants of a parent one."""
        found = answer["aggregations"]["total"]["groups"] if self.has_variants else answer["hits"]["total"]
        total: int = found["value"]
        return total

    def facets(self, answer: Mapping[str, Any]) -> Facets:
        """The facets of a page."""
        return self._counting().read(answer["aggregations"])

    def _counting(self) -> Counting:
        price = self._script(_PRICE_OF_NOW)
        return Counting(self._query.facets, self._codes, self._filters, price, self.has_variants)

    def _hits(self, size: int) -> Json:
        place: Json = {self._field: self._direction}
        if self._field == "price":
            script = self._script(_PRICE_OF_NOW)
            place = {"_script": {"type": "number", "order": self._direction, "script": script}}
        sort = [place, {"product_id": "asc"}]
        return {"size": size, "sort": sort, "_source": False, "docvalue_fields": ["group"]}

    def _conditions(self) -> dict[str, Json]:
        """The filters, by the facet that each is chosen from."""
        filters = self._query.filters
        found: dict[str, Json] = {}
        if filters.category is not None:
            found["category"] = {"term": {"categories": filters.category}}
        if filters.brands:
            found["brand"] = {"terms": {"brand": list(filters.brands)}}
        bounds = {"min": filters.price_min, "max": filters.price_max, "below": filters.price_below}
        if any(bound is not None for bound in bounds.values()):
            found["price"] = {"script": {"script": self._script(_PRICE_WITHIN, **bounds)}}
        if filters.rating_min is not None:
            found["rating"] = {"range": {"rating": {"gte": filters.rating_min}}}
        if filters.in_stock is not None:
            found["in_stock"] = {"term": {"in_stock": filters.in_stock}}
        for code, chosen in filters.attributes.items():
            found[f"{OF_ATTRIBUTE}{code}"] = {"terms": {"attributes": [f"{code}:{value}" for value in chosen]}}
        return found

    def _script(self, source: str, **parameters: float | None) -> Json:
        return {"source": source, "params": {**self._now, **parameters}}


def _any_tier(concept: Concept) -> Json:
    return {"bool": {"should": [{"terms": {tier: list(concept.words)}} for tier in TIERS]}}


def _worth(concept: Concept, weight: float = 1.0) -> Json:
    """What a concept counts: as its best word in the document."""
    return {"dis_max": {"queries": [_level(level, words) for level, words in levels(concept).items()], "boost": weight}}


def _level(level: float, words: Sequence[tuple[str, str]]) -> Json:
    by_tier = defaultdict(list)
    for key, tier in words:
        by_tier[tier].append(key)
    return _boosted({"bool": {"should": [{"terms": {tier: keys}} for tier, keys in by_tier.items()]}}, level)


def _boosted(condition: Json, boost: float) -> Json:
    return {"constant_score": {"filter": condition, "boost": boost}}
