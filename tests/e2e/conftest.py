"""A real browser to look at whole shops with."""

import shutil

import pytest
from playwright.sync_api import sync_playwright

from tests.e2e.pages import pages_of
from tests.machine import require

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
