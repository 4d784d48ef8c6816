"""Writes `docs/routes.md`, every route with its policy: `.venv/bin/python -m tests.docs.routes`."""

import tempfile
from pathlib import Path

from services.common.identity.policy import guarded_routes, policy_of
from services.contracts.vault import ensure_keys
from tests.applications import PACKAGES, application

PAGE = Path(__file__).parents[2] / "docs" / "routes.md"
HEAD = """# Routes and their policies

Who may call what. `.venv/bin/python -m tests.docs.routes` writes this page from the applications; a test fails while it
is not fresh. A route that states no policy, or whose requests do not name their owner, keeps its service from starting.

- An *owner* is the user or the visitor whom the request names as `userId`, shown by their own token. A visitor's id
  alone opens nothing.
- A *role* is one that the user's token says; a *service* is named by a token of its own key, for the service called.
- An invalid token is refused with 401 on every route, also where nobody needs one. Who views as a user changes nothing,
  but may let be recorded what is looked at.
- `/health/live`, `/health/ready`, `/openapi.json`, `/docs` and the storefront's files are for everybody; `/metrics` is
  not served to the internet.
- A service is reached at its own address, which is not public. From outside there are the routes of the gateway, under
  the same paths; the gateway answers 404 on all others.

[Security](security.md) says what the tokens carry. To call a route with `Authorization: Bearer …`, get a user's token
from `POST /v1/auth/sessions` with `email` and `password` (its `accessToken`; [an example](runbooks/README.md)), or a
visitor's from `POST /v1/visitors` (its `token`). Services sign their own.
"""
FORWARDED = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
"""The methods of the gateway's routes that pass a request on."""


def page() -> str:
    """The page's text."""
    with tempfile.TemporaryDirectory() as folder:
        parts = [HEAD, *(section(name, Path(folder)) for name in sorted(PACKAGES))]
    return "\n".join(parts)


def section(name: str, folder: Path) -> str:
    """The routes of one service, in the order of their paths."""
    keys = folder / "payment-keys.json"
    ensure_keys(keys)
    app = application(name, mail_folder=folder, auth_signing_key_file=folder / "key.pem", keys_file=keys)
    rows = []
    for path, methods, needs in guarded_routes(app.routes):
        policy = policy_of(needs)
        assert policy is not None, "the application would not have been built"
        if methods == FORWARDED:
            rows.append((path, "any", "whom the service behind it admits" if policy.is_public else policy.words))
        else:
            rows += [(path, method, policy.words) for method in methods]
    lines = (f"| `{path}` | {method} | {words} |" for path, method, words in sorted(rows))
    return "\n".join([f"## {name}", "", "| path | method | who may call |", "|---|---|---|", *lines, ""])


if __name__ == "__main__":
    PAGE.write_text(page())
