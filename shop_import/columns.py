"""The files and columns of an import. This is the only declaration; the reader, the checks and the how-to use it."""

from dataclasses import dataclass
from enum import StrEnum

from services.contracts.registry import EVENTS


class Kind(StrEnum):
    """The type of a column; `values.py` parses each."""

    ID = "id"
    USER = "user id"
    TEXT = "text"
    MONEY = "money"
    COUNT = "count"
    CHANGE = "count, negative for returns"
    TIME = "time"
    FLAG = "true or false"
    IMAGE = "image address"
    ACTION = "action type"


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        longest: maximum number of characters of a text.
        likely: names that other systems use for it.
        may_lie_ahead: whether a time may be in the future.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    longest: int = 100
    likely: tuple[str, ...] = ()
    may_lie_ahead: bool = False


@dataclass(frozen=True)
class File:
    """One file. `row` says what one row is; an import needs every required file."""

    name: str
    row: str
    columns: tuple[Column, ...]
    required: bool = False

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)


FILES = {
    file.name: file
    for file in (
        File(
            "categories",
            "a category",
            (
                Column("category_id", Kind.ID, "Its id, or its path, with ` > ` between the names.", required=True),
                Column("name", Kind.TEXT, "Its name. Default: the last part of the path.", longest=200),
                Column("parent_id", Kind.ID, "Its parent category."),
            ),
        ),
        File(
            "items",
            "a product",
            (
                Column("item_id", Kind.ID, "Its id or code.", required=True, likely=("stockcode", "sku", "productid")),
                Column(
                    "name", Kind.TEXT, "The name that shoppers see. Default: its id.", longest=200, likely=("title",)
                ),
                Column("description", Kind.TEXT, "Its description.", longest=20_000),
                Column("brand", Kind.TEXT, "Its brand or manufacturer.", longest=200),
                Column("category_id", Kind.ID, "Its category: an id of the categories file, or a path."),
                Column("price", Kind.MONEY, "Unit price. Default: the last price paid.", likely=("unitprice",)),
                Column("stock", Kind.COUNT, "Number in stock. Default: 1,000."),
                Column("is_active", Kind.FLAG, "Whether it may be shown. Default: true."),
                Column("special_price", Kind.MONEY, "Unit price during an offer, below the price."),
                Column("special_starts_at", Kind.TIME, "Start of the offer.", may_lie_ahead=True),
                Column("special_ends_at", Kind.TIME, "End of the offer, exclusive.", may_lie_ahead=True),
                Column("parent_id", Kind.ID, "The item of which it is a variant; a parent is not sold itself."),
                Column("keywords", Kind.TEXT, "Further words to find it by, with `|` between them.", longest=2_000),
                Column(
                    "attributes",
                    Kind.TEXT,
                    "A JSON object; or instead, for each attribute, a column `attribute:<code>`.",
                    longest=20_000,
                ),
                Column("image", Kind.IMAGE, "Its picture: an address, or a path of the shop.", longest=2_000),
            ),
        ),
        File(
            "orders",
            "one line of an order",
            (
                Column(
                    "order_id",
                    Kind.ID,
                    "The order number; lines with the same number are one order.",
                    required=True,
                    likely=("invoiceno", "invoice", "basketid", "receiptid"),
                ),
                Column(
                    "user_id",
                    Kind.USER,
                    "The buyer; no spaces or slashes.",
                    required=True,
                    longest=128,
                    likely=("customerid", "customer", "householdid"),
                ),
                Column(
                    "ordered_at",
                    Kind.TIME,
                    "Time of the order; that of its first line counts.",
                    required=True,
                    likely=("invoicedate", "orderdate", "date", "timestamp", "createdat"),
                ),
                Column("item_id", Kind.ID, "The product.", required=True, likely=("stockcode", "sku", "productid")),
                Column(
                    "quantity",
                    Kind.CHANGE,
                    "Quantity; a negative one cancels or returns.",
                    required=True,
                    likely=("qty",),
                ),
                Column("price", Kind.MONEY, "Unit price. Default: amount / quantity.", likely=("unitprice",)),
                Column(
                    "amount", Kind.MONEY, "Amount paid for the line. Default: price times quantity.", likely=("total",)
                ),
            ),
            required=True,
        ),
        File(
            "actions",
            "one thing a shopper did",
            (
                Column("action_id", Kind.ID, "Its id. Default: derived from the whole row.", likely=("eventid",)),
                Column(
                    "user_id",
                    Kind.USER,
                    "The user; `anon:…` for a visitor.",
                    required=True,
                    longest=128,
                    likely=("customerid", "visitor"),
                ),
                Column(
                    "action_type",
                    Kind.ACTION,
                    "The type, see below.",
                    required=True,
                    likely=("event", "eventtype", "type", "action"),
                ),
                Column(
                    "occurred_at",
                    Kind.TIME,
                    "Time of the action.",
                    required=True,
                    likely=("timestamp", "eventtime", "date"),
                ),
                Column("session_id", Kind.TEXT, "The session.", longest=200, likely=("session",)),
                Column("item_id", Kind.ID, "For views, carts and reviews.", likely=("stockcode", "sku", "productid")),
                Column("category_id", Kind.ID, "For searches by category."),
                Column("keyword", Kind.TEXT, "For searches by keyword.", longest=200, likely=("query", "search")),
                Column("quantity", Kind.COUNT, "For cart actions.", likely=("qty",)),
            ),
        ),
    )
}

ACTION_TYPES = tuple(
    name for name, kind in EVENTS.items() if kind.topic == "user-actions.v1" and not name.startswith("ORDER_")
)
"""The action types that a shop may import; order events are derived from the orders file."""


def reference(file: File) -> str:
    """A file's columns as the Markdown table of the how-to."""
    rows = (
        f"| `{column.name}` | {_holds(column)} | {'yes' if column.required else ''} | {column.meaning} |"
        for column in file.columns
    )
    return "\n".join(["| column | type | required | meaning |", "|---|---|---|---|", *rows])


def _holds(column: Column) -> str:
    has_length = column.kind in {Kind.ID, Kind.USER, Kind.TEXT, Kind.IMAGE}
    return f"{column.kind}, up to {column.longest:,} characters" if has_length else column.kind
