"""The topics with their settings on the broker; `tanawari` creates them from here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

DAY = 24 * 60 * 60 * 1000
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Key:
    """The message key, which keeps the events of an aggregate in order: in words, and its value for a payload."""

    words: str
    of: Callable[[Mapping[str, Any]], str]


def _field(name: str) -> Key:
    return Key(name, lambda data: str(data[name]))


def _product_or_category(data: Mapping[str, Any]) -> str:
    return str(data["productId"]) if "productId" in data else f"category:{data['categoryId']}"


def _of_content(data: Mapping[str, Any]) -> str:
    kinds = ("display", "banner", "experiment", "campaign")  # the last, because others belong to one
    kind = next((kind for kind in kinds if f"{kind}Id" in data), None)
    return f"{kind}:{data[f'{kind}Id']}" if kind else "generations"


@dataclass(frozen=True)
class Topic:
    """One Kafka topic: a partition keeps the order of events by key; retention is in milliseconds (-1 keeps all).

    `is_stamped`: the time of an event is that of its report, so the same event reported again has a later time.
    """

    name: str
    key: Key
    partitions: int = 3
    retention_ms: int = 30 * DAY
    max_message_bytes: int = MEGABYTE
    is_stamped: bool = False

    @property
    def table(self) -> str:
        """Its table in schema `raw`: `user_actions_v1` for `user-actions.v1`."""
        return self.name.replace("-", "_").replace(".", "_")


TOPICS = {
    topic.name: topic
    for topic in (
        Topic("auth.v1", key=_field("userId")),
        Topic("profile.v1", key=_field("userId")),
        Topic("erasures.v1", key=_field("userId")),
        Topic("catalog.v1", key=Key("productId, or category:<categoryId>", _product_or_category), retention_ms=-1),
        Topic("cart.v1", key=_field("userId")),
        Topic("order.v1", key=_field("orderId"), retention_ms=-1),
        Topic("payment.v1", key=_field("paymentId"), retention_ms=-1),
        Topic("content.v1", key=Key("generations, or display:, banner:, campaign: or experiment:<id>", _of_content)),
        Topic("user-actions.v1", key=_field("userId"), partitions=6, retention_ms=90 * DAY),
        Topic("recommendation-feedback.v1", key=_field("userId"), retention_ms=90 * DAY, is_stamped=True),
        Topic(
            "dead-letters.v1",
            key=Key("topic/partition/offset", "{topic}/{partition}/{offset}".format_map),
            partitions=1,
            max_message_bytes=2 * MEGABYTE,
        ),
    )
}
