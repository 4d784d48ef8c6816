import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from playwright._impl._driver import compute_driver_executable

from services.content.domain import TITLES
from services.gateway import storefront

RULES = Path(__file__).parents[3] / "ml" / "shelves" / "shelves.yaml"
FILES = sorted(path.name for path in storefront.FOLDER.iterdir())
FAULTS = """
const sources = JSON.parse(require("fs").readFileSync(0, "utf8")), faults = {};
for (const [name, text] of Object.entries(sources))
  try { new (require("vm").SourceTextModule)(text); } catch (fault) { faults[name] = String(fault); }
console.log(JSON.stringify(faults));
"""
"""Reads modules without running them; one that is not JavaScript keeps all the others from running in a browser."""


ADDRESSES = [
    *("/", "/search?q=tea", "/products/7", "/categories/3", "/account", "/account/confirm", "/preview/mails"),
    *("/cart", "/checkout", "/orders", "/orders/8000000000000001"),
]


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_address_of_the_preview_is_its_one_document(gateway, path):
    answer = gateway().get(path)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text == (storefront.FOLDER / "index.html").read_text()


def test_no_script_runs_but_our_files(gateway):
    policy = gateway().get("/").headers["content-security-policy"]
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= set(policy.split("; "))


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_served_and_asks_for_nothing_from_elsewhere(gateway, name):
    answer = gateway().get(f"/storefront/{name}")
    text = re.sub(r'xmlns="[^"]*"|"http://www.w3.org/2000/svg"', "", answer.text)
    assert answer.status_code == 200
    assert not re.search(r"https?://|//cdn", text)


@pytest.mark.parametrize("name", [name for name in FILES if Path(name).suffix == ".js"])
def test_a_module_builds_no_markup_from_text(name):
    text = (storefront.FOLDER / name).read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", text)


def test_a_browser_can_read_each_module():
    node, _ = compute_driver_executable()
    sources = {name: (storefront.FOLDER / name).read_text() for name in FILES if Path(name).suffix == ".js"}
    command = [node, "--no-warnings", "--experimental-vm-modules", "--eval", FAULTS]
    read = subprocess.run(command, input=json.dumps(sources), capture_output=True, text=True, check=True)
    assert "main.js" in sources
    assert json.loads(read.stdout) == {}


def test_the_shelves_have_one_name_and_one_order_everywhere():
    rules = yaml.safe_load(RULES.read_text())
    script = (storefront.FOLDER / "top-page.js").read_text()
    shown = re.findall(r'^  ([A-Z_]+): \["([^"]+)"', script, re.MULTILINE)
    assert shown == [(name, rules["shelves"][name]["title"]) for name in rules["page"]]
    assert shown == [(name.value, title) for name, title in TITLES.items()]


def test_a_browser_that_looks_for_an_icon_finds_one(gateway):
    assert gateway().get("/favicon.ico").headers["content-type"] == "image/svg+xml"
