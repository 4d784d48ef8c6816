"""Writes a search as one statement of Postgres.

Every document that has the thing itself is scored: each concept counts as the best of its words, a word as it stands
for the product (`TIERS`). Then products of those categories gain that have most of the score: `パン` is bread rather
than a pan. What has all concepts comes first, of it what is in stock, and then by relevance; if it fills a page, the
others are left out. `misses` says which filters a document fails, so that a facet is counted under all filters but its
own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.catalog.search.engine import (
    CATEGORY_GAIN,
    ENOUGH,
    FACET_VALUES,
    GAIN_STEPS,
    PRICE_STEPS,
    Query,
    Sort,
    levels,
)
from services.catalog.search.store import quoted
from services.catalog.search.understanding import Concept, Plan

PRICE = (
    "CASE WHEN offer_price < price AND offer_starts_at <= now() AND coalesce(offer_ends_at > now(), true)"
    " THEN offer_price ELSE price END"
)
BEHIND = 1_000
"""More than any relevance: a search has a dozen concepts at most."""
ORDERS = {
    Sort.RELEVANCE: (
        f"CASE WHEN is_whole THEN 0 ELSE {2 * BEHIND} END + CASE WHEN in_stock THEN 0 ELSE {BEHIND} END - relevance"
    ),
    Sort.PRICE: "price",
    Sort.PRICE_DOWN: "-price",
    Sort.RATING_DOWN: "-rating",
    Sort.NEWEST: "-extract(epoch FROM created_at)::float8",
    Sort.POPULARITY: "-rating_count",
}
CATEGORY, BRAND, PRICE_RANGE, RATING, IN_STOCK, ATTRIBUTE = (1 << bit for bit in range(6))


@dataclass
class Statement:
    """A statement in the making: its text, and the values that it names."""

    values: dict[str, Any] = field(default_factory=dict)

    def name(self, value: Any) -> str:  # noqa: ANN401 - what a driver takes
        """The name under which the statement gets this value."""
        self.values[name := f"v{len(self.values)}"] = value
        return f":{name}"

    def words(self, keys: Sequence[str], weight: str = "") -> str:
        """A query for any of these words, with this weight or any."""
        suffix = f":{weight}" if weight else ""
        return f"CAST({self.name(' | '.join(quoted(key) + suffix for key in keys))} AS tsquery)"


def written(
    query: Query, plan: Plan | None, *, mentioned: Sequence[str] = (), has_variants: bool
) -> tuple[str, dict[str, Any]]:
    """The statement for a search, and its values; no plan stands for a search without words, or for `mentioned` ones.

    Variants make it count distinct parents, which takes half as long again.
    """
    made = Statement()
    where = _where(made, query, plan, mentioned)
    score, is_whole = _score(made, plan) if plan else ("1.0", "true")
    is_enough = (
        f"(SELECT count(*) FROM (SELECT FROM scored WHERE is_whole AND misses = 0 LIMIT {ENOUGH}) AS w) = {ENOUGH}"
    )
    text = f"""
WITH scored AS MATERIALIZED (
    SELECT product_id, group_id, leaf, category_ids, brand, {PRICE} AS price, rating, rating_count, in_stock,
        created_at, attribute_values, ({score})::float8 AS score, ({is_whole}) AS is_whole,
        {_misses(made, query)} AS misses
    FROM search_documents WHERE {where}
), found AS {"NOT MATERIALIZED" if is_whole == "true" else "MATERIALIZED"} (
    SELECT * FROM scored{"" if is_whole == "true" else f" WHERE is_whole OR NOT {is_enough}"}
), leaves AS (
    SELECT leaf, sum(score) AS score FROM found WHERE misses = 0 GROUP BY leaf
), gains AS MATERIALIZED (
    SELECT leaf, round(score / nullif(max(score) OVER (), 0) * {GAIN_STEPS}) / {GAIN_STEPS} AS gain FROM leaves
), placed AS (
    SELECT product_id, group_id, {ORDERS[query.sort]} AS place FROM (
        SELECT found.*, round(score * (1 + {CATEGORY_GAIN} * coalesce(gain, 0)) * 1e6) / 1e6 AS relevance
        FROM found JOIN gains USING (leaf) WHERE misses = 0
    ) AS hits
), hits AS MATERIALIZED ({_ONE_OF_A_GROUP if has_variants else _ALL})
SELECT (SELECT count(*) FROM hits) AS total,
    (SELECT json_agg(json_build_array(product_id, variants, place) ORDER BY place, product_id) FROM (
        SELECT * FROM hits WHERE {_after(made, query)} ORDER BY place, product_id LIMIT {made.name(query.limit + 1)}
    ) AS page) AS page,
    {_facets(list(query.filters.attributes), has_variants=has_variants) if query.with_facets else "NULL"} AS facets
