import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from playwright._impl._driver import compute_driver_executable

from services.content.domain import TITLES
from services.gateway import storefront_files
from services.gateway.languages import DICTIONARY
from services.gateway.storefront_files import FOLDER

DOCS = Path(__file__).parents[3] / "docs"
RULES = yaml.safe_load((Path(__file__).parents[3] / "ml" / "shelves" / "shelves.yaml").read_text())
FILES = sorted(storefront_files.edition().files)
MODULES = [name for name in FILES if Path(name).suffix == ".js"]
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
FAULTS = """
const sources = JSON.parse(require("fs").readFileSync(0, "utf8")), faults = {};
for (const [name, text] of Object.entries(sources))
  try { new (require("vm").SourceTextModule)(text); } catch (fault) { faults[name] = String(fault); }
console.log(JSON.stringify(faults));
"""
"""Reads modules without running them; one that is not JavaScript keeps all the others from running in a browser."""
MOST_BYTES = 60_000
"""Compressed: a shopper loads one language, at most the largest."""
FOR_OTHERS = {"mails-page.js", *(name for name in MODULES if name.startswith("merchandising-"))}


ADDRESSES = [
    *("/", "/search?q=tea", "/products/7", "/categories", "/categories/3"),
    *("/account", "/account/confirm", "/preview/mails"),
    *("/cart", "/checkout", "/orders", "/orders/8000000000000001", "/merchandising"),
]


def versioned(document):
    """The addresses of the files that a document names."""
    return re.findall(r'(?:src|href)="(/storefront/[0-9a-f]{12}/[^"#]+)', document)


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_address_of_the_preview_is_its_one_document(gateway, path):
    answer = gateway().get(path)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert 'id="content"' in answer.text
    assert "{{" not in answer.text


def test_the_links_of_the_examples_in_the_docs_are_pages(gateway):
    client = gateway()
    links = [link for page in DOCS.rglob("*.md") for link in re.findall(r'"link": "(/[^"]*)"', page.read_text())]
    assert [link for link in links if client.get(link, headers=PAGE).status_code != 200] == []
    assert links != []


@pytest.mark.parametrize("path", ["/products/abc", "/nothing", "/orders/7/more", f"/products/{'9' * 5000}x"])
def test_an_address_that_means_nothing_is_a_page_that_says_so(gateway, path):
    answer = gateway().get(path, headers=PAGE)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "missing-page.js" in answer.text


