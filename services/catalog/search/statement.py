"""Writes a search as one statement of Postgres.

Every document that has the thing itself is scored: each concept counts as the best of its words, a word as it stands
for the product (`TIERS`). Then products of those categories gain that have most of the score: `パン` is bread rather
than a pan. What has all concepts comes first, of it what is in stock, and then by relevance. `misses` says which
filters a document fails, so that a facet is counted under all filters but its own.

What is scored is kept for several readers, and of a broad search that are many rows: they hold what is read, no more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.catalog.search.engine import (
    CATEGORY_GAIN,
    GAIN_STEPS,
    PRICE_STEPS,
    Facet,
    Query,
    Sort,
    levels,
)
from services.catalog.search.statement_facets import ATTRIBUTE, BRAND, CATEGORY, IN_STOCK, PRICE_RANGE, RATING, facets
from services.catalog.search.store import quoted
from services.catalog.search.understanding import Concept, Plan

PRICE = (
    "CASE WHEN offer_price < price AND offer_starts_at <= now() AND coalesce(offer_ends_at > now(), true)"
    " THEN offer_price ELSE price END"
)
_STEP = f"width_bucket({PRICE}, ARRAY[{', '.join(map(str, PRICE_STEPS))}]::float8[])::int2"
_COUNTED = {
    Facet.CATEGORY: "category_ids",
    Facet.BRAND: "brand",
    Facet.PRICE: f"{_STEP} AS step",
    Facet.RATING: "floor(rating)::int2 AS stars",
    Facet.ATTRIBUTE: "attribute_values",
}
"""What each facet counts, but for `in_stock`."""
BEHIND = 1_000
"""More than any relevance: a search has a dozen concepts at most."""
ORDERS = {
    Sort.PRICE: PRICE,
    Sort.PRICE_DOWN: f"-({PRICE})",
    Sort.RATING_DOWN: "-rating",
    Sort.NEWEST: "-extract(epoch FROM created_at)::float8",
    Sort.POPULARITY: "-rating_count::float8",
}
"""Where a document stands by what it is; by relevance, that depends on what else is found."""


@dataclass
class Statement:
    """A statement in the making: its text, and the values that it names."""

    values: dict[str, Any] = field(default_factory=dict)

    def name(self, value: Any) -> str:  # noqa: ANN401 - what a driver takes
        """The name under which the statement gets this value."""
        self.values[name := f"v{len(self.values)}"] = value
        return f":{name}"

    def words(self, query: str) -> str:
        """A query for words, as Postgres writes it."""
        return f"CAST({self.name(query)} AS tsquery)"


def any_of(concept: Concept) -> str:
    """A query for any of a concept's words."""
    return " | ".join(quoted(key) for key in concept.words)


def words_of(plan: Plan, *, has_all: bool) -> str:
    """A query for what is found by a plan: all concepts, or the thing itself."""
    if not has_all:
        return any_of(plan.concepts[plan.head])
    return " & ".join(sorted(f"({any_of(concept)})" for concept in plan.concepts))


def written(
    query: Query, plan: Plan | None, mentioned: Sequence[str] = (), *, has_variants: bool, has_all: bool
) -> tuple[str, dict[str, Any]]:
    """The statement for a search, and its values; no plan stands for a search without words, or for `mentioned` ones.

    With `has_all`, only what has all concepts of the plan is found. Variants make it count distinct parents, which
    takes half as long again.
    """
    made = Statement()
    where = _where(made, query, plan, mentioned, has_all=has_all)
    is_by_relevance, bits = query.sort is Sort.RELEVANCE, list[int]()
    columns = ["product_id", "group_id"]
    if is_by_relevance:
        columns += ["leaf", f"{_score(made, plan, has_all=has_all) if plan else 'CAST(1 AS float8)'} AS score"]
        columns += [f"{_behind(made, plan) if plan and not has_all else 'false'} AS is_behind"]
    else:
        columns.append(f"{ORDERS[query.sort]} AS place")
    if is_by_relevance or Facet.IN_STOCK in query.facets:
        columns.append("in_stock")
    if query.facets:
        columns += [_COUNTED[facet] for facet in query.facets if facet in _COUNTED]
        misses, bits = _misses(made, query)
        columns.append(f"{misses} AS misses")
    text = f"""
WITH scored AS MATERIALIZED (SELECT {", ".join(columns)} FROM search_documents WHERE {where}),
chosen AS NOT MATERIALIZED (SELECT * FROM scored WHERE {"misses = 0" if bits else "true"}),
{_GAINS if is_by_relevance else ""}
placed AS ({_BY_RELEVANCE if is_by_relevance else "SELECT product_id, group_id, place FROM chosen"}),
hits AS {f"MATERIALIZED ({_ONE_OF_A_GROUP})" if has_variants else f"NOT MATERIALIZED ({_ALL})"}
SELECT (SELECT count(*) FROM chosen) AS documents,
    {"(SELECT count(*) FROM hits)" if has_variants else "NULL"} AS groups,
    (SELECT json_agg(json_build_array(product_id, variants, place) ORDER BY place, product_id) FROM (
        SELECT * FROM hits WHERE {_after(made, query)} ORDER BY place, product_id LIMIT {made.name(query.limit + 1)}
    ) AS page) AS page,
    {facets(query, bits, has_variants=has_variants) if query.facets else "NULL"} AS facets,
    {"(SELECT count(*) FROM scored)" if query.facets else "0"} AS counted
"""
    return text, made.values


