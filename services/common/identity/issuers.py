"""An issuer of tokens: its keys, and what they may sign, which our own say themselves."""

from services.common.identity.jwks import Grant, PublishedKeys
from services.common.runtime.trusted_issuers import TrustedIssuer
from services.contracts.signing import ACCESS, AUDIENCE, LONGEST_SECONDS, SERVICE


class Issuer:
    """An issuer with its keys.

    Args:
        trusted: the configuration of a further issuer; None for our own.
        jwks_url: the published keys of our own.
        called: the names by which services call this one.
    """

    def __init__(
        self, trusted: TrustedIssuer | None = None, *, jwks_url: str | None = None, called: frozenset[str] = frozenset()
    ) -> None:
        self._trusted = trusted
        self.keys = PublishedKeys(trusted.jwks_url if trusted else jwks_url, has_grants=trusted is None)
        self.roles_claim = trusted.roles_claim if trusted else "roles"
        self._called = called

    @property
    def grant(self) -> Grant | None:
        """What all of its keys may sign; None for our own, whose keys say it themselves."""
        if self._trusted is None:
            return None
        use = SERVICE if self._trusted.service else ACCESS
        audiences = frozenset({self._trusted.audience})
        return Grant(service=self._trusted.service or "", token_use=frozenset({use}), audiences=audiences)

    def audiences(self, use: str) -> frozenset[str]:
        """The audiences that we answer to."""
        if self._trusted and not self._trusted.service:
            return frozenset({self._trusted.audience})
        return self._called if use == SERVICE else frozenset({AUDIENCE})

    def longest_seconds(self, use: str) -> float:
        """How long a token may be valid."""
        return self._trusted.longest_seconds if self._trusted else LONGEST_SECONDS[use]

    def permitted(self, roles: frozenset[str]) -> frozenset[str]:
        """Those of a token's roles that this issuer may give."""
        return roles & self._trusted.roles if self._trusted else roles
