"""Settings of landing."""

from typing import Annotated

from pydantic import Field

from services.contracts.kafka import KafkaSettings


class LandingSettings(KafkaSettings):
    """Each field is the environment variable with the same name in capitals."""

    warehouse_loader_url: str
    landing_group: str = "landing"
    landing_session_ms: Annotated[int, Field(ge=1_000)] = 6_000
    """The group removes a killed process after this time, and only then reassigns its work; Apache Kafka's minimum."""
    landing_metrics_port: int | None = None
    landing_metrics_host: str = "127.0.0.1"
