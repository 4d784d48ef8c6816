import re

import pytest

from services.gateway import documents

PRODUCT = {"type": "object", "title": "Product"}
OPERATION = {"operationId": "read", "responses": {"200": {"description": "ok"}}}


def document(paths, **schemas):
    return {"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas}}


@pytest.fixture
def merged(gateway, services):
    def ask(**documents):
        for name, service in services.items():
            service.says("/openapi.json", documents.get(name, document({})))
        return gateway(preview_shoppers=()).get("/openapi.json").json()

    return ask


def test_the_page_describes_what_the_services_answer_here(merged):
    result = merged(catalog=document({"/v1/products": {"get": OPERATION}}, Product=PRODUCT))
    assert result["paths"]["/v1/products"]["get"]["tags"] == ["catalog"]
    assert result["components"]["schemas"]["Product"] == PRODUCT
    assert "/v1/top-page" in result["paths"]
    assert "ShelfItem" in result["components"]["schemas"]


def test_what_is_not_routed_here_is_left_out(merged):
    paths = merged(serving=document({"/v1/products": {"get": OPERATION}, "/internal": {"get": OPERATION}}))["paths"]
    assert not {"/v1/products", "/internal"} & set(paths)


def test_a_path_with_a_parameter_of_a_kind_is_described(merged):
    similar = "/v1/products/{productId}/similar"
    assert similar in merged(serving=document({similar: {"get": OPERATION}}))["paths"]


def test_operations_keep_ids_of_their_own(merged):
    paths = merged(
        catalog=document({"/v1/products": {"get": OPERATION}}), content=document({"/v1/displays": {"get": OPERATION}})
    )["paths"]
    assert paths["/v1/products"]["get"]["operationId"] == "catalog_read"
    assert paths["/v1/displays"]["get"]["operationId"] == "content_read"


def test_two_meanings_of_one_name_are_told_apart(merged):
    answer = {"200": {"description": "ok", "schema": {"$ref": "#/components/schemas/Page"}}}
    operation = {"operationId": "read", "responses": answer}
    result = merged(
        analytics=document({"/v1/actions": {"get": operation}}, Page={"title": "actions"}),
        catalog=document({"/v1/products": {"get": operation}}, Page={"title": "products"}),
    )
    reference = result["paths"]["/v1/products"]["get"]["responses"]["200"]["schema"]["$ref"]
    assert reference == "#/components/schemas/CatalogPage"
    assert result["components"]["schemas"]["CatalogPage"] == {"title": "products"}
    assert result["components"]["schemas"]["Page"] == {"title": "actions"}


def test_a_service_that_is_away_leaves_the_others(gateway, services, nowhere):
    for service in services.values():
        service.says(
            "/openapi.json", document({"/v1/products": {"get": OPERATION}, "/v1/displays": {"get": OPERATION}})
        )
    paths = gateway(content_url=nowhere).get("/openapi.json").json()["paths"]
    assert "/v1/products" in paths
    assert "/v1/displays" not in paths


def test_the_document_is_put_together_once_for_all_readers(gateway, services, monkeypatch):
    made = []
    monkeypatch.setattr(documents, "merge", lambda own, parts: made.append(parts) or own)
    for service in services.values():
        service.says("/openapi.json", document({}))
    client = gateway(preview_shoppers=())
    assert {client.get("/openapi.json").status_code for _ in range(3)} == {200}
    assert len(made) == 1


def test_the_api_page_needs_no_internet(gateway):
    client = gateway()
    page = client.get("/docs").text
    files = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert files
    assert all(file.startswith("/") and client.get(file).status_code == 200 for file in files)
