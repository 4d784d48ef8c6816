"""Tokens for tests, signed as the processes that hold the keys sign them."""

from pathlib import Path

from stack.keys import Keyring

ROLES = ("customer", "merchandiser", "analyst", "operator", "admin")


class Tokens:
    """The keys of a deployment: `.user("u1")`, `.visitor("anon:…")`, `.service("importer", "catalog")`."""

    def __init__(self, directory: Path):
        self.keyring = Keyring(directory).ensure()
        self.issuer = self.keyring.issuer
        self.jwks_url = self.keyring.published.as_uri()
        self.environment = {"AUTH_ISSUER": self.issuer, "AUTH_JWKS_URL": self.jwks_url}
        self.settings = {"auth_issuer": self.issuer, "auth_jwks_url": self.jwks_url}
        self._signers = {}

    def key_file(self, holder):
        return self.keyring.private(holder)

    def environment_of(self, holder):
        """The variables of a process that signs."""
        return {**self.environment, "AUTH_SIGNING_KEY_FILE": str(self.key_file(holder))}

    def signer(self, holder):
        return self._signers.setdefault(holder, self.keyring.signer(holder))

    def user(self, user_id="u1", **claims):
        return self.signer("auth").user_token(user_id, **claims)

    def visitor(self, visitor_id, **claims):
        return self.signer("gateway").visitor_token(visitor_id, **claims)

    def of(self, user_id):
        """The token of whoever has that id."""
        return self.visitor(user_id) if user_id.startswith("anon:") else self.user(user_id)

    def service(self, name, audience):
        return self.signer(name).service_token(name, audience)

    def staff(self):
        """The token of somebody with every role."""
        return self.user("staff", roles=ROLES)

    @staticmethod
    def header(token):
        return {"Authorization": f"Bearer {token}"}
