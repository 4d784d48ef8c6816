"""Further issuers whose tokens are accepted beside our own.

    AUTH_TRUSTED_ISSUERS='[{"issuer": "https://login.shop.example", "audience": "tanawari",
                            "jwksUrl": "https://login.shop.example/.well-known/jwks.json"}]'

`docs/howto/connect-your-login.md` says what such a token must carry.
"""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from services.contracts.signing import ACCESS, LONGEST_SECONDS, ROLES

LONGEST_FOREIGN: Final = 3_600


class TrustedIssuer(BaseModel):
    """A further issuer: of users' tokens, or, if it names a `service`, of that service's.

    Attributes:
        issuer: the `iss` of its tokens.
        jwks_url: where its keys are published.
        audience: what `aud` must contain; of a token without `aud`, as Amazon Cognito's are, what `client_id` must be.
        service: the only service that it may speak for; None for an issuer of users' tokens.
        roles: the roles that its tokens may give; none by default.
        roles_claim: the claim with the user's roles.
        longest_seconds: how long its tokens may be valid. Nothing here can revoke them.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    issuer: Annotated[str, Field(min_length=1)]
    jwks_url: Annotated[str, Field(pattern=r"^(https?|file)://")]
    audience: Annotated[str, Field(min_length=1)]
    service: Annotated[str, Field(pattern=r"^[a-z][a-z-]*$")] | None = None
    roles: frozenset[str] = frozenset()
    roles_claim: str = "roles"
    longest_seconds: Annotated[int, Field(ge=1, le=LONGEST_FOREIGN)] = LONGEST_SECONDS[ACCESS]

    @model_validator(mode="after")
    def _has_known_roles(self) -> "TrustedIssuer":
        if unknown := self.roles - set(ROLES):
            raise ValueError(f"unknown roles {', '.join(sorted(unknown))}: there are {', '.join(ROLES)}")
        return self
