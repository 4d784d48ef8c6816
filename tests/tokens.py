"""Tokens for tests, signed as the processes that hold the keys sign them."""

import json
import re
import time
from pathlib import Path

from stack.keys import Keyring

KEPT_SECONDS = 100
ROLES = ("customer", "merchandiser", "analyst", "operator", "admin")


def named(request):
    """The user that a request names in its path, its query or its body."""
    if found := re.match(r"/v1/users/([^/]+)/", request.url.path):
        return found[1]
    try:
        body = json.loads(request.content or b"{}")
    except ValueError:
        return None
    body = body if isinstance(body, dict) else {}
    first = (body.get("actions") or [{}])[0]
    user_id = (
        request.url.params.get("userId")
        or body.get("userId")
        or (first.get("userId") if isinstance(first, dict) else None)
    )
    return user_id if isinstance(user_id, str) and user_id else None


class Tokens:
    """The keys of a deployment: `.user("u1")`, `.visitor("anon:…")`, `.service("importer", "catalog")`."""

    def __init__(self, directory: Path):
        self.keyring = Keyring(directory).ensure()
        self.issuer = self.keyring.issuer
        self.jwks_url = self.keyring.published.as_uri()
        self.environment = {"AUTH_ISSUER": self.issuer, "AUTH_JWKS_URL": self.jwks_url}
        self.settings = {"auth_issuer": self.issuer, "auth_jwks_url": self.jwks_url}
        self._signers = {}
        self._kept = {}

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
        """The token of whoever has that id: for a while the same one."""
        token, made_at = self._kept.get(user_id, ("", 0.0))
        if time.monotonic() > made_at + KEPT_SECONDS:
            token = self.visitor(user_id) if user_id.startswith("anon:") else self.user(user_id)
            self._kept[user_id] = token, time.monotonic()
        return token

    def service(self, name, audience):
        return self.signer(name).service_token(name, audience)

    def as_named(self, request):
        """An HTTP client's `auth`: the token of the user or visitor that the request names, unless it has one."""
        if "authorization" not in request.headers and (user_id := named(request)):
            request.headers["authorization"] = f"Bearer {self.of(user_id)}"
        return request

    def as_staff(self, request):
        """An HTTP client's `auth`: the token of somebody with every role, unless the request has one."""
        if "authorization" not in request.headers:
            token, made_at = self._kept.get("staff", ("", 0.0))
            if time.monotonic() > made_at + KEPT_SECONDS:
                token = self.staff()
                self._kept["staff"] = token, time.monotonic()
            request.headers["authorization"] = f"Bearer {token}"
        return request

    def as_service(self, name, audience):
        """An HTTP client's `auth`: a service's token, unless the request has one."""

        def authenticated(request):
            if "authorization" not in request.headers:
                request.headers["authorization"] = f"Bearer {self.service(name, audience)}"
            return request

        return authenticated

    def staff(self):
        """The token of somebody with every role."""
        return self.user("staff", roles=ROLES)

    @staticmethod
    def header(token):
        return {"Authorization": f"Bearer {token}"}
