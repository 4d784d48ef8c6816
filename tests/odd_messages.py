"""Messages of `user-actions.v1` as Hypothesis makes them: as they should be, and in many ways not quite."""

import json

from hypothesis import strategies as st

from services.contracts.registry import EVENTS

ENVELOPE = {
    "eventId": "01926d2e-0000-7000-8000-000000000001",
    "eventType": "PRODUCT_VIEWED",
    "timestamp": "2026-01-02T03:04:05+09:00",
    "producer": "analytics",
    "data": {"userId": "1", "productId": 7},
}

ACTIONS = [kind for kind in EVENTS.values() if kind.topic == "user-actions.v1"]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9), st.lists, max_leaves=3
)
ODD = st.sampled_from(
    [
        *("2026-02-29T00:00:00Z", "2000-01-01T00:00:00+14:00", "2026-04-31T00:00:00Z", "2026-01-01T00:00:60Z"),
        *("2026-01-01T00:00:00.1234567Z", "2026-12-31T23:59:59.123456-14:00", "2026-01-01t00:00:00Z"),
        *(
            "2026-01-01T00:00:00Z\n",
            "1.10\n",
            "1\n",
            "\u0661.10",
            "1.105",
            "12.30",
            "\x1f",
            "\x85",
            "\u00a0",
            "a\0b",
            "/",
        ),
        *("", "a" * 129, "a" * 2001, "Ab", 0, 1, 7, -1, 1.0, 2**31, 2**63 - 1, 2**63, True, {"a": [1]}, 4.5, 6),
        *("01926D2E-0000-7000-8000-000000000001", "01926d2e000070008000000000000001", ENVELOPE["eventId"]),
    ]
)
ANY = JSON | ODD
FIELDS = st.fixed_dictionaries({}, optional=dict.fromkeys((*ENVELOPE, "schemaVersion", "traceparent"), ANY))


def payloads(kind):
    names = [field.alias for field in kind.payload.model_fields.values() if field.alias != "userId"]
    data = st.fixed_dictionaries({"userId": st.just("1") | ANY}, optional=dict.fromkeys(names, ANY))
    return st.fixed_dictionaries({"eventType": st.just(kind.name), "data": data})


PAYLOADS = st.sampled_from(ACTIONS).flatmap(payloads)
VALUES = st.binary() | (FIELDS | PAYLOADS).map(lambda changes: json.dumps(ENVELOPE | changes).encode())
