"""Writes how the facets of a search are counted, of what `statement.py` calls `scored` and `chosen`."""

from collections.abc import Sequence

from services.catalog.search.engine import FACET_VALUES, Facet, Query
from services.catalog.search.store import quoted

CATEGORY, BRAND, PRICE_RANGE, RATING, IN_STOCK, ATTRIBUTE = (1 << bit for bit in range(6))
"""What a document's `misses` holds for each filter that it fails; each attribute has a bit of its own."""


def facets(query: Query, bits: Sequence[int], *, has_variants: bool) -> str:
    """The facets that are asked for, as one JSON object.

    Each counts a group once, of what is chosen or fails the filter of that bit alone.

    Without variants, those of the same categories are counted before these categories are: they are a tenth as many.
    """
    one = "count(DISTINCT group_id)" if has_variants else "count(*)"
    of = {bit: f"(SELECT * FROM scored WHERE misses IN (0, {bit})) AS found" for bit in bits}
    within, number = of.get(CATEGORY, "chosen"), one
    if not has_variants:
        within = f"(SELECT category_ids, count(*) AS number FROM {within} GROUP BY 1) AS alike"
        number = "sum(number)::bigint"
    chosen = {bit: of.get(bit, "chosen") for bit in (BRAND, PRICE_RANGE, RATING, IN_STOCK)}
    counts = {
        Facet.CATEGORY: _listed(f"SELECT value, {number} AS count FROM {within}, unnest(category_ids) AS value"),
        Facet.BRAND: _listed(f"SELECT brand AS value, {one} AS count FROM {chosen[BRAND]} WHERE brand IS NOT NULL"),
        Facet.PRICE: _listed(f"SELECT step AS value, {one} AS count FROM {chosen[PRICE_RANGE]}"),
        Facet.RATING: _listed(f"SELECT stars AS value, {one} AS count FROM {chosen[RATING]}"),
        Facet.IN_STOCK: f"(SELECT {one} FROM {chosen[IN_STOCK]} WHERE in_stock)",
        Facet.ATTRIBUTE: _of_attributes(one, list(query.filters.attributes)),
    }
    listed = ", ".join(f"'{facet}', {counts[facet]}" for facet in query.facets)
    return f"json_build_object({listed})"


def _of_attributes(one: str, filtered: Sequence[str]) -> str:
    """The most frequent values of each attribute that is a facet."""
    codes = " ".join(
        f"WHEN split_part(value, ':', 1) = {quoted(code)} THEN {ATTRIBUTE << place}"
        for place, code in enumerate(filtered)
    )
    hits, is_hit = ("scored", f"misses IN (0, CASE {codes} ELSE 0 END)") if codes else ("chosen", "true")
    return f"""(SELECT json_agg(json_build_array(value, count) ORDER BY count DESC, value) FROM (
        SELECT value, {one} AS count, row_number() OVER (
            PARTITION BY split_part(value, ':', 1) ORDER BY {one} DESC, value
        ) AS place
        FROM {hits}, unnest(attribute_values) AS value
        WHERE attribute_values <> '{{}}' AND {is_hit}
            AND split_part(value, ':', 1) IN (SELECT code FROM attributes WHERE is_facet)
        GROUP BY value
    ) AS f WHERE place <= {FACET_VALUES})"""


def _listed(counts: str) -> str:
    """The most frequent values of a facet, with their counts."""
    return (
        "(SELECT json_agg(json_build_array(value, count)) FROM ("
        f"{counts} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {FACET_VALUES}) AS f)"
    )
