"""Typed settings from the environment: a service's own under its prefix, the shared ones under their bare names.

    class CatalogSettings(ServiceSettings, env_prefix="CATALOG_"):
        service: str = "catalog"
        database_url: str  # CATALOG_DATABASE_URL

In a test every setting can be given by its field name: `CatalogSettings(database_url=..., kafka_url=...)`.
"""

from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import Field, PositiveFloat, PositiveInt

from services.contracts.kafka import KafkaSettings
from services.contracts.settings import Settings


class ServiceSettings(KafkaSettings):
    """The settings of every service; external parts are URLs, so that each can be replaced."""

    service: str
    kafka_url: str = Field("127.0.0.1:9092", validation_alias="KAFKA_URL")
    kafka_idempotence: bool = Field(default=False, validation_alias="KAFKA_IDEMPOTENCE")
    redis_url: str | None = Field(None, validation_alias="REDIS_URL")
    auth_issuer: str = Field("tanawari", validation_alias="AUTH_ISSUER")
    auth_jwks_url: str | None = Field(None, validation_alias="AUTH_JWKS_URL")
    auth_signing_key_file: Path | None = Field(None, validation_alias="AUTH_SIGNING_KEY_FILE")
    otlp_endpoint: str | None = Field(None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    log_level: str = Field("INFO", validation_alias="TANAWARI_LOG_LEVEL")
    timezone: str = Field("UTC", validation_alias="TANAWARI_TIMEZONE")

    @property
    def zone(self) -> ZoneInfo:
        """The shop's time zone, in which its days begin; stored times are UTC."""
        return ZoneInfo(self.timezone)


class ServerLimits(Settings, env_prefix="SERVER_"):
    """`SERVER_*`, per process; limits per address do not apply to proxies in `FORWARDED_ALLOW_IPS`."""

    head_bytes: PositiveInt = 32 * 1024
    head_seconds: PositiveFloat = 10.0
    body_pause_seconds: PositiveFloat = 10.0
    body_bytes_per_second: PositiveInt = 8 * 1024
    unread_seconds: PositiveFloat = 30.0
    connections: PositiveInt = 1024
    connections_per_address: PositiveInt = 256
