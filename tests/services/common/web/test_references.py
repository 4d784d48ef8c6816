"""The shop's own ids in requests: whatever they are made of, they are told from ours and come through unharmed."""

from typing import Annotated
from urllib.parse import quote

import pytest
from fastapi import FastAPI, Path, Query
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from starlette.testclient import TestClient

from services.common.web.references import MAX_SKU, CategoryReference, ProductReference, SlashesInReferences

PRODUCT = TypeAdapter(ProductReference)
STRANGE = [
    "85123A",
    "7",
    "0042",
    "a b",
    "a/b",
    "/",
    "..",
    "a:b",
    "sku:7",
    "茶 500g",
    "é",
    "100%",
    "a%2Fb",
    "?#&=+",
    "x/stock",
]

app = FastAPI()
app.add_middleware(SlashesInReferences)


@app.get("/v1/products/{productId:product}")
def one(product: Annotated[ProductReference, Path(alias="productId")]):
    return {"id": product.id, "own": product.external_id}


@app.put("/v1/products/{productId:product}/stock")
def stock(product: Annotated[ProductReference, Path(alias="productId")]):
    return {"stock of": product.external_id}


@app.get("/v1/products")
def some(ids: Annotated[list[ProductReference], Query()]):
    return [[each.id, each.external_id] for each in ids]


client = TestClient(app)


@pytest.mark.parametrize("sku", STRANGE)
def test_an_id_of_the_shops_comes_through_a_path_whatever_it_is_made_of(sku):
    path = f"/v1/products/sku:{quote(sku, safe='')}"
    assert client.get(path).json() == {"id": None, "own": sku}
    assert client.put(f"{path}/stock").json() == {"stock of": sku}


@given(st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]), min_size=1, max_size=MAX_SKU))
def test_any_id_of_the_shops_comes_through_a_path_and_a_list(sku):
    assert client.get(f"/v1/products/sku:{quote(sku, safe='')}").json()["own"] == sku
    assert client.get("/v1/products", params={"ids": [f"sku:{sku}", "7"]}).json() == [[None, sku], [7, None]]


def test_a_bare_number_is_ours():
    assert client.get("/v1/products/7").json() == {"id": 7, "own": None}
    assert (CategoryReference("7").id, CategoryReference("code:A > B").external_id) == (7, "A > B")


@pytest.mark.parametrize("given", ["0", "007", "sku:", f"sku:{'9' * 101}", "9" * 19, "1" * 4_301, "sku:a\x00", "-1"])
def test_what_names_nothing_is_refused(given):
    with pytest.raises(ValidationError):
        PRODUCT.validate_python(given)


@pytest.mark.parametrize("path", ["/v1/products/A7", "/v1/products/code:7"])
def test_what_is_neither_is_no_path_of_ours(path):
    assert client.get(path).status_code == 404
