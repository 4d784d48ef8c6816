"""Requests and responses about categories."""

from datetime import datetime

from services.catalog.schemas import Code
from services.common.web.fields import Schema, ShortText, left_out
from services.common.web.paging import Page


class CategoryLine(Schema):
    """A category: the path in `code` is its place in the tree; the default name is the path's last part."""

    code: Code
    name: ShortText = left_out()


class CategoryChange(Schema):
    """Changes of a category; omitted fields stay unchanged.

    Another `code` moves the category, or recodes it: everything below follows.
    """

    code: Code = left_out()
    name: ShortText = left_out()


class CategoryOut(Schema):
    """A category; `level` counts from 1 at the root."""

    id: int
    code: str
    name: str
    parent_id: int | None
    parent_code: str | None
    level: int
    version: int
    created_at: datetime
    updated_at: datetime


class CategoryPage(Page[CategoryOut]):
    """One page of categories, by code: parents come before their children."""
