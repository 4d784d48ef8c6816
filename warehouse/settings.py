"""What the landing reads from the environment."""

from typing import Annotated

from pydantic import Field

from services.contracts.kafka import KafkaSettings


class LandingSettings(KafkaSettings):
    """Each field is the environment variable of the same name in capitals."""

    warehouse_loader_url: str
    landing_group: str = "landing"
    landing_session_ms: Annotated[int, Field(ge=1_000)] = 6_000
    """A killed process is missed after so long, and only then its work goes on; Apache Kafka allows no less."""
    landing_metrics_port: int | None = None
    landing_metrics_host: str = "127.0.0.1"
