"""What `docs/howto/connect-your-shop.md` tells to type, typed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx2
import psycopg
import pytest

from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
HOWTO = (ROOT / "docs/howto/connect-your-shop.md").read_text()
TOKEN, ORDER, RETURN = re.findall(r"```console\n(.*?)```", HOWTO, re.DOTALL)
SCRIPT = re.search(r"```python\n(.*?)```", HOWTO, re.DOTALL)[1]


@pytest.fixture(scope="module")
def products(shop):
    """The products that the page speaks of, by sku."""
    auth = {"Authorization": f"Bearer {shop.environment.signer('importer').service_token('importer', 'catalog')}"}
    ids = {}
    for sku, price in (("tea", "4.00"), ("cup", "9.00")):
        body = {"sku": sku, "name": sku.title(), "price": price, "currency": "USD", "stock": 5}
        answer = httpx2.post(f"{shop.gateway_url}/v1/products", json=body, headers=auth)
        assert answer.status_code == 201, answer.text
        ids[sku] = answer.json()["id"]
    return ids


@pytest.fixture(scope="module")
def type_in(shop):
    """Types a command of the page."""

    def run(command):
        typed = f"{TOKEN}\n{command}".replace(".venv/bin/python", sys.executable)
        typed = typed.replace(".tanawari", str(shop.environment.state.directory))
        given = {**os.environ, "GATEWAY_URL": shop.gateway_url}
        command = ["bash", "-c", typed]
        return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=True).stdout

    return run


def landed(shop, event_type):
    with psycopg.connect(shop.warehouse_url) as connection:
        query = "SELECT data FROM raw.order_v1 WHERE event_type = %s AND data ->> 'externalId' IS DISTINCT FROM NULL"
        if event_type.startswith("RETURN"):
            query = "SELECT data FROM raw.order_v1 WHERE event_type = %s"
        return [data for (data,) in connection.execute(query, [event_type])]


def test_an_order_and_a_return_are_told_by_http_and_land_once(shop, products, type_in):
    def lines(orders):
        return [
            [(line["productId"], line["quantity"], line["amount"]) for line in each["items"]]
            for each in orders
            if each.get("externalId") == "A-1017"
        ]

    wait_until(lambda: type_in(ORDER), lambda answer: answer == '{"accepted":1}')  # once analytics knows the products
    assert type_in(ORDER) == type_in(RETURN) == '{"accepted":1}'
    expected = [[(products["tea"], 2, "8.00"), (products["cup"], 1, "8.10")]]
    wait_until(lambda: lines(landed(shop, "ORDER_COMPLETED")), lambda found: found == expected)
    back = [(products["cup"], 1)]
    wait_until(
        lambda: [
            [(line["productId"], line["quantity"]) for line in each["items"]]
            for each in landed(shop, "RETURN_COMPLETED")
        ],
        lambda found: back in found,
    )


def test_an_order_is_told_by_kafka(shop, products, tmp_path):
    script = tmp_path / "order.py"
    script.write_text(SCRIPT)
    given = {**os.environ, "KAFKA_URL": shop.environment.variables["KAFKA_URL"]}
    subprocess.run([sys.executable, script, str(products["tea"])], env=given, check=True)
    wait_until(
        lambda: [each["totalAmount"] for each in landed(shop, "ORDER_COMPLETED") if each.get("externalId") == "1018"],
        lambda found: found == ["4.00"],
    )
