"""Settings of the payment service."""

from pathlib import Path
from typing import Self

from pydantic import PositiveFloat, SecretStr, model_validator

from services.common.runtime.settings import ServiceSettings


class PaymentSettings(ServiceSettings, env_prefix="PAYMENT_"):
    """PAYMENT_DATABASE_URL, the keys of providers, and the settings of every service."""

    service: str = "payment"
    database_url: str
    keys_file: Path
    """The keyset that encrypts payment details."""
    stripe_url: str = "https://api.stripe.com"
    stripe_password: SecretStr | None = None
    stripe_webhook_password: SecretStr | None = None
    paypal_url: str = "https://api-m.paypal.com"
    paypal_username: str | None = None
    paypal_password: SecretStr | None = None
    paypal_webhook: str | None = None
    local_password: SecretStr | None = None
    """Alone, the local provider takes every payment, as a trial; beside another one, bank transfers."""
    reconcile_seconds: PositiveFloat = 1.0
    """How often payments are looked for that have to be settled."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        for kind in ("stripe_", "paypal_"):
            given = {name: getattr(self, name) for name in type(self).model_fields if name.startswith(kind)}
            missing = [f"PAYMENT_{name.upper()}" for name, value in given.items() if not value]
            if missing and len(missing) < len(given) - 1:  # all have a URL
                raise ValueError(f"{', '.join(missing)} is not set, and belongs to what else is set of {kind[:-1]}")
        return self
