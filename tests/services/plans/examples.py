"""What routes are called with: by the names of fields, and where that does not fit, by route.

A new route whose parameters have known names is called by itself; for others the test asks for an example here.
"""

from datetime import UTC, datetime
from hashlib import md5
from uuid import UUID

from stripe import WebhookSignature

NUMBER = 4711
"""Of the row that is asked for, in every table."""
VISITOR = "anon:00000000-0000-4000-8000-000000000001"
PASSWORD, CHANGED_PASSWORD = "a long enough secret", "another long secret"
USERS = ("u1", "u15000")
"""One with thousands of rows, and one with few."""
NEW_ID = "00000000-0000-4000-8000-000000000001"


def uuid_of(number: int) -> str:
    """The UUID of a row."""
    return str(UUID(md5(str(number).encode(), usedforsecurity=False).hexdigest()))


FIELDS = {
    "userId": USERS[0],
    "visitorId": VISITOR,
    "email": f"u{NUMBER}@example.com",
    "code": f"code{NUMBER}",
    **dict.fromkeys(("orderId", "returnId", "displayId", "cartItemId", "bannerId", "campaignId"), str(NUMBER)),
    "experimentId": "7",
    "reviewId": "4712",
    **dict.fromkeys(("productId", "categoryId", "searchCategoryId", "parentId"), str(NUMBER)),
    **dict.fromkeys(("paymentId", "refundId", "eventId"), uuid_of(NUMBER)),
    **dict.fromkeys(("reservationId", "sku", "externalId"), f"w{NUMBER}"),
    **dict.fromkeys(("categoryCode", "searchCategoryCode"), f"top11 > c{NUMBER}"),
    **dict.fromkeys(("category", "parent"), "code:top11"),
    **dict.fromkeys(("password", "currentPassword"), PASSWORD),
    "ids": f"sku:w{NUMBER}",
    **dict.fromkeys(("from", "to"), str(datetime.now(UTC).date())),
    "q": f"w{NUMBER}",
    "attribute": "color:red",
    "placement": "TOP",
    "generation": "g1",
    "provider": "local",
    "role": "analyst",
    "newPassword": CHANGED_PASSWORD,
    "service": "cart",
    "method": "CREDIT_CARD",
}
ITEMS = {"items": [{"productId": NUMBER, "quantity": 1}]}
ADDRESS = {"id": "home", "name": "Anna", "countryCode": "JP", "isDefault": True}
BODIES = {
    "POST /v1/actions": {
        "consent": True,
        "actions": [
            {"userId": "u1", "actionType": "PRODUCT_VIEWED", "sku": f"w{NUMBER}"},
            {"userId": "u1", "actionType": "SEARCH_BY_CATEGORY", "searchCategoryCode": f"top11 > c{NUMBER}"},
        ],
    },
    "POST /v1/order-events": {
        "events": [
            {
                "eventType": "ORDER_COMPLETED",
                "externalId": "1",
                "userId": "u1",
                "timestamp": "2026-01-01T00:00:00Z",
                "currency": "JPY",
                "items": [{"sku": f"w{NUMBER}", "quantity": 1, "price": "100", "amount": "100"}],
            }
        ]
    },
    "POST /v1/carts/me/items": {"productId": NUMBER},
    "PUT /v1/carts/me/items/{productId}": {"quantity": 3},
    "PUT /v1/carts/{userId}/checkouts/{orderId}": ITEMS,
    "POST /v1/products": {"sku": "new", "name": "new", "price": "1"},
    "PUT /v1/products/{productId}/reviews/mine": {"rating": 4, "text": "good"},
    "PATCH /v1/reviews/{reviewId}": {"isHidden": True, "reason": "spam"},
    "POST /v1/categories": {"code": "top11 > new", "name": "new"},
    "PATCH /v1/products/{productId}": {"price": "2000"},
    "POST /v1/products/bulk": {"sku": f"w{NUMBER}", "name": "New name", "price": "3000", "categoryCodes": ["top11"]},
    "PATCH /v1/attributes/{code}": {"name": "Another name", "categoryCode": "top11"},
    "PATCH /v1/categories/{categoryId}": {"code": "top12 > another", "name": "Another name"},
    "PATCH /v1/banners/{bannerId}": {"priority": 3},
    "PATCH /v1/campaigns/{campaignId}": {"name": "Another name"},
    "PATCH /v1/users/me": {"displayName": "Anna"},
    "PUT /v1/products/{productId}/special-price": {"price": "50", "startDate": "2026-01-01T00:00:00Z"},
    "PUT /v1/reservations/{reservationId}": {**ITEMS, "holdSeconds": 60},
    "POST /v1/top-page-displays": {"sku": f"w{NUMBER}", "displayType": "RECOMMENDED", "mode": "pin"},
    "POST /v1/generations": {"generation": "g2", "bundle": "b"},
    "POST /v1/generations/rollback": {"generation": "g1"},
    "POST /v1/generations/{generation}/activate": {"rows": 1},
    "POST /v1/orders/{orderId}/returns": {"items": [{"productId": 9, "quantity": 1}], "reason": "broken"},
    "POST /v1/auth/registrations/confirm": {"email": "u4712@example.com", "code": "code4712"},
    "POST /v1/auth/password-resets/confirm": {
        "email": "u4713@example.com",
        "code": "code4713",
        "newPassword": CHANGED_PASSWORD,
    },
    "POST /v1/auth/email-changes/confirm": {"email": "u4711@example.com", "code": "code4711"},
    "DELETE /v1/auth/users/me": {"password": CHANGED_PASSWORD},
    "PUT /v1/products/{productId}/stock": {"stock": 20},
    "PATCH /v1/products/{productId}/stock": {"change": 1},
    "POST /v1/banners": {"placement": "TOP", "texts": {"en": {"title": "Tea"}}},
    "POST /v1/experiments": {
        "name": "new",
        "arms": [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}],
        "isActive": False,
    },
    "PATCH /v1/experiments/{experimentId}": {"isActive": False},
    "POST /v1/top-page-displays/{displayId}/move": {"after": None},
    "PATCH /v1/top-page-displays/{displayId}": {"priority": 3},
    "PUT /v1/generations/{generation}/rows": {
        "displayType": "RECOMMENDED",
        "rank": 1,
        "sku": f"w{NUMBER}",
        "categoryCode": FIELDS["categoryCode"],
    },
    "PUT /v1/refunds/{refundId}": {"paymentId": uuid_of(13), "amount": "1", "currency": "JPY", "reason": "broken"},
    "POST /v1/webhooks/{provider}": {"id": "w1", "payment": f"local_{uuid_of(NUMBER)}"},
}
"""Where the example that follows from the OpenAPI document does not fit."""
PATHS = {
    "PUT /v1/reservations/{reservationId}": "/v1/reservations/new",
    "GET /v1/images/{name}": "/v1/images/4711.webp",
    "DELETE /v1/products/{productId}/images/{imageId}": "/v1/products/4711/images/4711",
    "DELETE /v1/campaigns/{campaignId}": "/v1/campaigns/5001",
    "GET /v1/attributes/{code}": f"/v1/attributes/w{NUMBER}",
    "PATCH /v1/attributes/{code}": f"/v1/attributes/w{NUMBER}",
    "DELETE /v1/attributes/{code}": "/v1/attributes/w4712",
    "DELETE /v1/products/{productId}": "/v1/products/4799",
    "DELETE /v1/categories/{categoryId}": "/v1/categories/code:top11%20%3E%20new",
    "PUT /v1/generations/{generation}/rows": "/v1/generations/g2/rows",
    "POST /v1/orders/{orderId}/cancel": "/v1/orders/1",  # CONFIRMED
    "POST /v1/orders/{orderId}/pack": "/v1/orders/6",
    "POST /v1/orders/{orderId}/ship": "/v1/orders/2",
    "POST /v1/orders/{orderId}/deliver": "/v1/orders/3",
    "POST /v1/orders/{orderId}/returns": "/v1/orders/9",
    "POST /v1/returns/{returnId}/receive": "/v1/returns/9",
    "POST /v1/returns/{returnId}/reject": "/v1/returns/7",
    "PUT /v1/payments/{paymentId}": f"/v1/payments/{NEW_ID}",
    "POST /v1/payments/{paymentId}/cancel": f"/v1/payments/{uuid_of(4712)}",
    "DELETE /v1/auth/users/{userId}/roles/{role}": "/v1/auth/users/u4714",
    "PUT /v1/refunds/{refundId}": f"/v1/refunds/{NEW_ID}",
    "GET /v1/erasures/{userId}": "/v1/erasures/w4711",
    "POST /v1/auth/users/{userId}/disable": "/v1/auth/users/u4714/disable",
    "POST /v1/auth/users/{userId}/enable": "/v1/auth/users/u4714/enable",
}
"""Rows in another state than the others: the whole path, or its begin."""
TOGETHER = {("GET /v1/audit", "subject"): {"kind": "banner"}}
"""What a filter needs beside it."""
REFUSED = {
    "GET /v1/images/{name}": "it reads a file",
    "POST /v1/products/{productId}/images": "the product is found, and this is no image",
    "DELETE /v1/products/{productId}/images/{imageId}": "the product is found, and has no such image",
    "PUT /v1/products/{productId}/images": "likewise",
    "POST /v1/auth/registrations/confirm": "the code is found, and its user is registered already",
    "POST /v1/auth/sessions/refresh": "the token is looked for by its hash, and not found",
    "POST /v1/generations/rollback": "nothing was shown before",
    "PUT /v1/refunds/{refundId}": "the payment's refunds are added up, and nothing is left",
    "POST /v1/local-payments/{paymentId}/action": "the payment is found, and somebody else's",
}
"""Routes that answer with an error, and what they have looked up by then."""
ANSWERS = {
    "/v1/products": {
        "items": [
            {
                "id": NUMBER,
                "sku": f"w{NUMBER}",
                "name": "Tea",
                "currency": "JPY",
                "price": "100",
                "image": None,
                "stock": 100,
                "isActive": True,
                "isParent": False,
                "specialPrice": None,
                **dict.fromkeys(("productVersion", "stockVersion", "offerVersion"), 1),
            }
        ]
    },
    **{f"/v1/exports/{user}": {} for user in USERS},
    "/v1/users/u1": {"address": {"addresses": [ADDRESS]}},
    "/v1/carts/u1": {
        "items": [
            {
                "productId": NUMBER,
                "productName": "Tea",
                "quantity": 1,
                "productPrice": "100",
                "amount": "100",
                "obstacle": None,
            }
        ],
        "currency": "JPY",
        "total": "100",
        "canBeBought": True,
        "stale": False,
    },
    **{f"/v1/users/u1/{name}": {"items": []} for name in ("orders", "returns", "payments", "actions", "views")},
}
"""What other services say."""
MORE_OF_EVENTS = {"USER_AUTHENTICATED": {"visitorId": VISITOR}, "USER_DELETED": {"userId": "u5"}}


def headers(route: str, body: bytes) -> dict[str, str]:
    """The signature of a webhook."""
    if route != "POST /v1/webhooks/{provider}":
        return {}
    return {"x-local-signature": WebhookSignature.generate_signature_header(body.decode(), "local", None)}
