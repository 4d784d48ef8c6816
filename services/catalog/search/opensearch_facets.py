"""Writes how OpenSearch counts the facets of a search, and reads what it has counted.

Each facet is counted under all filters but its own. Which values it has is decided by their documents, and only of
these are groups counted: for each value of thousands a sketch of its groups would be more than a node holds.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from services.catalog.search.engine import FACET_VALUES, PRICE_STEPS, Facet, Facets

Json = dict[str, Any]
MOST_VALUES, MOST_OF_ALL = 1_000, 5_000
"""The most frequent values of many attributes are counted together, and so many at most: a shop may have thousands of
attributes."""
LONGEST_PATTERN = 1_000
"""OpenSearch takes no longer one, unless an index says otherwise."""
MOST_PRICE = 1e15
VARIANTS = 5
"""So many times more is asked for where there may be several of a parent."""
EXACT, NEARLY = 40_000, 1_000
"""Up to about this many, parents of variants are counted exactly, of all hits and of each value: OpenSearch estimates
more. That takes 256 kB, and 8 kB for each of hundreds of values."""
OF_ATTRIBUTE = f"{Facet.ATTRIBUTE}:"
_NO_LETTER = re.compile(r"\W")


@dataclass(frozen=True)
class Counting:
    """The facets that are asked for.

    Args:
        facets: which.
        codes: of the attributes that are facets.
        filters: by the facet that each is chosen from.
        price: the script of the price of now.
        has_variants: whether a group may have several documents.
    """

    facets: Sequence[Facet]
    codes: Sequence[str]
    filters: Mapping[str, Json]
    price: Json
    has_variants: bool

    def aggregations(self) -> dict[str, Json]:
        """What counts them."""
        counted = {"aggs": distinct_groups(NEARLY)} if self.has_variants else {}
        return {
            name: {"filter": self._all_but(name), "aggs": {"values": values | counted}}
            for name, values in self._values().items()
        }

    def read(self, aggregations: Mapping[str, Any]) -> Facets:
        """The counts."""
        found = {name: facet["values"] for name, facet in aggregations.items() if "values" in facet}
        counts: defaultdict[str, list[tuple[Any, int]]] = defaultdict(list)
        for name, values in found.items():
            each = [(bucket["key"], self._count(bucket)) for bucket in values.get("buckets", ())]
            counts[name] = [(value, count) for value, count in each if count]
        return Facets(
            categories=dict(_most(counts[Facet.CATEGORY])),
            brands=dict(_most(counts[Facet.BRAND])),
            prices={int(step): count for step, count in counts[Facet.PRICE]},
            ratings={int(stars): count for stars, count in counts[Facet.RATING]},
            in_stock=self._count(found[Facet.IN_STOCK]) if Facet.IN_STOCK in found else 0,
            attributes=_by_attribute(
                pair for name, pairs in counts.items() if name.startswith(OF_ATTRIBUTE) for pair in pairs
            ),
        )

    def _values(self) -> dict[str, Json]:
        most = {
            "size": FACET_VALUES * (VARIANTS if self.has_variants else 1),
            "order": [{"_count": "desc"}, {"_key": "asc"}],
            "collect_mode": "breadth_first",
        }
        steps = enumerate(pairwise([0, *PRICE_STEPS, MOST_PRICE]))
        ranges = [{"key": str(step), "from": start, "to": end} for step, (start, end) in steps]
        values: dict[str, Json] = {
            Facet.CATEGORY: {"terms": {"field": "categories", **most}},
            Facet.BRAND: {"terms": {"field": "brand", **most}},
            Facet.PRICE: {"range": {"script": self.price, "ranges": ranges}},
            Facet.RATING: {"histogram": {"field": "rating", "interval": 1, "min_doc_count": 1}},
            Facet.IN_STOCK: {"filter": {"term": {"in_stock": True}}},
        }
        values = {facet: values[facet] for facet in self.facets if facet in values}
        if Facet.ATTRIBUTE in self.facets:
            values |= {
                name: {"terms": {"field": "attributes", **most, **pattern}}
                for name, pattern in self._attributes().items()
            }
        return values

    def _attributes(self) -> dict[str, Json]:
        """Each attribute that is chosen from has counts of its own; the others have them together."""
        chosen = [code for code in self.codes if f"{OF_ATTRIBUTE}{code}" in self.filters]
        others = list(_patterns(code for code in self.codes if code not in chosen))
        size = min(MOST_VALUES, MOST_OF_ALL // max(len(others), 1))
        own = {f"{OF_ATTRIBUTE}{code}": {"include": _pattern(code)} for code in chosen}
        return own | {
            f"{OF_ATTRIBUTE}{place}": {"include": pattern, "size": size} for place, pattern in enumerate(others)
        }

    def _count(self, bucket: Mapping[str, Any]) -> int:
        return int(bucket["groups"]["value"] if self.has_variants else bucket["doc_count"])

    def _all_but(self, own: str) -> Json:
        return all_of(condition for name, condition in self.filters.items() if name != own)


def distinct_groups(threshold: int) -> Json:
    """What counts groups, of which each may have several documents; exactly up to about the threshold."""
    return {"groups": {"cardinality": {"field": "group", "precision_threshold": threshold}}}


def all_of(conditions: Iterable[Json]) -> Json:
    """A condition that holds where all of these do."""
    return {"bool": {"filter": list(conditions)}}


def _pattern(code: str) -> str:
    """A regular expression for any value of this attribute."""
    return _NO_LETTER.sub(r"\\\g<0>", code) + ":.*"


def _patterns(codes: Iterable[str]) -> Iterator[str]:
    """Regular expressions for any value of these attributes, as few as are short enough."""
    pattern = ""
    for code in codes:
        each = _pattern(code)
        if pattern and len(pattern) + len(each) >= LONGEST_PATTERN:
            yield pattern
            pattern = ""
        pattern += f"|{each}" if pattern else each
    if pattern:
        yield pattern


def _by_attribute(counts: Iterable[tuple[str, int]]) -> dict[tuple[str, str], int]:
    """The most frequent values of each attribute."""
    values: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for value, count in counts:
        values[value.partition(":")[0]].append((value, count))
    return {(code, value.partition(":")[2]): count for code, found in values.items() for value, count in _most(found)}


def _most(counts: Iterable[tuple[Any, int]]) -> list[tuple[Any, int]]:
    return sorted(counts, key=lambda pair: (-pair[1], pair[0]))[:FACET_VALUES]
