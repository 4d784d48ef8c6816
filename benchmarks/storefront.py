"""The storefront on a phone with 1.6 Mbit/s and 150 ms to each answer: until the largest thing of a page is painted.

A new browser each time, so nothing is cached; the network is slowed down by the browser itself (its development tools).
The scripts are counted as they are sent, compressed: those of all pages for shoppers, and the largest dictionary.
Merchandisers' pages and the preview's mails are not for shoppers.
"""

import shutil
from collections.abc import Iterator
from typing import Any, Final

import httpx2
from playwright.sync_api import Browser, sync_playwright

from benchmarks.measure import ROUNDS, median
from benchmarks.report import Figure, Options, Skipped, at_most, run, tell
from benchmarks.state import running
from services.gateway.languages import DICTIONARY
from services.gateway.storefront_files import edition

PAINT: Final = at_most(2.5, "s")
SCRIPT: Final = at_most(60, "kB")

FOR_OTHERS: Final = ("merchandising-", "mails-")

PHONE: Final = {"width": 375, "height": 812}
MEGABIT: Final = 1_000_000 / 8
NETWORK: Final = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6 * MEGABIT,
    "uploadThroughput": 0.75 * MEGABIT,
}
FLAGS: Final = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
PAINTED: Final = """() => new Promise((resolve) => {
    new PerformanceObserver((list) => resolve(list.getEntries().at(-1).startTime))
        .observe({ type: "largest-contentful-paint", buffered: true });
})"""


def measure(options: Options) -> Iterator[Figure | Skipped]:
    """Open each page several times and take the run in the middle."""
    with running(options.state) as environment:
        yield from look(environment.address("gateway"), rounds=1 if options.small else ROUNDS)


def look(gateway: str, *, rounds: int) -> Iterator[Figure | Skipped]:
    """Open the pages of a running shop."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        yield Skipped("pages in a browser", "no Chromium on this machine")
    else:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            for name, path in _pages(gateway).items():
                tell(f"{name} {path}")
                runs = [_painted(browser, gateway + path) for _ in range(rounds)]
                yield Figure.chosen(f"{name}: largest contentful paint", "s", PAINT, runs, by=median)
            browser.close()
    yield Figure("scripts in all", _scripts() / 1000, "kB", SCRIPT)


def _scripts() -> int:
    """Bytes that a shopper's browser loads that opens every page."""
    scripts = {
        name: file for name, file in edition().files.items() if name.endswith(".js") and not name.startswith(FOR_OTHERS)
    }
    sizes = {name: len(file.packed) for name, file in scripts.items()}
    dictionaries = [size for name, size in sizes.items() if DICTIONARY.fullmatch(name)]
    return sum(sizes.values()) - sum(dictionaries) + max(dictionaries)


def _pages(gateway: str) -> dict[str, str]:
    product = httpx2.get(f"{gateway}/v1/products/popular", timeout=30).json()["items"][0]["productId"]
    return {"top page": "/", "product": f"/products/{product}", "search": "/search?q=milk"}


def _painted(browser: Browser, address: str) -> float:
    """Seconds until the largest thing was painted, once everything has come."""
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)  # type: ignore[arg-type]  # a size
    context.add_init_script("localStorage.setItem('tanawari.consent', 'no')")  # its question would be the largest thing
    page = context.new_page()
    tools: Any = context.new_cdp_session(page)
    tools.send("Network.enable")
    tools.send("Network.emulateNetworkConditions", NETWORK)
    page.goto(address, wait_until="networkidle")
    milliseconds: float = page.evaluate(PAINTED)
    context.close()
    return milliseconds / 1000


if __name__ == "__main__":
    run("storefront", measure, __doc__)
