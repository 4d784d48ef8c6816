"""The topics, with what the broker must be told about each; the stack creates them from here."""

from dataclasses import dataclass

DAY = 24 * 60 * 60 * 1000
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Topic:
    """One Kafka topic: partitions order events by key, retention is in milliseconds (-1 keeps all).

    Where the time of an event is that of its report (`is_stamped`), the same event reported again has a later one.
    """

    name: str
    key: str
    partitions: int = 3
    retention_ms: int = 30 * DAY
    max_message_bytes: int = MEGABYTE
    is_stamped: bool = False

    @property
    def table(self) -> str:
        """Its table in schema `raw`: `user-actions.v1` lands in `user_actions_v1`."""
        return self.name.replace("-", "_").replace(".", "_")


TOPICS = {
    topic.name: topic
    for topic in (
        Topic("auth.v1", key="userId"),
        Topic("profile.v1", key="userId"),
        Topic("catalog.v1", key="productId, or category:<categoryId>", retention_ms=-1),
        Topic("cart.v1", key="userId"),
        Topic("order.v1", key="orderId", retention_ms=-1),
        Topic("payment.v1", key="paymentId", retention_ms=-1),
        Topic("content.v1", key="generation, or display:<displayId>"),
        Topic("user-actions.v1", key="userId", partitions=6, retention_ms=90 * DAY),
        Topic("recommendation-feedback.v1", key="userId", retention_ms=90 * DAY, is_stamped=True),
        Topic("dead-letters.v1", key="topic/partition/offset", partitions=1, max_message_bytes=2 * MEGABYTE),
    )
}
