"""The checked-in documents follow the code, and the code may only add to them."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from services.contracts import generate
from services.contracts.compatibility import breaking_changes
from services.contracts.envelope import Event
from services.contracts.events.actions import ProductViewed
from services.contracts.registry import EVENTS

VIEWED = generate.event_schema(EVENTS["PRODUCT_VIEWED"])
DOCUMENTS = generate.documents()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_checked_in_document_is_what_the_code_generates(path):
    assert path.read_text() == DOCUMENTS[path], "run python -m services.contracts.generate"


def test_no_document_is_left_behind():
    assert set(generate.FOLDER.iterdir()) == DOCUMENTS.keys()


def test_the_document_of_channels_refers_to_the_newest_version_of_a_schema(monkeypatch):
    monkeypatch.setattr(ProductViewed, "version", 2)
    messages = generate.asyncapi()["channels"]["user_actions_v1"]["messages"]
    assert messages["PRODUCT_VIEWED"]["payload"] == {"$ref": "./product_viewed.v2.json"}


def test_a_real_message_fits_its_schema():
    event = Event.of("PRODUCT_VIEWED", ProductViewed(user_id="900", product_id=3), producer="analytics")

    Draft202012Validator(VIEWED).validate(json.loads(event.to_bytes()))


def changed(edit, event="PRODUCT_VIEWED") -> list[str]:
    """What breaks when `edit` is applied to the payload's schema."""
    old = generate.event_schema(EVENTS[event])
    new = deepcopy(old)
    edit(new["properties"]["data"])
    return breaking_changes(old, new)


def test_an_optional_field_may_be_added():
    assert changed(lambda data: data["properties"].update(colour={"type": "string"})) == []


def test_a_field_may_not_be_dropped():
    assert changed(lambda data: data["properties"].pop("productName")) == ["data.productName is dropped"]


def test_a_field_may_not_become_required():
    assert changed(lambda data: data["required"].append("sessionId")) == ["data newly requires sessionId"]


def test_a_field_may_not_change_its_type():
    refused = changed(lambda data: data["properties"].update(productId={"type": "string"}))

    assert refused == ["data.productId changes its type from integer to string"]


def test_a_constraint_may_not_be_made_narrower():
    refused = changed(lambda data: data["properties"]["productId"].update(maximum=10))

    assert refused == [f"data.productId changes its maximum from {2**63 - 1} to 10"]


@pytest.mark.parametrize("edit", [{"maxLength": 3_000}, {"maxLength": None}])
def test_a_constraint_may_not_be_widened_either(edit):
    def widen(data):
        field = data["properties"]["sku"]
        field |= edit
        if field["maxLength"] is None:
            del field["maxLength"]

    (refused,) = changed(widen, "PRODUCT_DELETED")

    assert refused.startswith("data.sku changes its maxLength from 2000 to")


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("DisplayType", []),  # open
        ("change", ["data.change adds RENAMED, which readers of the old document refuse"]),
    ],
)
def test_only_an_open_enumeration_may_grow(name, refused):
    old = generate.event_schema(EVENTS["DISPLAY_CHANGED"])
    new = deepcopy(old)
    {**new["$defs"], **new["properties"]["data"]["properties"]}[name]["enum"].append("RENAMED")

    assert breaking_changes(old, new) == refused


def test_an_open_enumeration_may_not_be_closed():
    refused = changed(lambda data: data["properties"]["displayType"].pop("x-open"), "RECOMMENDATION_CLICKED")

    assert refused == ["data.displayType changes its x-open from True to None"]


def test_a_field_may_not_become_optional():
    assert changed(lambda data: data["required"].remove("userId")) == ["data no longer requires userId"]


@pytest.mark.parametrize(
    ("event", "field", "constraint"),
    [
        ("ORDER_COMPLETED", "items", {"minItems": 1}),
        ("ORDER_COMPLETED", "items", {"maxItems": 9}),
        ("ORDER_COMPLETED", "items", {"uniqueItems": True}),
        ("ORDER_COMPLETED", "orderId", {"multipleOf": 2}),
        ("ORDER_COMPLETED", "userId", {"format": "uuid"}),
        ("ORDER_COMPLETED", "currency", {"enum": ["JPY"]}),
        ("ORDER_COMPLETED", "currency", {"default": "USD"}),
        ("USER_REGISTERED", "email", {"x-pii": False}),
    ],
)
def test_what_a_field_may_hold_or_mean_may_not_be_altered(event, field, constraint):
    (refused,) = changed(lambda data: data["properties"][field].update(constraint), event)

    assert refused.startswith(f"data.{field} ")


def checked_in(folder) -> None:
    for path, text in DOCUMENTS.items():
        (folder / path.name).write_text(text)


def test_documents_that_did_not_change_break_nobody(tmp_path):
    checked_in(tmp_path)

    assert generate.faults_against(tmp_path) == []


def test_an_event_may_not_vanish_and_not_leave_its_topic(monkeypatch, tmp_path):
    checked_in(tmp_path)
    monkeypatch.delitem(EVENTS, "CART_MERGED")
    monkeypatch.setitem(EVENTS, "STOCK_CHANGED", replace(EVENTS["STOCK_CHANGED"], topic="cart.v1"))

    assert generate.faults_against(tmp_path) == [
        "cart_merged.v1.json is dropped",
        "STOCK_CHANGED leaves catalog.v1",
        "CART_MERGED leaves cart.v1",
    ]


def test_the_writer_refuses_a_change_that_is_not_additive(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    old = deepcopy(VIEWED)
    old["properties"]["data"]["properties"]["dropped"] = {"type": "string"}
    (tmp_path / "product_viewed.v1.json").write_text(json.dumps(old))

    assert generate.main() == 1
    assert "data.dropped is dropped" in capsys.readouterr().err
    assert len(list(tmp_path.iterdir())) == 1
