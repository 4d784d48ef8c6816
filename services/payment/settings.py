"""Settings of the payment service."""

from pathlib import Path

from pydantic import SecretStr

from services.common.runtime.settings import ServiceSettings


class PaymentSettings(ServiceSettings, env_prefix="PAYMENT_"):
    """PAYMENT_DATABASE_URL, the keys of providers, and the settings of every service."""

    service: str = "payment"
    database_url: str
    keys_file: Path
    """The keyset that encrypts payment details."""
    local_password: SecretStr | None = None
    """With it, the local provider takes every payment that no other provider takes."""
    reconcile_seconds: float = 1.0
    """How often payments are looked for that have to be settled."""
