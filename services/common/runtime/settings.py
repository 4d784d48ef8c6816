"""Typed settings from the environment: a service's own under its prefix, the shared ones under their bare names.

    class CatalogSettings(ServiceSettings, env_prefix="CATALOG_"):
        service: str = "catalog"
        database_url: str  # CATALOG_DATABASE_URL

In a test every setting can be given by its field name: `CatalogSettings(database_url=..., kafka_url=...)`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from services.common.runtime.trusted_issuers import TrustedIssuer
from services.contracts.kafka import KafkaSettings
from services.contracts.settings import Settings
from services.contracts.signing import Signer


class ServiceSettings(KafkaSettings):
    """The settings of every service; external parts are URLs, so that each can be replaced."""

    service: str
    kafka_url: str = Field("127.0.0.1:9092", validation_alias="KAFKA_URL")
    kafka_idempotence: bool = Field(default=False, validation_alias="KAFKA_IDEMPOTENCE")
    database_pool_size: PositiveInt = Field(10, validation_alias="DATABASE_POOL_SIZE")
    redis_url: str | None = Field(None, validation_alias="REDIS_URL")
    auth_issuer: str = Field("tanawari", validation_alias="AUTH_ISSUER")
    auth_jwks_url: str | None = Field(None, validation_alias="AUTH_JWKS_URL")
    auth_signing_key_file: Path | None = Field(None, validation_alias="AUTH_SIGNING_KEY_FILE")
    auth_trusted_issuers: tuple[TrustedIssuer, ...] = Field((), validation_alias="AUTH_TRUSTED_ISSUERS")
    otlp_endpoint: str | None = Field(None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    log_level: str = Field("INFO", validation_alias="TANAWARI_LOG_LEVEL")
    timezone: str = Field("UTC", validation_alias="TANAWARI_TIMEZONE")
    idempotency_claim_seconds: PositiveFloat = Field(120, validation_alias="IDEMPOTENCY_CLAIM_SECONDS")

    @model_validator(mode="after")
    def _trusts_each_issuer_once(self) -> Self:
        named = [self.auth_issuer, *(each.issuer for each in self.auth_trusted_issuers)]
        if twice := sorted({each for each in named if named.count(each) > 1}):
            raise ValueError(f"AUTH_TRUSTED_ISSUERS: {', '.join(twice)} is named twice, or is AUTH_ISSUER")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The shop's time zone, in which its days begin; stored times are UTC."""
        return ZoneInfo(self.timezone)

    @property
    def signer(self) -> Signer | None:
        """What signs this process's tokens; None if it has no key."""
        return None if self.auth_signing_key_file is None else Signer(self.auth_signing_key_file, self.auth_issuer)

    def authentication(self, audience: str) -> Callable[[Any], Any] | None:
        """An HTTP client's `auth` for calls to the service `audience`; None if this process has no key."""
        signer = self.signer
        return None if signer is None else signer.authenticate(self.service, audience)


class ServerLimits(Settings, env_prefix="SERVER_"):
    """`SERVER_*`, per process; limits per address do not apply to proxies in `FORWARDED_ALLOW_IPS`."""

    head_bytes: PositiveInt = 32 * 1024
    head_seconds: PositiveFloat = 10.0
    body_pause_seconds: PositiveFloat = 10.0
    body_bytes_per_second: PositiveInt = 8 * 1024
    unread_seconds: PositiveFloat = 30.0
    connections: PositiveInt = 1024
    connections_per_address: PositiveInt = 256
