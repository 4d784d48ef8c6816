"""Examples of what a service takes, from its OpenAPI document."""

from uuid import uuid4

from services.auth.schemas import ImportedUser
from services.catalog.categories.schemas import CategoryLine
from services.catalog.schemas import ProductLine
from services.content.schemas_generations import GenerationRow

LINES = {
    "/v1/products/bulk": ProductLine,
    "/v1/categories/bulk": CategoryLine,
    "/v1/generations/{generation}/rows": GenerationRow,
    "/v1/auth/users/bulk": ImportedUser,
}
"""What a line is, where the body has many."""
WORDS = {
    "currency": "JPY",
    "countryCode": "JP",
    "countryArea": "東京都",
    "postalCode": "100-0001",
    "locale": "ja-JP",
    "phone": "03-1234-5678",
    "phoneNumber": "03-1234-5678",
    "email": "anna@example.com",
    "returnUrl": "https://shop.example/back",
    "avatar": "https://shop.example/anna.png",
    "image": "/tea.png",
}


class Document:
    """An OpenAPI document, or the schema of a line; `known` has values by the names of fields."""

    def __init__(self, content, known=()):
        self._content, self._known = content, dict(known)

    def resolved(self, schema):
        """The schema itself, without what else is allowed instead of it."""
        while True:
            if "$ref" in schema:
                found = self._content
                for part in schema["$ref"].removeprefix("#/").split("/"):
                    found = found[part]
                schema = found
            elif choices := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
                schema = next(each for each in choices if each.get("type") != "null")
            else:
                return schema

    def leaves(self, schema, place=()):
        """The places of texts and whole numbers."""
        schema = self.resolved(schema)
        kind = schema.get("type")
        if kind == "object":
            for name, each in schema.get("properties", {}).items():
                yield from self.leaves(each, (*place, name))
            if schema.get("additionalProperties"):
                yield (*place, "note"), {"type": "string"}
        elif kind == "array":
            yield from self.leaves(schema["items"], (*place, 0))
        elif kind in ("string", "integer") and not {"enum", "const"} & schema.keys():
            yield place, schema

    def example(self, schema, name="", place=()):
        """A value of this schema with what it needs, and what stands at the place."""
        schema = self.resolved(schema)
        kind = schema.get("type")
        if kind == "object":
            needed = {*schema.get("required", ()), *place[:1]}
            return {
                each: self.example(of, each, place[1:] if [each] == list(place[:1]) else ())
                for each, of in schema.get("properties", {}).items()
                if each in needed
            }
        if kind == "array":
            return [self.example(schema["items"], name, place[1:])] if place or schema.get("minItems") else []
        return self._value(schema, name)

    def _value(self, schema, name):
        if name in self._known:
            return int(self._known[name]) if schema.get("type") == "integer" else self._known[name]
        known = {"integer": int(schema.get("minimum", 1)), "number": 1, "boolean": True}
        formats = {"uuid": str(uuid4()), "date-time": "2026-11-25T09:00:00Z"}
        if "const" in schema or "enum" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        if schema.get("format") in formats:
            return formats[schema["format"]]
        if "12.30" in str(schema.get("examples", schema.get("example", ""))):
            return "100"
        if "sku:" in schema.get("pattern", "") or "code:" in schema.get("pattern", ""):
            return "1"
        return WORDS.get(name) or known.get(schema.get("type"), "word")
