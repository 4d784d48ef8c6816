"""What an index in OpenSearch is made of: its fields, and a document's values of them."""

from typing import Any, Final

from services.catalog.search.documents import Terms
from services.catalog.search.engine import TIERS, Document

_FIELDS: Final = {
    "keyword": [*TIERS, "mentioned", "brand", "attributes"],
    "long": ["product_id", "group", "leaf", "categories", "rating_count"],
    "double": ["price", "offer_price", "offer_starts_at", "offer_ends_at", "rating", "created_at"],
    "boolean": ["is_variant", "in_stock"],
}
DEFINITION: Final = {
    "settings": {
        "number_of_shards": 1,
        "auto_expand_replicas": "0-1",
        "gc_deletes": "1h",  # a late write of what has been deleted meanwhile does not bring it back
    },
    "mappings": {
        "dynamic": "strict",
        "properties": {name: {"type": kind} for kind, names in _FIELDS.items() for name in names},
    },
}


def fields(document: Document, terms: Terms) -> dict[str, Any]:
    """A document as the index has it: each word in the field of its tier."""
    price, starts_at, ends_at = document.offer or (None, None, None)
    words: dict[str, Any] = {tier: [] for tier in TIERS}
    for key, tier in terms.tiers.items():
        words[tier].append(key)
    return {
        **words,
        "mentioned": sorted(terms.mentioned),
        "product_id": document.product_id,
        "group": document.group,
        "is_variant": document.group != document.product_id,
        "leaf": min(document.own_categories, default=0),
        "categories": document.all_categories,
        "brand": document.source.brand,
        "attributes": document.attribute_values(),
        "price": document.price,
        "offer_price": price,
        "offer_starts_at": starts_at and starts_at.timestamp(),
        "offer_ends_at": ends_at and ends_at.timestamp(),
        "rating": document.rating,
        "rating_count": document.rating_count,
        "in_stock": document.in_stock,
        "created_at": document.created_at.timestamp(),
    }
