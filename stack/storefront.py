"""Whether the shop is served: asks as a shopper's browser would."""

import time
from typing import Any

import httpx2

from stack.environment import Environment
from stack.files import read_json
from stack.parts.process import PartError

WAIT_SECONDS = 60.0
POLL_SECONDS = 0.5


def champion(environment: Environment) -> dict[str, Any]:
    """`champion.json`: the bundle and the generation in use; empty before there are any."""
    return read_json(environment.bundles / "champion.json")


def wait_until_served(environment: Environment, user_id: str) -> dict[str, int]:
    """Wait until the shopper's top page is whole, and made from the champion; how much stands on it.

    Raises:
        PartError: it is not so in time.
    """
    token = environment.state.signing_keys().token(user_id)
    headers = {"authorization": f"Bearer {token}"}
    deadline = time.monotonic() + WAIT_SECONDS
    answer = "nothing"
    with httpx2.Client(base_url=environment.variables["GATEWAY_URL"], headers=headers, timeout=10) as client:
        while time.monotonic() < deadline:
            try:
                page = client.get("/v1/top-page", params={"userId": user_id}).raise_for_status().json()
            except httpx2.HTTPError as error:
                answer = str(error)
            else:
                shelves = [shelf for shelf in page["shelves"] if shelf["items"]]
                if shelves and not page.get("degraded"):
                    return {"shelves": len(shelves), "products": sum(len(shelf["items"]) for shelf in shelves)}
                answer = f"{len(shelves)} shelves, degraded: {page.get('degraded')}"
            time.sleep(POLL_SECONDS)
    raise PartError(f"the shop is not served within {WAIT_SECONDS:.0f} s: the top page answered {answer}")