_GAINS = f"""gains AS MATERIALIZED (
    SELECT leaf, round(score / nullif(max(score) OVER (), 0) * {GAIN_STEPS}) / {GAIN_STEPS} AS gain
    FROM (SELECT leaf, sum(score) AS score FROM chosen GROUP BY leaf) AS leaves
),"""
_BY_RELEVANCE = f"""
    SELECT product_id, group_id, CASE WHEN is_behind THEN {2 * BEHIND} ELSE 0 END
        + CASE WHEN in_stock THEN 0 ELSE {BEHIND} END
        - round(score * (1 + {CATEGORY_GAIN} * coalesce(gain, 0)) * 1e6) / 1e6 AS place
    FROM chosen JOIN gains USING (leaf)
"""
_ALL = "SELECT product_id, place, 1 AS variants FROM placed"
_ONE_OF_A_GROUP = """
    SELECT DISTINCT ON (group_id) product_id, place, count(*) OVER (PARTITION BY group_id) AS variants
    FROM placed ORDER BY group_id, place, product_id
"""


def _where(made: Statement, query: Query, plan: Plan | None, mentioned: Sequence[str], *, has_all: bool) -> str:
    """The words, and for a search without words the category; or all filters, where no facets are counted."""
    conditions = [f"mentioned @@ {made.words(quoted(key))}" for key in mentioned]
    if plan:
        conditions.append(f"terms @@ {made.words(words_of(plan, has_all=has_all))}")
    filters = _conditions(made, query) if not query.facets else ()
    conditions += [condition for bit, condition in filters]
    if query.filters.category is not None and plan is None and query.facets:
        conditions.append(f"category_ids @> ARRAY[CAST({made.name(query.filters.category)} AS bigint)]")
    return " AND ".join(conditions) or "true"


def _score(made: Statement, plan: Plan, *, has_all: bool) -> str:
    """The sum of what each concept counts, in parts of what the thing itself does."""
    weight = plan.concepts[plan.head].weight
    worths = []
    for place, concept in enumerate(plan.concepts):
        worth = _worth(made, concept, is_there=has_all or place == plan.head)
        worths.append(f"CAST({concept.weight / weight:.4f} AS float8) * {worth}")
    return " + ".join(worths)


def _behind(made: Statement, plan: Plan) -> str:
    """Whether a concept beside the thing itself is missing."""
    others = [concept for place, concept in enumerate(plan.concepts) if place != plan.head]
    return " OR ".join(f"NOT terms @@ {made.words(any_of(concept))}" for concept in others) or "false"


def _worth(made: Statement, concept: Concept, *, is_there: bool) -> str:
    """What a concept counts: as its best word in the document, the best first, and the last needs no look."""
    *better, (last, _) = levels(concept).items()
    cases = [
        f"WHEN terms @@ {made.words(' | '.join(f'{quoted(key)}:{tier}' for key, tier in words))}"
        f" THEN CAST({level} AS float8)"
        for level, words in better
    ]
    missing = "" if is_there else f"WHEN NOT terms @@ {made.words(any_of(concept))} THEN 0"
    return f"CASE {missing} {' '.join(cases)} ELSE {last} END"


def _misses(made: Statement, query: Query) -> tuple[str, list[int]]:
    """The sum of the bits of the filters that a document fails, and the bits that there are."""
    bits = {bit: f"CASE WHEN {condition} THEN 0 ELSE {bit} END" for bit, condition in _conditions(made, query)}
    return " + ".join(bits.values()) or "0", list(bits)


def _conditions(made: Statement, query: Query) -> Iterator[tuple[int, str]]:
    filters = query.filters
    if filters.category is not None:
        yield CATEGORY, f"category_ids @> ARRAY[CAST({made.name(filters.category)} AS bigint)]"
    if filters.brands:
        yield BRAND, f"coalesce(brand = ANY({made.name(list(filters.brands))}), false)"
    prices = {">=": filters.price_min, "<=": filters.price_max, "<": filters.price_below}
    bounds = [
        f"{PRICE} {sign} CAST({made.name(bound)} AS float8)" for sign, bound in prices.items() if bound is not None
    ]
    if bounds:
        yield PRICE_RANGE, " AND ".join(bounds)
    if filters.rating_min is not None:
        yield RATING, f"rating >= {made.name(filters.rating_min)}"
    if filters.in_stock is not None:
        yield IN_STOCK, f"in_stock = {made.name(filters.in_stock)}"
    for place, (code, chosen) in enumerate(filters.attributes.items()):
        yield ATTRIBUTE << place, f"attribute_values && {made.name([f'{code}:{value}' for value in chosen])}"


def _after(made: Statement, query: Query) -> str:
    if query.after is None:
        return "true"
    place, product_id = query.after
    return f"(place, product_id) > (CAST({made.name(place)} AS float8), CAST({made.name(product_id)} AS bigint))"
