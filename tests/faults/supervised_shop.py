"""A small shop under the real supervisor, of which a test takes one process away at a time.

    with SupervisedShop(directory) as shop, shop.without("valkey"):
        shop.top_page()

A process goes by SIGKILL. The supervisor would bring it back within a second, so it is frozen until the block ends;
what happens then is its own doing.
"""

import json
import signal
import subprocess
import sys
import uuid
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil
import psycopg

from stack.environment import Environment
from stack.state import State
from stack.storefront import wait_until_served
from tests.e2e import small_shop
from tests.tokens import ROLES
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
SUPERVISOR = """
import logging, sys
from pathlib import Path
from stack.programs import PROGRAMS
from stack.state import State
from stack.supervisor import supervise

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
sys.exit(supervise(State(Path(sys.argv[1])), None, [program for program in PROGRAMS if not program.tool]))
"""
SHOPPER = small_shop.SHOPPER
GENERATION = "by-hand"


class SupervisedShop:
    """The shop: its supervisor, and a shopper who talks to its gateway."""

    def __init__(self, directory):
        self.state = State(directory)
        self._log = self.state.log("supervisor").open("ab")
        self._supervisor = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, str(directory)], cwd=ROOT, stdout=self._log, stderr=self._log
        )

    def __enter__(self):
        try:
            wait_until(lambda: self.state.status()["phase"], lambda phase: phase == "running", seconds=180)
            environment = Environment.running(self.state)
            small_shop.fill(environment)
            wait_until_served(environment, SHOPPER)
        except BaseException:
            self.stop()
            raise
        self.warehouse_url = environment.variables["WAREHOUSE_DATABASE_URL"]
        signer = environment.signer("auth")  # tokens of each request's own: a test may take longer than one lives
        self.as_shopper = self._client(environment, lambda: signer.user_token(SHOPPER))
        self.as_staff = self._client(environment, lambda: signer.user_token("staff", roles=ROLES))
        importer = environment.signer("importer")
        self.as_importer = self._client(environment, lambda: importer.service_token("importer", "analytics"))
        return self

    def __exit__(self, *_):
        self.as_shopper.close()
        self.as_staff.close()
        self.as_importer.close()
        assert self.stop() == 0, "not everything that was acknowledged is in the warehouse"

    def stop(self):
        """Stop everything in order; 0 if it drained."""
        self._supervisor.terminate()
        code = self._supervisor.wait(120)
        self._log.close()
        return code

    @staticmethod
    def _client(environment, token):
        def authenticated(request):
            request.headers["Authorization"] = f"Bearer {token()}"
            return request

        return httpx2.Client(base_url=environment.address("gateway"), auth=authenticated, timeout=20)

    @contextmanager
    def without(self, name):
        """Kill one process, and let nothing bring it back before the block ends."""
        victim = psutil.Process(self._processes()[name]["pid"])
        family = [each.pid for each in (victim, *victim.children(recursive=True))]
        self._supervisor.send_signal(signal.SIGSTOP)
        try:
            victim.kill()
            wait_until(lambda: [each for each in family if is_running(each)], lambda left: not left)
            yield
        finally:
            self._supervisor.send_signal(signal.SIGCONT)

    def is_complete(self):
        """Whether every process is there and serves."""
        return all(each["state"] == "ready" and is_running(each["pid"]) for each in self._processes().values())

    def _processes(self):
        return self.state.status()["processes"]

    def show_generation(self):
        """Load and activate a generation: a shelf for everyone, of what stands first in the catalog."""
        goods = self.catalog().raise_for_status().json()["items"]
        rows = [
            {"displayType": "RECOMMENDED", "rank": rank, "productId": each["id"]} for rank, each in enumerate(goods, 1)
        ]
        body = "".join(f"{json.dumps(row)}\n" for row in rows)
        headers = {"Content-Type": "application/x-ndjson"}
        for answer in (
            self.as_staff.post("/v1/generations", json={"generation": GENERATION, "bundle": "small-shop"}),
            self.as_staff.put(f"/v1/generations/{GENERATION}/rows", content=body, headers=headers),
            self.as_staff.post(f"/v1/generations/{GENERATION}/activate", json={"rows": len(rows)}),
        ):
            answer.raise_for_status()
        return [row["productId"] for row in rows]

    def top_page(self):
        """The shopper's top page."""
        return self.as_shopper.get("/v1/top-page", params={"userId": SHOPPER})

    def recommendations(self):
        """What the shopper is recommended."""
        return self.as_shopper.get(f"/v1/users/{SHOPPER}/recommendations")

    def catalog(self):
        """The first products of the catalog."""
        return self.as_shopper.get("/v1/products", params={"limit": 12})

    def sell_out(self, product):
        """Tell the catalog that nothing of a product is left."""
        self.as_staff.put(f"/v1/products/{product}/stock", json={"stock": 0}).raise_for_status()

    def view(self, *products, user=SHOPPER):
        """Actions, with ids of their own: a user looked at products."""
        kind = {"actionType": "PRODUCT_VIEWED", "userId": user}
        return [{**kind, "eventId": str(uuid.uuid4()), "productId": product} for product in products]

    def send(self, actions):
        """Report actions to the collector."""
        return self.as_importer.post("/v1/actions", json={"actions": actions})

    def wait_until_landed(self, actions):
        """Until the warehouse has all of these actions; while it is away it has none."""
        wait_until(lambda: self.landed(actions), lambda n: n == len(actions), ignoring=psycopg.OperationalError)

    def landed(self, actions):
        """How many rows the warehouse has of these actions."""
        with psycopg.connect(self.warehouse_url, connect_timeout=2) as connection:
            query = "SELECT count(*) FROM raw.user_actions_v1 WHERE event_id = ANY(%s::uuid[])"
            return connection.execute(query, ([each["eventId"] for each in actions],)).fetchone()[0]


def is_running(pid):
    """Whether a process still does something; its parent may have to look after what is left of it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
