"""References to products and categories: a bare number is our id; `sku:<id>` and `code:<id>` are the shop's own ids.

    @router.get("/v1/products/{productId:product}")
    async def read_product(product: Annotated[ProductReference, Path(alias="productId")]) -> ...:
        product.id, product.external_id      # (7, None) of 7; (None, "A/7") of sku:A%2F7

In bodies the shop's own id has a separate field, `sku` or `code`. It may be any text, including only digits, and
slashes: the prefix distinguishes it from ours, and an encoded slash in a path is kept apart from segment separators.
"""

import re
from typing import Annotated, Any, ClassVar, Final, Self
from urllib.parse import unquote

from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send

from services.contracts.envelope import MAX_ID

MAX_SKU: Final = 100
MAX_CODE: Final = 500
_OWN: Final = r"[^\x00-\x1f]"
Sku = Annotated[str, Field(min_length=1, max_length=MAX_SKU, pattern=rf"^{_OWN}+$")]
"""A product's id in the shop's own systems."""
Code = Annotated[str, Field(min_length=1, max_length=MAX_CODE, pattern=rf"^{_OWN}+$")]
"""A category's id in the shop's own systems."""

_SLASH: Final = "\x1f"
"""Replaces an encoded slash while a path is split; no shop id contains it."""
_ENCODED_SLASH: Final = re.compile(rb"%2f", re.IGNORECASE)
_OWN_SEGMENT: Final = re.compile(rb"/(?:sku|code)(?::|%3a)[^/]*", re.IGNORECASE)


class Reference(str):
    """A reference as given; one of `id` and `external_id` is None."""

    __slots__ = ()
    prefix: ClassVar[str]
    longest: ClassVar[int]

    @property
    def external_id(self) -> str | None:
        """The shop's own id."""
        return self.removeprefix(self.prefix) if self.startswith(self.prefix) else None

    @property
    def id(self) -> int | None:
        """Ours."""
        return None if self.startswith(self.prefix) else int(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        """A string; one of a path may have `_SLASH` for a slash."""
        pattern = rf"^([1-9][0-9]{{0,18}}|{cls.prefix}{_OWN}{{1,{cls.longest}}})$"
        text = core_schema.str_schema(pattern=pattern, max_length=len(cls.prefix) + cls.longest)
        slashes = core_schema.no_info_before_validator_function(_with_slashes, text)
        return core_schema.no_info_after_validator_function(cls._read, slashes)

    @classmethod
    def _read(cls, text: str) -> Self:
        reference = cls(text)
        if (reference.id or 0) > MAX_ID:
            raise ValueError("is no id of ours: it has more than 64 bits")
        return reference


def _with_slashes(value: Any) -> Any:  # noqa: ANN401 - whatever was given
    return value.replace(_SLASH, "/") if isinstance(value, str) else value


class ProductReference(Reference):
    """`7`, or `sku:<the shop's own id>`."""

    __slots__ = ()
    prefix = "sku:"
    longest = MAX_SKU


class CategoryReference(Reference):
    """`7`, or `code:<the shop's own id>`."""

    __slots__ = ()
    prefix = "code:"
    longest = MAX_CODE


class _Product(StringConvertor):
    regex = "[0-9]+|sku:[^/]*"


class _Category(StringConvertor):
    regex = "[0-9]+|code:[^/]*"


register_url_convertor("product", _Product())
register_url_convertor("category", _Category())


class SlashesInReferences:
    """Middleware that keeps an encoded slash in a shop's id apart from segment separators."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its path decoded, except for such slashes."""
        raw = scope.get("raw_path") or b""
        if b"%" in raw and scope["type"] == "http" and _OWN_SEGMENT.search(raw):
            marked = _OWN_SEGMENT.sub(lambda segment: _ENCODED_SLASH.sub(b"%1F", segment[0]), raw)
            scope["path"] = unquote(marked.decode("latin-1"))
        await self._app(scope, receive, send)
