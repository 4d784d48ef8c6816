"""What the columns promise is what services and contracts take."""

from services.catalog.categories.schemas import CategoryLine
from services.catalog.schemas import NewProduct
from services.contracts.envelope import UserId
from services.contracts.events.actions import UserAction
from shop_import.columns import FILES


def longest(model, field):
    schema = model.model_json_schema(by_alias=False)
    shape = schema["properties"][field]
    while "$ref" in shape:
        shape = schema["$defs"][shape["$ref"].rpartition("/")[2]]
    options = [shape, *shape.get("anyOf", ())]
    return next(option["maxLength"] for option in options if "maxLength" in option)


def test_no_text_is_longer_than_the_catalog_takes():
    items, categories = FILES["items"], FILES["categories"]
    assert items.column("item_id").longest == longest(NewProduct, "sku")
    for name in ("name", "description", "brand"):
        assert items.column(name).longest == longest(NewProduct, name)
    assert items.column("category_id").longest <= longest(CategoryLine, "code")
    assert categories.column("name").longest == longest(CategoryLine, "name")


def test_no_text_is_longer_than_the_contracts_take():
    assert FILES["orders"].column("user_id").longest <= UserId.__metadata__[0].metadata[1].max_length
    for ours, theirs in {"session_id": "session_id", "keyword": "search_keyword"}.items():
        assert FILES["actions"].column(ours).longest <= longest(UserAction, theirs)
