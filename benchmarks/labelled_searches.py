"""The customer's labelled searches (`tests/services/catalog/search/README.md`): the shop, the queries, and the score.

categories, attributes, products = shop()      # what is sent to catalog
mean, classes = score(ask)                     # ask(parameters of GET /v1/search) gives its answer
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import log2
from typing import Any, Final

from benchmarks.report import ROOT

FOLDER: Final = ROOT / "tests/services/catalog/search"
PAGE: Final = 10
NAIVE: Final = {
    "exact_noun": 0.989, "kana_kanji": 0.451, "halfwidth_kana": 0.902, "fullwidth": 0.806, "prefix": 0.706,
    "typo": 0.888, "spelling": 0.835, "synonym": 0.401, "compound": 0.879, "brand": 0.903, "attribute": 0.902,
    "english": 0.111, "noise": 0.787, "category": 0.882, "confusable": 0.773, "filtered": 0.914, "no_result": 0.571,
}  # fmt: skip
"""What the README's bigram searcher reaches in each class."""
NAMES: Final = {
    "refill": "詰め替え", "organic": "オーガニック", "unscented": "無香料", "decaf": "カフェインレス",
    "additivefree": "無添加", "sugarfree": "砂糖不使用", "lowsalt": "減塩", "saltfree": "食塩無添加",
    "lowsugar": "低糖", "washfree": "無洗米", "lowcal": "カロリーオフ", "lowfat": "低脂肪", "lowcarb": "糖質オフ",
    "alcohol": "アルコール", "glutenfree": "グルテンフリー",
}  # fmt: skip
UNITS: Final = {
    "size_g": "g", "size_ml": "ml", "capacity_l": "L", "length_cm": "cm", "watt": "W", "capacity_mah": "mAh",
    "capacity_gb": "GB",
}  # fmt: skip
"""How the shop names the attributes, and their units."""
PARAMETERS: Final = {
    "price_min": "priceMin", "price_max": "priceMax", "rating_min": "ratingMin", "in_stock": "inStock",
    "brand": "brand",
}  # fmt: skip
Json = dict[str, Any]


def shop() -> tuple[list[Json], list[Json], list[Json]]:
    """The categories, parents first, the attributes and the products, as catalog takes them."""
    products = _lines("products.ndjson")
    paths = {tuple(each["category"][:depth]) for each in products for depth in range(1, len(each["category"]) + 1)}
    shared = Counter(path[-1] for path in paths)
    categories = [
        {"code": _code(path), "name": path[-1] if shared[path[-1]] == 1 else " ".join(path[-2:])}
        for path in sorted(paths, key=lambda path: (len(path), path))
    ]
    values = {code: value for each in products for code, value in each["attributes"].items()}
    attributes = [
        {"code": code, "name": NAMES.get(code, code), "type": _type(value), "unit": UNITS.get(code)}
        for code, value in sorted(values.items())
    ]
    return categories, attributes, [_product(each) for each in products]


def score(ask: Callable[[Json], Json]) -> tuple[float, dict[str, float]]:
    """The mean NDCG@10 of all queries, and of each class."""
    found = defaultdict(list)
    for query in _lines("queries.ndjson"):
        answer = ask(_parameters(query))
        skus = [item["sku"] for item in answer["items"]] if answer["isConfident"] else []
        found[query["class"]].append(_ndcg(query["relevant"], list(dict.fromkeys(skus))[:PAGE]))
    every = [value for values in found.values() for value in values]
    return sum(every) / len(every), {name: sum(values) / len(values) for name, values in found.items()}


def _lines(name: str) -> list[Json]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def _product(each: Json) -> Json:
    return {
        "sku": each["sku"],
        "name": each["name"],
        "description": each["description"],
        "brand": each["brand"],
        "keywords": [each["brand_kana"]],
        "categoryCodes": [_code(each["category"])],
        "price": str(each["price"]),
        "rating": each["rating"],
        "stock": each["stock"],
        "attributes": each["attributes"],
    }


def _code(path: Sequence[str]) -> str:
    return " > ".join(path)


def _type(value: object) -> str:
    return "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def _parameters(query: Json) -> Json:
    """A query as parameters of the API."""
    filters = query.get("filters") or {}
    given: Json = {PARAMETERS[name]: _shown(value) for name, value in filters.items() if name in PARAMETERS}
    if "category" in filters:
        given["category"] = f"code:{_code(filters['category'])}"
    if "attributes" in filters:
        given["attribute"] = [f"{code}:{_shown(value)}" for code, value in filters["attributes"].items()]
    return {"q": query["query"], "limit": PAGE, **given}


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _ndcg(relevant: Mapping[str, int], skus: Sequence[str]) -> float:
    if not relevant:
        return float(not skus)
    best = sorted(relevant.values(), reverse=True)[:PAGE]
    return sum(_gains(relevant.get(sku, 0) for sku in skus)) / sum(_gains(best))


def _gains(grades: Iterator[int] | Sequence[int]) -> Iterator[float]:
    return ((2**grade - 1) / log2(place + 2) for place, grade in enumerate(grades))
