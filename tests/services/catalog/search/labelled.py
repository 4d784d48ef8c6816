"""The products and the labelled queries of `README.md`, and how good a search is on them."""

import json
from collections import defaultdict
from math import log2
from pathlib import Path

from services.catalog.search.engine import Filters, Query

HERE = Path(__file__).parent
PAGE = 10
BIGRAM = {
    "exact_noun": 0.989, "kana_kanji": 0.451, "halfwidth_kana": 0.902, "fullwidth": 0.806, "prefix": 0.706,
    "typo": 0.888, "spelling": 0.835, "synonym": 0.401, "compound": 0.879, "brand": 0.903, "attribute": 0.902,
    "english": 0.111, "noise": 0.787, "category": 0.882, "confusable": 0.773, "filtered": 0.914, "no_result": 0.571,
}  # fmt: skip
"""What the README's naive searcher reaches in each class."""

NAMES = {
    "refill": "詰め替え", "organic": "オーガニック", "unscented": "無香料", "decaf": "カフェインレス",
    "additivefree": "無添加", "sugarfree": "砂糖不使用", "lowsalt": "減塩", "saltfree": "食塩無添加",
    "lowsugar": "低糖", "washfree": "無洗米", "lowcal": "カロリーオフ", "lowfat": "低脂肪", "lowcarb": "糖質オフ",
    "alcohol": "アルコール", "glutenfree": "グルテンフリー",
}  # fmt: skip
UNITS = {
    "size_g": "g", "size_ml": "ml", "capacity_l": "L", "length_cm": "cm", "watt": "W", "capacity_mah": "mAh",
    "capacity_gb": "GB",
}  # fmt: skip
"""How a shop names the attributes, and their units."""


def attributes(found):
    """The attributes of the products as their shop would define them."""
    values = {code: value for each in found for code, value in each["attributes"].items()}
    return [
        {"code": code, "name": NAMES.get(code, code), "type": _type(value), "unit": UNITS.get(code)}
        for code, value in sorted(values.items())
    ]


def _type(value):
    return "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def products():
    """The products as the README describes them."""
    return _lines("products.ndjson")


def queries():
    """The queries as the README describes them."""
    return _lines("queries.ndjson")


def _lines(name):
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


def categories_and_lines(found):
    """The lines that put the products into the catalogue: first the categories, parents first, then the products."""
    paths = {tuple(each["category"][:depth]) for each in found for depth in range(1, len(each["category"]) + 1)}
    names = defaultdict(list)
    for path in sorted(paths, key=lambda path: (len(path), path)):
        names[path[-1]].append(path)
    categories = [
        {"code": " > ".join(path), "name": path[-1] if names[path[-1]][0] == path else " ".join(path[-2:])}
        for path in sorted(paths, key=len)
    ]
    return categories, [_line(each) for each in found]


def _line(each):
    return {
        "sku": each["sku"],
        "name": each["name"],
        "description": each["description"],
        "brand": each["brand"],
        "keywords": [each["brand_kana"]],
        "categoryCodes": [" > ".join(each["category"])],
        "price": str(each["price"]),
        "rating": each["rating"],
        "stock": each["stock"],
        "attributes": each["attributes"],
    }


def asked(query, category_ids):
    """A labelled query as the engine takes it; `category_ids` by path."""
    filters = query.get("filters") or {}
    return Query(
        query["query"],
        Filters(
            category=category_ids[" > ".join(filters["category"])] if "category" in filters else None,
            brands=[filters["brand"]] if "brand" in filters else (),
            price_min=filters.get("price_min"),
            price_max=filters.get("price_max"),
            rating_min=filters.get("rating_min"),
            in_stock=filters.get("in_stock"),
            attributes={code: [_shown(value)] for code, value in filters.get("attributes", {}).items()},
        ),
        limit=PAGE,
    )


def _shown(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def ndcg(relevant, skus, *, is_confident):
    """The README's NDCG@10."""
    skus = list(dict.fromkeys(skus))[:PAGE] if is_confident else []
    if not relevant:
        return float(not skus)
    gain = sum((2 ** relevant.get(sku, 0) - 1) / log2(place + 2) for place, sku in enumerate(skus))
    best = sorted(relevant.values(), reverse=True)[:PAGE]
    return gain / sum((2**grade - 1) / log2(place + 2) for place, grade in enumerate(best))


async def figures(search, ids, category_ids):
    """The mean of all queries, and of each class; `ids` are skus by product id."""
    by_class = defaultdict(list)
    for query in queries():
        answer = await search.search(asked(query, category_ids))
        skus = [ids[hit.product_id] for hit in answer.hits[:PAGE]]
        by_class[query["class"]].append(ndcg(query["relevant"], skus, is_confident=answer.is_confident))
    every = [value for values in by_class.values() for value in values]
    return sum(every) / len(every), {name: sum(values) / len(values) for name, values in by_class.items()}
