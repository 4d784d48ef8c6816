"""Checks whether the shop is served, with the requests of a shopper's browser."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from stack.environment import Environment
from stack.files import read_json
from stack.parts.process import PartError

WAIT_SECONDS = 60.0
POLL_SECONDS = 0.5


def champion(bundles: Path) -> dict[str, Any]:
    """The content of `champion.json`: bundle and generation in use; empty if there is none yet."""
    return read_json(bundles / "champion.json")


def popularity_because(environment: Environment) -> str | None:
    """Why all shoppers get popular products, from the bundle in use; None if its models choose for each shopper."""
    manifest = environment.bundles / str(champion(environment.bundles).get("bundle")) / "manifest.json"
    return read_json(manifest).get("popularityBecause")


def choice_in_words(because: str | None) -> str:
    """What `popularity_because` means, for people who have just imported their shop."""
    if because is None:
        return "The models choose the shelves for each shopper: on the latest orders they did no worse than popularity."
    return f"All shoppers get popular products, no model chooses for them yet: {because}. Every import compares again."


def wait_until_served(environment: Environment, user_id: str | None) -> dict[str, int]:
    """Wait until a top page is complete and not degraded; returns its numbers of shelves and products.

    It is the shopper's, seen as an operator sees it, or everyone's without a shopper.

    Raises:
        PartError: it is not in time.
    """
    headers = {} if user_id is None else {"authorization": f"Bearer {_view_token(environment, user_id)}"}
    deadline = time.monotonic() + WAIT_SECONDS
    answer = "nothing"
    with httpx2.Client(base_url=environment.variables["GATEWAY_URL"], headers=headers, timeout=10) as client:
        while time.monotonic() < deadline:
            try:
                page = client.get("/v1/top-page").raise_for_status().json()
            except httpx2.HTTPError as error:
                answer = str(error)
            else:
                shelves = [shelf for shelf in page["shelves"] if shelf["items"]]
                if shelves and not page.get("degraded"):
                    return {"shelves": len(shelves), "products": sum(len(shelf["items"]) for shelf in shelves)}
                answer = f"{len(shelves)} shelves, degraded: {page.get('degraded')}"
            time.sleep(POLL_SECONDS)
    raise PartError(f"the shop was not served within {WAIT_SECONDS:.0f} s: the top page returned {answer}")


def _view_token(environment: Environment, user_id: str) -> str:
    """A token to view as the shopper, which auth records.

    Raises:
        PartError: auth gives none.
    """
    url = f"{environment.variables['AUTH_URL']}/v1/auth/users/{quote(user_id, safe='')}/view-as"
    try:
        answer = httpx2.post(url, auth=environment.signer("operator").authenticate("operator", "auth"), timeout=10)
        return str(answer.raise_for_status().json()["accessToken"])
    except httpx2.HTTPError as error:
        raise PartError(f"the shop cannot be viewed as {user_id}: {error}") from error