@pytest.mark.parametrize(
    ("path", "accept"), [("/nothing", "*/*"), ("/nothing", "application/json"), ("/v1/no", PAGE["Accept"])]
)
def test_a_program_is_told_in_json_that_an_address_means_nothing(gateway, path, accept):
    answer = gateway().get(path, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_no_script_runs_but_our_files(gateway):
    policy = gateway().get("/").headers["content-security-policy"]
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= set(policy.split("; "))


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_served_and_asks_for_nothing_from_elsewhere(gateway, name):
    answer = gateway().get(f"/storefront/{name}")
    text = re.sub(r'xmlns="[^"]*"|"http://www.w3.org/2000/svg"', "", answer.text)
    assert answer.status_code == 200
    assert not re.search(r"https?://|//cdn", text)


def test_a_file_is_kept_for_ever_under_its_version_and_looked_at_again_under_any_other(gateway):
    client = gateway()
    addresses = versioned(client.get("/").text)
    assert {Path(each).suffix for each in addresses} == {".css", ".js", ".svg"}
    for address in addresses:
        assert client.get(address).headers["cache-control"] == "public, max-age=31536000, immutable", address
    for address in ("/storefront/main.js", "/storefront/000000000000/main.js"):
        assert client.get(address).headers["cache-control"] == "no-cache"


def test_a_file_that_is_none_is_not_found(gateway):
    for address in ("/storefront/none.js", "/storefront/000000000000/none.js", "/storefront/..%2fstorefront.py"):
        assert gateway().get(address).status_code == 404


def test_what_an_editor_leaves_beside_the_files_costs_no_page(tmp_path, monkeypatch):
    folder = shutil.copytree(FOLDER, tmp_path / "storefront")
    for name in (".DS_Store", "main.js~", "notes"):
        (folder / name).touch()
    (folder / ".#main.js").symlink_to("nobody@nowhere")
    monkeypatch.setattr(storefront_files, "FOLDER", folder)
    assert sorted(storefront_files.Edition().files) == FILES


def test_files_are_sent_compressed_to_who_takes_them_so(gateway):
    client = gateway()
    for accepted, encoding in (("gzip, br", "gzip"), ("identity", None)):
        answer = client.get("/storefront/main.js", headers={"Accept-Encoding": accepted})
        assert answer.headers.get("content-encoding") == encoding
        assert "Accept-Encoding" in answer.headers["vary"]
        assert answer.text == storefront_files.edition().files["main.js"].plain.decode()


def test_comments_are_not_sent_and_lines_are_counted_as_in_the_folder(gateway):
    sent, written = gateway().get("/storefront/shelf.js").text, (FOLDER / "shelf.js").read_text()
    comments = [line.lstrip().startswith(("//", "/*", "*")) for line in written.splitlines()]
    assert sent.splitlines() == [
        "" if is_comment else line for is_comment, line in zip(comments, written.splitlines(), strict=True)
    ]


def test_what_a_shopper_may_load_of_scripts_stays_within_its_budget(gateway):
    client = gateway()

    def sent(name):
        with client.stream("GET", f"/storefront/{name}", headers={"Accept-Encoding": "gzip"}) as answer:
            return sum(map(len, answer.iter_raw()))

    shoppers = set(MODULES) - FOR_OTHERS
    dictionaries = {name for name in shoppers if DICTIONARY.fullmatch(name)}
    assert sum(map(sent, shoppers - dictionaries)) + max(map(sent, dictionaries)) <= MOST_BYTES


def test_a_document_loads_at_once_every_module_that_its_page_imports(gateway):
    document = gateway().get("/products/7").text
    loaded = {Path(each).name for each in versioned(document)}
    assert {"main.js", "product-page.js", "texts-en.js"} <= loaded
    for name in loaded - {"texts-en.js"}:
        imported = re.findall(r'^import [^;]*?"\./([\w-]+\.js)"', (FOLDER / name).read_text(), re.MULTILINE)
        assert set(imported) <= loaded, name
    assert "cart-page.js" not in loaded


@pytest.mark.parametrize("name", MODULES)
def test_a_module_builds_no_markup_from_text(name):
    text = (FOLDER / name).read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", text)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_keeps_no_page_from_being_gone_back_to(name):
    assert not re.search(r"\b(before)?unload\b", (FOLDER / name).read_text())


def test_a_browser_can_read_each_module():
    node, _ = compute_driver_executable()
    sources = {name: storefront_files.edition().files[name].plain.decode() for name in MODULES}
    command = [node, "--no-warnings", "--experimental-vm-modules", "--eval", FAULTS]
    read = subprocess.run(command, input=json.dumps(sources), capture_output=True, text=True, check=True)
    assert "main.js" in sources
    assert json.loads(read.stdout) == {}


def test_the_shelves_have_one_name_and_one_order_everywhere():
    script = (FOLDER / "top-page.js").read_text()
    shown = re.findall(r'^  ([A-Z_]+): "([^"]+)"', script, re.MULTILINE)
    assert shown == [(name, RULES["shelves"][name]["title"]) for name in RULES["page"]]
    assert shown == [(name.value, title) for name, title in TITLES.items()]


def test_the_storefront_knows_the_reasons_that_the_shelves_give():
    script = (FOLDER / "reasons.js").read_text()
    assert dict(re.findall(r'^  (\w+): "([^"]+)"', script, re.MULTILINE)) == RULES["reasons"]


def test_a_browser_that_looks_for_an_icon_finds_one(gateway):
    assert gateway().get("/favicon.ico").headers["content-type"] == "image/svg+xml"
