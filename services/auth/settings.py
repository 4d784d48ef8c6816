"""Settings of the auth service."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from services.common.runtime.settings import ServiceSettings

DAY = 86_400


class AuthSettings(ServiceSettings, env_prefix="AUTH_"):
    """AUTH_*, and the settings of every service."""

    service: str = "auth"
    database_url: str
    provider: Literal["local", "cognito"] = "local"
    """Who keeps passwords: this service, or an Amazon Cognito user pool."""
    password_length: Annotated[int, Field(ge=8, le=64)] = 15
    """The shortest password: NIST SP 800-63B-4 requires 15 where it is the only factor, and never fewer than 8."""
    password_cost: Literal["owasp", "rfc9106"] = "owasp"  # noqa: S105 - no password
    hashing_threads: PositiveInt = 2
    access_seconds: Annotated[int, Field(ge=10, le=300)] = 300
    session_idle_seconds: PositiveInt = 14 * DAY
    session_seconds: PositiveInt = 90 * DAY
    storefront_url: str = "http://127.0.0.1:8000"
    mail_folder: Path | None = None
    smtp_url: str | None = None
    mail_from: str = "no-reply@localhost"
    cognito_user_pool_id: str | None = None
    cognito_client_id: str | None = None
    cognito_region: str | None = None
    cognito_endpoint_url: str | None = None
    preview: bool = False
    """Whether the gateway's preview may view as any user, without an operator."""

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if self.mail_folder is None and self.smtp_url is None:
            raise ValueError("set AUTH_SMTP_URL or AUTH_MAIL_FOLDER")
        if self.auth_signing_key_file is None:
            raise ValueError("set AUTH_SIGNING_KEY_FILE")
        if self.provider == "cognito" and not (self.cognito_user_pool_id and self.cognito_client_id):
            raise ValueError("set AUTH_COGNITO_USER_POOL_ID and AUTH_COGNITO_CLIENT_ID")
        return self
