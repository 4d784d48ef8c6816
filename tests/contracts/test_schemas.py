"""The checked-in documents follow the code, and the code may only add to them."""

import json
from copy import deepcopy

import pytest
from jsonschema import Draft202012Validator

from services.contracts import schemas
from services.contracts.compatibility import breaking_changes
from services.contracts.envelope import Event
from services.contracts.events.actions import ProductViewed
from services.contracts.registry import EVENTS

VIEWED = schemas.event_schema(EVENTS["PRODUCT_VIEWED"])


@pytest.mark.parametrize("path", schemas.documents(), ids=lambda path: path.name)
def test_a_checked_in_document_is_what_the_code_generates(path):
    assert path.read_text() == schemas.documents()[path], "run python -m services.contracts.schemas"


def test_no_document_is_left_behind():
    assert set(schemas.FOLDER.iterdir()) == schemas.documents().keys()


def test_a_real_message_fits_its_schema():
    event = Event.of("PRODUCT_VIEWED", ProductViewed(user_id="900", product_id=3), producer="analytics")

    Draft202012Validator(VIEWED).validate(json.loads(event.to_bytes()))


def changed(edit) -> list[str]:
    """What breaks when `edit` is applied to the payload's schema."""
    new = deepcopy(VIEWED)
    edit(new["properties"]["data"])
    return breaking_changes(VIEWED, new)


def test_an_optional_field_may_be_added():
    assert changed(lambda data: data["properties"].update(referrer={"type": "string"})) == []


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


def test_the_writer_refuses_a_change_that_is_not_additive(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(schemas, "FOLDER", tmp_path)
    old = deepcopy(VIEWED)
    old["properties"]["data"]["properties"]["dropped"] = {"type": "string"}
    (tmp_path / "product_viewed.v1.json").write_text(json.dumps(old))

    assert schemas.main() == 1
    assert "data.dropped is dropped" in capsys.readouterr().err
    assert len(list(tmp_path.iterdir())) == 1
