"""Settings of the gateway."""

from pathlib import Path

from pydantic import Field, PositiveInt

from services.common.runtime.settings import ServiceSettings

MEGABYTE = 1024 * 1024
SERVICES = ("catalog", "analytics", "content", "serving", "auth", "profile", "cart", "payment", "order")


class GatewaySettings(ServiceSettings, env_prefix="GATEWAY_"):
    """`GATEWAY_*`, and the addresses of the services."""

    service: str = "gateway"
    auth_signing_key_file: Path = Field(validation_alias="AUTH_SIGNING_KEY_FILE")
    """It signs the tokens of visitors."""
    catalog_url: str = Field("http://127.0.0.1:8001", validation_alias="CATALOG_URL")
    analytics_url: str = Field("http://127.0.0.1:8002", validation_alias="ANALYTICS_URL")
    content_url: str = Field("http://127.0.0.1:8003", validation_alias="CONTENT_URL")
    serving_url: str = Field("http://127.0.0.1:8004", validation_alias="SERVING_URL")
    auth_url: str = Field("http://127.0.0.1:8005", validation_alias="AUTH_URL")
    profile_url: str = Field("http://127.0.0.1:8006", validation_alias="PROFILE_URL")
    cart_url: str = Field("http://127.0.0.1:8007", validation_alias="CART_URL")
    payment_url: str = Field("http://127.0.0.1:8008", validation_alias="PAYMENT_URL")
    order_url: str = Field("http://127.0.0.1:8009", validation_alias="ORDER_URL")
    timeout_seconds: float = 10.0
    upload_timeout_seconds: float = 900.0
    max_body_bytes: int = MEGABYTE
    max_upload_bytes: int = 1024 * MEGABYTE
    requests_at_once: PositiveInt = 1024
    user_requests_per_minute: int = 1_200
    user_writes_per_minute: int = 300
    user_sign_ins_per_minute: int = 20
    address_requests_per_minute: int = 6_000
    address_writes_per_minute: int = 3_000
    address_sign_ins_per_minute: int = 60
    cors_origins: tuple[str, ...] = ()
    preview_shoppers: tuple[str, ...] = ()
    preview_login: bool = False
    preview_mail_folder: Path | None = None
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "::1")
    metrics_port: int | None = None
    metrics_host: str = "127.0.0.1"

    @property
    def urls(self) -> dict[str, str]:
        """Each service's address, by its name in the routing table."""
        return {name: getattr(self, f"{name}_url") for name in SERVICES}
