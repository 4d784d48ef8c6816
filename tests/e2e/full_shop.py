"""One of everything that the storefront shows: variants, pictures, a review, orders, a return, a banner, a decision."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO

from PIL import Image

from tests.e2e.customers import order, post
from tests.waiting import wait_until

WORD = "Dashima"
"""What finds the product's variants, and nothing else."""
LINE = {"currency": "USD", "stock": 20}
ABOUT = {"brand": "Kaigan", "description": "From the northern shore.\nDried in the wind."}


@dataclass(frozen=True)
class Full:
    """Where it is."""

    category: int
    parent: int
    variant: int
    delivered: int
    waiting: int
    cancelled: int


def fill(customer, staff):
    """Put it into a shop; the customer has an address."""
    names = {"displayName": "Aiko", "firstName": "愛子", "lastName": "青木"}
    customer.patch("/v1/users/me", json=names).raise_for_status()
    post(staff, "/v1/categories", code="KELP")
    category = post(staff, "/v1/categories", code="KELP > DRIED")["id"]
    parent, variants = _goods(staff, category)
    delivered = order(customer, variants[0], quantity=2)
    for step in ("pack", "ship", "deliver"):
        post(staff, f"/v1/orders/{delivered}/{step}")
    back = [{"productId": variants[0], "quantity": 1}]
    asked = post(customer, f"/v1/orders/{delivered}/returns", items=back, reason="Too salty")["id"]
    post(staff, f"/v1/returns/{asked}/approve", reason="Sorry")
    cancelled = order(customer, variants[1])
    post(customer, f"/v1/orders/{cancelled}/cancel", reason="Too late")
    to_approve = post(staff, "/v1/products", sku="to-approve", name="Laver", price="4.01", **LINE)["id"]
    waiting = order(customer, to_approve, status="PENDING")
    _review(customer, variants[0])
    for product in variants:
        post(customer, "/v1/carts/me/items", productId=product, quantity=3)
    _announce(staff, variants[0])
    wait_until(lambda: _found(staff) == len(variants))
    return Full(category, parent, variants[0], delivered, waiting, cancelled)


def _found(staff):
    """How many variants the search knows."""
    return sum(each["variantCount"] for each in staff.get("/v1/search", params={"q": WORD}).json()["items"])


def _goods(staff, category):
    """A parent and its variants, with pictures and attributes."""
    post(staff, "/v1/attributes", code="cut", name="Cut", type="text")
    post(staff, "/v1/attributes", code="weight", name="Weight", type="number", unit="g")
    post(staff, "/v1/attributes", code="organic", name="Organic", type="boolean")
    more = {"categoryIds": [category], **ABOUT}
    parent = post(staff, "/v1/products", sku="kelp", name=WORD, price="9.00", currency="USD", **more)["id"]
    variants = []
    for cut, weight in (("whole", 100), ("sliced", 100), ("sliced", 250)):
        names = {"sku": f"kelp-{cut}-{weight}", "name": f"{WORD}, {cut}, {weight} g", "parentId": parent}
        attributes = {"cut": cut, "weight": weight, "organic": True}
        made = post(staff, "/v1/products", **names, price=f"{weight}.00", attributes=attributes, **LINE, **more)
        variants.append(made["id"])
    for color in ("teal", "olive"):
        drawn = BytesIO()
        Image.new("RGB", (400, 300), color).save(drawn, "PNG")
        headers = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "image/png"}
        path = f"/v1/products/{variants[0]}/images"
        staff.post(path, content=drawn.getvalue(), headers=headers).raise_for_status()
    return parent, variants


def _review(customer, product):
    path = f"/v1/products/{product}/reviews/mine"
    wait_until(lambda: customer.get(path).json()["canReview"])  # the purchase is known
    review = {"rating": 4, "text": "Good broth.\nI buy it again."}
    customer.put(path, json=review, headers={"Idempotency-Key": str(uuid.uuid4())}).raise_for_status()


def _announce(staff, product):
    """A banner, a merchandiser's decision, and a campaign of a name that no screen was made for."""
    soon = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    post(staff, "/v1/campaigns", name="Kombu" * 30, startDate=soon)
    texts = {"title": "Weeks of kelp", "body": "Of all shores", "linkText": "To it", "alt": "Kelp"}
    image, link = "/images/categories/0.svg", f"/search?q={WORD}"
    post(staff, "/v1/banners", placement="TOP", texts={"en": texts, "ja": texts}, image=image, link=link)
    post(staff, "/v1/top-page-displays", displayType="RECOMMENDED", mode="pin", productId=product, reason="Season")
