"""The steps that bring an import folder in: the catalogue, the events, and waiting until all has landed."""

import asyncio
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from shop_import.importer import Import
from shop_import.steps import Step, Steps
from shop_import.upload import Catalog
from stack.drain import landing_settings
from stack.environment import Environment
from stack.reconciliation import landing_totals
from warehouse.catch_up import land_until_caught_up


def send(environment: Environment, source: Import, steps: Steps) -> Counter[str]:
    """Send the folder and wait until it has landed; the events that the broker acknowledged, by topic."""
    variables, counts = environment.variables, source.manifest.counts
    with steps.step("catalogue") as step, catalog_of(environment) as catalog:
        step.expect(counts["categories"] + counts["products"])
        catalogue = source.send_catalogue(catalog, step.advance)
        step.counts |= {name: counts[name] for name in ("categories", "products", "special_prices")}
    with steps.step("events") as step:
        step.expect(source.expected_events)
        idempotent = variables["KAFKA_IDEMPOTENCE"] == "true"
        sending = source.send_history(catalogue, environment.kafka, step.advance, idempotent=idempotent)
        sent = asyncio.run(sending)
        step.counts |= sent
    with steps.step("landing") as step:
        _land(environment, step)
    return sent


def catalog_of(environment: Environment) -> Catalog:
    """The catalog of a running stack."""
    return Catalog(environment.variables["CATALOG_URL"], environment.service_token)


def _land(environment: Environment, step: Step) -> None:
    """Wait until everything that was sent has landed, and show how far it has come."""

    def consumed() -> int:
        return sum(totals["consumed"] for totals in landing_totals(environment).values())

    with ThreadPoolExecutor(1) as pool:
        landing = pool.submit(asyncio.run, land_until_caught_up(landing_settings(environment)))
        while not landing.done():
            step.say(f"{consumed():,} events")
            time.sleep(0.5)
        landing.result()
    step.counts["events"] = consumed()
