"""A whole shop of real processes, and a real browser to look at it."""

import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from playwright.sync_api import sync_playwright

from stack import preparation
from stack.children import child_of, stop_together
from stack.environment import Environment
from stack.parts.broker import Broker
from stack.programs import PROGRAMS, databases, program_ports
from stack.state import State
from stack.storefront import wait_until_served
from tests.e2e import small_shop
from tests.e2e.pages import pages_of
from tests.machine import require
from tests.tokens import ROLES

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
UNWANTED = (
    # a popup of the address bar and a process to spare, made for each window: half of the browser's processor time
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "PreloadTopChromeWebUI", "SpareRendererForSitePerProcess"),
    # what Playwright leaves out, whose own list does not count beside ours
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades"),
    *("HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding", "PreconnectToSearch"),
    *("ThirdPartyStoragePartitioning", "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints"),
    *("NetworkTimeServiceQuerying", "AimEnabled"),
)
FLAGS = [
    *("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    f"--disable-features={','.join(UNWANTED)}",
]


@dataclass(frozen=True)
class Shop:
    """A running shop and a shopper that it knows."""

    gateway_url: str
    warehouse_url: str
    shopper: str
    environment: Environment

    @property
    def staff_token(self):
        """A new token of somebody with every role: it lives for five minutes, and the shop for longer."""
        return self.environment.signer("auth").user_token("staff", roles=ROLES)


@pytest.fixture(scope="module")
def shop(tmp_path_factory, database, new_warehouse, valkey):
    """Every service, landing and serving as processes of their own, with hand-made goods, events and bundle."""
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(tmp_path_factory.mktemp("broker")))
        warehouse = new_warehouse()
        outside = {
            **os.environ,
            "KAFKA_URL": broker.url,
            "KAFKA_IDEMPOTENCE": "false",
            "REDIS_URL": valkey.url,
            "GATEWAY_PREVIEW_LOGIN": "true",
            "AUTH_PREVIEW": "true",
            **{variable: database(name) for variable, name in databases().items()},
            **warehouse.environment,
        }
        state = State(tmp_path_factory.mktemp("state") / "shop")
        environment = Environment(state, state.ports(program_ports()), outside)
        preparation.make_topics(environment.kafka)
        preparation.migrate(environment.variables, state.log("migrations"))
        children = [child_of(program, environment) for program in PROGRAMS if not program.tool]
        stack.callback(stop_together, children, 20)
        for child in children:
            child.start()
        for child in children:
            child.process.wait_ready()
        small_shop.fill(environment)
        wait_until_served(environment, small_shop.SHOPPER)
        gateway = environment.address("gateway")
        yield Shop(gateway, warehouse.owner, small_shop.SHOPPER, environment)


@pytest.fixture(scope="module")
def browser():
    """A real Chromium; for one file, since its driver keeps an event loop in which no asynchronous test can run."""
    if CHROMIUM is None:
        require("no Chromium on this machine: the storefront was not looked at")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(shop, browser):
    """A factory of pages, for one test."""
    with pages_of(shop, browser) as create:
        yield create
