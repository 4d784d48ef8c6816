"""Settings of the profile service."""

from pydantic import Field

from services.common.runtime.settings import ServiceSettings


class ProfileSettings(ServiceSettings, env_prefix="PROFILE_"):
    """PROFILE_DATABASE_URL, the addresses of other services with data of users, and the settings of every service."""

    service: str = "profile"
    database_url: str
    catalog_url: str = Field("http://127.0.0.1:8001", validation_alias="CATALOG_URL")
    analytics_url: str = Field("http://127.0.0.1:8002", validation_alias="ANALYTICS_URL")
    content_url: str = Field("http://127.0.0.1:8003", validation_alias="CONTENT_URL")
    auth_url: str = Field("http://127.0.0.1:8005", validation_alias="AUTH_URL")
    cart_url: str = Field("http://127.0.0.1:8007", validation_alias="CART_URL")
    payment_url: str = Field("http://127.0.0.1:8008", validation_alias="PAYMENT_URL")
    order_url: str = Field("http://127.0.0.1:8009", validation_alias="ORDER_URL")
