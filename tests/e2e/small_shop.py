"""A shop made by hand: forty kinds of goods in three sizes, one shopper, and a bundle that knows them."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx2
import numpy as np
import polars as pl

from ml.bundle.bundle import About, BundleContent, Champion, History, Ranked, write
from ml.bundle.content import ACTIVITY, ITEMS

SHOPPER = "900"
OTHERS = ("1", "1228", "2375", "M-042")
KINDS = """
GROCERY > CHEESE > SHREDDED CHEESE; GROCERY > CHEESE > CREAM CHEESE; GROCERY > YOGURT > GREEK YOGURT;
GROCERY > FLUID MILK PRODUCTS > WHOLE MILK; GROCERY > EGGS > EGGS - LARGE; GROCERY > COFFEE > GROUND COFFEE;
GROCERY > TEAS > GREEN TEA; GROCERY > COLD CEREAL > FAMILY CEREAL; GROCERY > PASTA SAUCE > TOMATO SAUCE;
GROCERY > DRY NOODLES/PASTA > SPAGHETTI; GROCERY > FROZEN PIZZA > PIZZA MARGHERITA; GROCERY > SOUP > CONDENSED SOUP;
GROCERY > ICE CREAM/MILK/SHERBTS > VANILLA ICE CREAM; GROCERY > BAG SNACKS > POTATO CHIPS; GROCERY > SOFT DRINKS > COLA;
GROCERY > BAKED BREAD/BUNS/ROLLS > RYE BREAD; GROCERY > COOKIES/CONES > SANDWICH COOKIES;
GROCERY > PAPER TOWELS > KITCHEN TOWELS; GROCERY > DOG FOODS > DRY DOG FOOD; GROCERY > FRZN VEGETABLE/VEG DSH > PEAS;
GROCERY > PNT BTR/JELLY/JAMS > STRAWBERRY JAM; GROCERY > CANNED JUICES > APPLE JUICE; GROCERY > OLIVES > GREEN OLIVES;
PRODUCE > APPLES > GALA APPLES; PRODUCE > CARROTS > PEELED CARROTS; PRODUCE > SALAD MIX > GARDEN SALAD;
PRODUCE > BERRIES > BLUEBERRIES; PRODUCE > TOMATOES > ROMA TOMATOES; PRODUCE > CITRUS > ORANGES;
MEAT > CHICKEN > CHICKEN BREAST; MEAT > BEEF > GROUND BEEF; MEAT-PCKGD > HOT DOGS > BEEF HOT DOGS;
SEAFOOD > SEAFOOD-FRESH > SALMON; PASTRY > CAKES > CARROT CAKE; PASTRY > BREAD > BAGUETTE; FLORAL > ROSES > RED ROSES;
DRUG GM > HAIR CARE PRODUCTS > SHAMPOO; DRUG GM > ORAL HYGIENE PRODUCTS > TOOTHPASTE; DRUG GM > VITAMINS > VITAMIN C;
DRUG GM > CANDY - PACKAGED > CHOCOLATE
"""
CODES = [" ".join(code.split()) for code in KINDS.split(";")]
SIZES = ("small", "medium", "large")
BOUGHT = range(0, 60, 4)
"""What the shopper bought: items 0, 4, 8, … of the shop, each every 7 days, the last time 8 days ago."""
VIEWED = (70, 89, 41, 118, 107)
DAY = 86_400


def categories():
    """Every category, parents before their children."""
    parents = {code.rsplit(" > ", depth)[0] for code in CODES for depth in (1, 2)}
    return [{"code": code} for code in sorted({*parents, *CODES})]


def products(now):
    """The products; every third has a special price now."""
    offer = {"startDate": (now - timedelta(days=1)).isoformat(), "endDate": (now + timedelta(days=6)).isoformat()}
    lines = []
    for index, code in enumerate(CODES):
        for step, size in enumerate(SIZES):
            price = Decimal(150 + 37 * index + 110 * step) / 100
            line = {"sku": f"{index}-{size}", "name": f"{code.rsplit(' > ', 1)[1].capitalize()}, {size}"}
            line |= {"price": str(price), "currency": "USD", "stock": 20, "categoryCodes": [code]}
            if step == index % 3:
                line["specialPrice"] = {"price": str((price * 8 / 10).quantize(Decimal("0.01"))), **offer}
            lines.append(line)
    return lines


def fill(environment):
    """Goods through the catalog, a few hundred views through the collector, and a champion for serving."""
    now = datetime.now(UTC)
    importer = environment.signer("importer")
    auth, catalog, analytics = (importer.authenticate("importer", each) for each in ("auth", "catalog", "analytics"))
    users = "".join(f"{json.dumps({'userId': user})}\n" for user in (SHOPPER, *OTHERS))
    ndjson = {"Content-Type": "application/x-ndjson"}
    address = f"{environment.address('auth')}/v1/auth/users/bulk"
    httpx2.post(address, content=users, headers=ndjson, auth=auth, timeout=60).raise_for_status()
    with httpx2.Client(base_url=environment.address("gateway"), auth=catalog, timeout=60) as client:
        for kind, lines in (("categories", categories()), ("products", products(now))):
            body = "".join(f"{json.dumps(line)}\n" for line in lines)
            ndjson = {"Content-Type": "application/x-ndjson"}
            answer = client.post(f"/v1/{kind}/bulk", content=body, headers=ndjson).raise_for_status().text
            assert answer.count('"created"') == len(lines), answer
        names = {each["id"]: each["code"] for each in client.get("/v1/categories?limit=500").json()["items"]}
        goods = client.get("/v1/products?limit=500").json()["items"]
        views = [
            {"actionType": "PRODUCT_VIEWED", "userId": user, "productId": product["id"]}
            for product in goods
            for user in OTHERS
        ]
        client.post("/v1/actions", json={"actions": views}, auth=analytics).raise_for_status()
    write(environment.bundles / "small-shop", bundle(goods, names, now), about(now))
    Champion(bundle="small-shop", generation="by-hand").put(environment.bundles)


def bundle(catalog, names, now=None):
    """What a model would have learnt of this shopper, from the catalog's products and its categories' names by id."""
    cut = (now or datetime.now(UTC)) - timedelta(hours=1)
    items = pl.DataFrame([_item(product, names) for product in catalog], schema=ITEMS)
    count, kinds = len(catalog), len(CODES)
    kind = np.arange(count) // len(SIZES)
    rest = np.setdiff1d(np.arange(count), BOUGHT)
    bought = np.array(BOUGHT)
    history = History(
        indptr=np.array([0, len(bought)], dtype=np.int64),
        items=bought.astype(np.int32),
        counts=np.arange(2, 2 + len(bought), dtype=np.int32),
        last_bought=np.full(len(bought), cut.timestamp() - 8 * DAY, dtype=np.int64),
        interval_days=np.full(len(bought), 7, dtype=np.float32),
    )
    viewed = [(SHOPPER, catalog[index]["id"], "VIEW", cut, None, None) for index in VIEWED]
    return BundleContent(
        users=pl.DataFrame({"user_id": [SHOPPER]}),
        items=items,
        activity=pl.DataFrame(viewed, schema=ACTIVITY, orient="row"),
        candidates={"discover": _ranked(rest[None, ::-1]), "repurchase": _ranked(bought[None, :])},
        neighbours=_ranked(np.stack([(np.arange(count) + 1) % count, (np.arange(count) + 2) % count], axis=1)),
        together=np.ones(count, dtype=bool),
        factors=np.eye(kinds, dtype=np.float32)[kind],
        popularity=np.linspace(1, 0.1, count, dtype=np.float32),
        history=history,
    )


def about(now=None):
    """Made at the cut."""
    cut = (now or datetime.now(UTC)) - timedelta(hours=1)
    return About(created_at=cut, data_cut=cut, rules_version="test", metrics={"all": 0.4})


def _ranked(items):
    scores = np.broadcast_to(np.linspace(0.9, 0.1, items.shape[1], dtype=np.float32), items.shape)
    return Ranked(np.ascontiguousarray(items, dtype=np.int32), np.ascontiguousarray(scores))


def _item(product, names):
    department, category, kind = names[product["categoryIds"][0]].split(" > ")
    offer = product["specialPrice"] or {"price": None, "startDate": None, "endDate": None}
    return {
        **{name: product[name] for name in ("name", "currency", "image", "rating", "brand", "stock")},
        "product_id": product["id"],
        "price": Decimal(product["price"]),
        "currency_digits": 2,
        "department": department,
        "category": category,
        "product_type": kind,
        "category_id": product["categoryIds"][0],
        "category_name": kind,
        "is_active": product["isActive"],
        "is_recommendable": True,
        "special_price": offer["price"] and Decimal(offer["price"]),
        "special_starts_at": offer["startDate"] and datetime.fromisoformat(offer["startDate"]),
        "special_ends_at": offer["endDate"] and datetime.fromisoformat(offer["endDate"]),
    }
