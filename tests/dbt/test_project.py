"""What holds for every model of the dbt project, read from its manifest."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.personal import personal_columns
from services.contracts.registry import EVENTS
from tests.dbt.conftest import PROJECT
from tests.dbt.shop import MARTS

LAYERS = {"staging": 0, "intermediate": 1, "marts": 2}
TOUCHED = "touched"
"""Which keys are touched is asked of any layer, and by any."""

SEARCHED = {"behaviour.actions.search_keyword", "behaviour.searches.search_term"}
SEARCHED |= {f"merchandising.{name}.search_term" for name in ("search_terms", "search_revenue")}
"""What people typed into the search box."""


@pytest.fixture(scope="module")
def manifest(run_dbt: Callable[..., None], target: Path) -> dict:
    """The parsed project; parsing needs no database."""
    run_dbt("parse")
    return json.loads((target / "manifest.json").read_text())


@pytest.fixture(scope="module")
def models(manifest: dict) -> list[dict]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def test_every_model_says_what_it_is_whose_it_is_and_what_a_row_is(models: list[dict]):
    lacking = [
        model["name"]
        for model in models
        if not (model["description"] and {"owner", "grain", "keys"} <= model["config"]["meta"].keys())
    ]
    assert lacking == []


def test_what_is_said_of_several_columns_is_said_once_in_a_doc_block(manifest: dict, models: list[dict]):
    columns = [column for model in models for column in model["columns"].values()]
    said = Counter(column["description"] for column in columns if not column["doc_blocks"])
    used = {block for column in columns for block in column["doc_blocks"]}
    ours = {block for block, doc in manifest["docs"].items() if doc["path"] == "columns.md"}
    assert ([text for text, times in said.items() if times > 1], ours - used) == ([], set())


def test_every_model_is_tested(manifest: dict, models: list[dict]):
    tests = [*manifest["unit_tests"].values(), *manifest["nodes"].values()]
    tested = {
        parent
        for test in tests
        if test["resource_type"] in {"unit_test", "test"}
        for parent in test["depends_on"]["nodes"]
    }
    assert {model["unique_id"] for model in models} <= tested


def test_every_mart_has_an_enforced_contract_with_a_primary_key(models: list[dict]):
    lacking = [
        model["name"]
        for model in models
        if model["fqn"][1] == "marts"
        and not (model["contract"]["enforced"] and any(c["type"] == "primary_key" for c in model["constraints"]))
    ]
    assert lacking == []


def test_only_staging_reads_raw(models: list[dict]):
    readers = {
        model["fqn"][1] for model in models if any(name.startswith("source.") for name in model["depends_on"]["nodes"])
    }
    assert readers == {"staging"}


@pytest.mark.parametrize(
    ("exposure", "reader"),
    [
        ("recommendation_api", "pipelines/training_set.py"),
        ("top_page_shelves", "pipelines/training_set.py"),
        ("shop_health", "notebooks/shop_health.ipynb"),
    ],
)
def test_an_exposure_names_the_marts_that_its_code_reads(manifest: dict, exposure: str, reader: str):
    code = (PROJECT.parent / reader).read_text()
    read = re.findall(r"(?:from|join) (?:core|behaviour|merchandising|recommendation)\.(\w+)", code)
    (declared,) = (node for node in manifest["exposures"].values() if node["name"] == exposure)
    assert {ref["name"] for ref in declared["refs"]} == set(read)


def test_models_read_their_own_layer_or_those_below(models: list[dict]):
    layer = {model["unique_id"]: LAYERS[model["fqn"][1]] for model in models if model["fqn"][1] != TOUCHED}
    upwards = [
        (model["name"], parent)
        for model in models
        if model["fqn"][1] != TOUCHED
        for parent in model["depends_on"]["nodes"]
        if layer.get(parent, -1) > layer[model["unique_id"]]
    ]
    assert upwards == []


def test_a_model_is_one_short_file_beside_a_description_of_the_same_name():
    files = list((PROJECT / "models").rglob("*.sql"))
    assert [file.name for file in files if len(file.read_text().splitlines()) > 80] == []
    assert [file.name for file in files if not file.with_suffix(".yml").exists()] == []


def test_no_package_file_hides_dbt_itself():
    assert list(PROJECT.rglob("__init__.py")) == []


def test_a_mart_column_that_may_name_people_has_the_tag_and_stays_out_of_extracts(models: list[dict], target: Path):
    schemas = [kind.payload.model_json_schema(by_alias=False) for kind in EVENTS.values()]
    parts = [part for schema in schemas for part in (schema, *schema.get("$defs", {}).values())]
    fields = {name for part in parts for name, what in part.get("properties", {}).items() if what.get("x-pii")}
    marts = [model for model in models if model["schema"] in MARTS]
    named = {f"{m['schema']}.{m['name']}.{name}" for m in marts for name in m["columns"] if name in fields}
    tagged = personal_columns(target / "manifest.json")
    assert tagged >= named | SEARCHED
    assert tagged <= {f"{m['schema']}.{m['name']}.{name}" for m in marts for name in m["columns"]}
