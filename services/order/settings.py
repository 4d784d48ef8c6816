"""Settings of the order service."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, PositiveFloat

from services.common.runtime.settings import ServiceSettings


class OrderSettings(ServiceSettings, env_prefix="ORDER_"):
    """ORDER_DATABASE_URL, the addresses of services that an order needs, and the settings of every service."""

    service: str = "order"
    database_url: str
    catalog_url: str = Field("http://127.0.0.1:8001", validation_alias="CATALOG_URL")
    profile_url: str = Field("http://127.0.0.1:8006", validation_alias="PROFILE_URL")
    cart_url: str = Field("http://127.0.0.1:8007", validation_alias="CART_URL")
    payment_url: str = Field("http://127.0.0.1:8008", validation_alias="PAYMENT_URL")
    pay_within_minutes: Annotated[PositiveFloat, Field(le=29 * 24 * 60)] = 15
    """How long an order waits for its payment, and holds its stock; catalog holds nothing longer than 30 days."""
    transfer_within_days: Annotated[PositiveFloat, Field(le=29)] = 7
    """The same of a bank transfer."""
    give_up_after_seconds: PositiveFloat = 20
    """How long a checkout waits for an answer of catalog or payment before it is cancelled."""
    lease_seconds: PositiveFloat = 15
    """How long a process has a saga's step to itself: longer than the step takes. After a crash others wait as long."""
    poll_seconds: PositiveFloat = 1.0
    """How often sagas are looked for that somebody else left."""

    def hold(self, payment_method: str) -> timedelta:
        """How long to wait for a payment of this method."""
        if payment_method == "BANK_TRANSFER":
            return timedelta(days=self.transfer_within_days)
        return timedelta(minutes=self.pay_within_minutes)
