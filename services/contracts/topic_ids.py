"""Asks a broker which log each topic has; aiokafka leaves topic ids out: version 10 of the metadata request has them.

A topic that was deleted and created again has the same name and another id. Offsets mean something in one log only.
"""

from io import BytesIO
from uuid import UUID

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest_v5
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from services.contracts.topics import TOPICS

_METADATA = 3
_TAGS = ("tags", TaggedFields)


async def log_ids(client: AIOKafkaClient) -> dict[str, str]:
    """The id of each declared topic's log: the cluster's, and the topic's, if the broker gives topics ids."""
    described = (await client.send(client.get_random_node(), DescribeTopics())).to_object()
    cluster = described["cluster_id"] or ""
    ids = {topic["topic"]: topic.get("topic_id") for topic in described["topics"]}
    return {topic: f"{cluster}/{ids[topic]}" if ids.get(topic) else cluster for topic in TOPICS}


def is_same_log(one: str, other: str) -> bool:
    """Whether two ids are those of one log; one of them may lack the id of the topic."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


class _Uuid(AbstractType):  # type: ignore[misc]  # aiokafka ships no types
    @classmethod
    def encode(cls, value: UUID | None) -> bytes:
        return (value or UUID(int=0)).bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID | None:
        value = data.read(16)
        return UUID(bytes=value) if any(value) else None


class _Response(Response):  # type: ignore[misc]  # likewise
    API_KEY = _METADATA
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32), ("host", CompactString()), ("port", Int32), ("rack", CompactString()), _TAGS
            ),
        ),
        ("cluster_id", CompactString()),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", CompactString()),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        _TAGS,
                    ),
                ),
                ("authorized_operations", Int32),
                _TAGS,
            ),
        ),
        ("authorized_operations", Int32),
        _TAGS,
    )


class _Request(RequestStruct):  # type: ignore[misc]  # likewise
    FLEXIBLE_VERSION = True
    API_KEY = _METADATA
    API_VERSION = 10
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("topic", CompactString()), _TAGS)),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        _TAGS,
    )


class DescribeTopics(Request[MetadataRequest_v5 | _Request]):  # type: ignore[misc]  # likewise
    """Asks for all topics; a broker that gives topics no ids answers without them."""

    API_KEY = _METADATA

    def build(self, version: type[MetadataRequest_v5 | _Request]) -> MetadataRequest_v5 | _Request:
        """The newest request that the broker knows."""
        return version(None, False, False, False, {}) if version is _Request else version(None, False)
