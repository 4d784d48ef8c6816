"""The lineage of columns that is kept between runs."""

from importlib.metadata import version

import dagster as dg
import pytest

from pipelines.defs.transformation import lineage as module
from pipelines.defs.transformation.lineage import METADATA, ColumnLineage, with_columns
from pipelines.recipe import Recipe

VERSIONS = {"model.orders": "a1", "model.users": "b1"}
RULES = {"pseudo_products": "none"}
TABLES = {dg.AssetKey(["core", "orders"]), dg.AssetKey(["raw", "order_v1"])}


def lineage(file, versions=VERSIONS, rules=RULES, tables=TABLES):
    return ColumnLineage(file, Recipe(rules, versions, frozenset(), {}), tables)


def of(column):
    return dg.TableColumnLineage({column: [dg.TableColumnDep(dg.AssetKey(["raw", "order_v1"]), "payload")]})


def built(model, columns=None, event=dg.Output):
    """What dagster-dbt tells of a model that dbt has built."""
    metadata = {"unique_id": dg.MetadataValue.text(model)} | ({METADATA: columns} if columns else {})
    if event is dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True, asset_key="orders", check_name="unique", metadata=metadata)
    return dg.Output(None, output_name="built", metadata=metadata)


def lineages(events):
    return [event.metadata[METADATA].value if METADATA in event.metadata else None for event in events]


@pytest.fixture
def file(tmp_path):
    """Where a first run has left the lineage of both models."""
    file = tmp_path / "lineage.json"
    first = lineage(file)
    assert not first.is_complete
    list(first.kept([built("model.orders", of("order_id")), built("model.users", of("user_id"))]))
    return file


def test_what_one_run_computed_the_next_has(file):
    after = lineage(file)
    assert after.is_complete
    events = [built("model.users"), built("model.orders")]
    assert lineages(after.kept(events)) == [of("user_id"), of("order_id")]


def test_a_changed_model_is_computed_anew_and_the_others_lineage_stays(file):
    changed = VERSIONS | {"model.orders": "a2"}
    run = lineage(file, changed)
    assert not run.is_complete
    assert lineages(run.kept([built("model.orders"), built("model.users")])) == [None, of("user_id")]
    list(run.kept([built("model.orders", of("number"))]))
    events = [built("model.orders"), built("model.users")]
    assert lineages(lineage(file, changed).kept(events)) == [of("number"), of("user_id")]


def test_another_version_of_what_computes_it_computes_it_anew(file, monkeypatch):
    monkeypatch.setattr(module, "version", lambda package: f"{version(package)}.1")
    assert not lineage(file).is_complete


def test_under_other_rules_or_names_of_tables_it_is_computed_anew(file):
    assert not lineage(file, rules={"pseudo_products": "grocer"}).is_complete
    assert not lineage(file, tables=TABLES | {dg.AssetKey(["core", "users"])}).is_complete


def test_what_events_bring_counts_more_than_what_was_kept(file):
    assert lineages(lineage(file).kept([built("model.users", of("id"))])) == [of("id")]


def test_a_test_of_a_model_and_an_unknown_model_have_none(file):
    events = [built("test.unique", event=dg.AssetCheckResult), built("seed.rules")]
    assert lineages(lineage(file).kept(events)) == [None, None]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": {"__class__": "TableColumnLineage"}}'])
def test_an_unreadable_file_is_computed_anew(file, text):
    file.write_text(text)
    run = lineage(file)
    assert not run.is_complete
    list(run.kept([built("model.orders", of("order_id")), built("model.users", of("user_id"))]))
    assert lineage(file).is_complete


class Invocation:
    """One of dbt that tells of two models."""

    adapter = None
    is_fusion = False
    postprocessing_threadpool_num_threads = 4

    def __init__(self):
        self.told = []

    def stream(self):
        for model in VERSIONS:
            self.told.append(model)
            yield built(model)


def test_dbt_is_asked_for_the_next_event_when_somebody_wants_it_and_not_without_pause_before():
    dbt = Invocation()
    events = with_columns(dbt, with_lineage=True)
    next(events)
    assert dbt.told == ["model.orders"]
    assert [event.metadata["unique_id"].text for event in events] == ["model.users"]