"""
    return text, made.values


_ALL = "SELECT product_id, place, 1 AS variants FROM placed"
_ONE_OF_A_GROUP = """
    SELECT DISTINCT ON (group_id) product_id, place, count(*) OVER (PARTITION BY group_id) AS variants
    FROM placed ORDER BY group_id, place, product_id
"""


def _where(made: Statement, query: Query, plan: Plan | None, mentioned: Sequence[str]) -> str:
    """What Postgres finds by an index: the words, and for a search without words the category."""
    conditions = [f"mentioned @@ {made.words([key])}" for key in mentioned]
    if plan:
        conditions.append(f"terms @@ {made.words(list(plan.concepts[plan.head].words))}")
    if query.filters.category is not None and (plan is None or not query.with_facets):
        conditions.append(f"category_ids @> ARRAY[CAST({made.name(query.filters.category)} AS bigint)]")
    return " AND ".join(conditions) or "true"


def _score(made: Statement, plan: Plan) -> tuple[str, str]:
    """The sum of what each concept counts beside the thing itself, and whether all are there."""
    weight = plan.concepts[plan.head].weight
    worths = [(concept.weight / weight, _worth(made, concept)) for concept in plan.concepts]
    others = [concept for place, concept in enumerate(plan.concepts) if place != plan.head]
    is_whole = " AND ".join(f"terms @@ {made.words(list(concept.words))}" for concept in others)
    return " + ".join(f"{weight:.4f} * {worth}" for weight, worth in worths), is_whole or "true"


def _worth(made: Statement, concept: Concept) -> str:
    """What a concept counts: as its best word in the document, the best first."""
    cases = (
        f"WHEN terms @@ CAST({made.name(' | '.join(f'{quoted(key)}:{tier}' for key, tier in words))} AS tsquery)"
        f" THEN {level}"
        for level, words in levels(concept).items()
    )
    return f"CASE {' '.join(cases)} ELSE 0 END"


def _misses(made: Statement, query: Query) -> str:
    """The sum of the bits of the filters that a document fails."""
    bits = [f"CASE WHEN {condition} THEN 0 ELSE {bit} END" for bit, condition in _conditions(made, query)]
    return " + ".join(bits) or "0"


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


def _facets(attributes: Sequence[str], *, has_variants: bool) -> str:
    """All facets as one JSON object; each counts a group once.

    Without variants, those of the same categories are counted before these categories are: they are a tenth as many.
    """
    one = "count(DISTINCT group_id)" if has_variants else "count(*)"
    alike = "(SELECT category_ids, misses, count(*) AS number FROM found GROUP BY 1, 2) AS alike"
    within, hits = (one, "found") if has_variants else ("sum(number)::bigint", alike)
    steps = f"ARRAY[{', '.join(map(str, PRICE_STEPS))}]::float8[]"
    codes = " ".join(
        f"WHEN split_part(value, ':', 1) = {quoted(code)} THEN {ATTRIBUTE << place}"
        for place, code in enumerate(attributes)
    )
    listed = [
        _listed(
            "categories", f"SELECT value, {within} AS count FROM {hits}, unnest(category_ids) AS value WHERE", CATEGORY
        ),
        _listed("brands", f"SELECT brand AS value, {one} AS count FROM found WHERE brand IS NOT NULL AND", BRAND),
        _listed(
            "prices", f"SELECT width_bucket(price, {steps}) AS value, {one} AS count FROM found WHERE", PRICE_RANGE
        ),
        _listed("ratings", f"SELECT floor(rating)::int AS value, {one} AS count FROM found WHERE", RATING),
        _of_attributes(one, f"CASE {codes} ELSE 0 END" if codes else "0"),
    ]
    in_stock = f"(SELECT {one} FROM found WHERE misses IN (0, {IN_STOCK}) AND in_stock)"
    return f"json_build_object({', '.join(listed)}, 'inStock', {in_stock})"


def _of_attributes(one: str, own: str) -> str:
    """The most frequent values of each attribute that is a facet."""
    return f"""'attributes', (SELECT json_agg(json_build_array(value, count) ORDER BY count DESC, value) FROM (
        SELECT value, {one} AS count, row_number() OVER (
            PARTITION BY split_part(value, ':', 1) ORDER BY {one} DESC, value
        ) AS place
        FROM found, unnest(attribute_values) AS value
        WHERE attribute_values <> '{{}}' AND misses IN (0, {own})
            AND split_part(value, ':', 1) IN (SELECT code FROM attributes WHERE is_facet)
        GROUP BY value
    ) AS f WHERE place <= {FACET_VALUES})"""


def _listed(name: str, counts: str, own: int) -> str:
    """The most frequent values of a facet, with their counts under all filters but its own."""
    return (
        f"'{name}', (SELECT json_agg(json_build_array(value, count)) FROM ("
        f"{counts} misses IN (0, {own}) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {FACET_VALUES}) AS f)"
    )
