"""The files that a shop hands over, and their columns: declared here, read by everything else, and by the reference."""

from dataclasses import dataclass
from enum import StrEnum

from services.contracts.registry import EVENTS


class Kind(StrEnum):
    """What a column holds; `values.py` reads each."""

    ID = "id"
    USER = "user id"
    TEXT = "text"
    MONEY = "money"
    COUNT = "count"
    CHANGE = "count, below 0 for what comes back"
    TIME = "time"
    FLAG = "true or false"
    ACTION = "action type"


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        longest: the most characters of a text.
        likely: names that other systems give it.
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
    """One file: a row of it is a `row`; without a required one nothing can be imported."""

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
                Column("category_id", Kind.ID, "Its id, or its path with ` > ` between the names.", required=True),
                Column("name", Kind.TEXT, "Its name; without one, the last part of the path.", longest=200),
                Column("parent_id", Kind.ID, "The category above it."),
            ),
        ),
        File(
            "items",
            "a product",
            (
                Column("item_id", Kind.ID, "Its id or code.", required=True, likely=("stockcode", "sku", "productid")),
                Column("name", Kind.TEXT, "What shoppers read; without one, its id.", longest=200, likely=("title",)),
                Column("description", Kind.TEXT, "More text.", longest=2_000),
                Column("brand", Kind.TEXT, "Its brand or maker.", longest=200),
                Column("category_id", Kind.ID, "Its category, as the file of categories has it, or a path."),
                Column("price", Kind.MONEY, "Of one; without one, what was last paid.", likely=("unitprice",)),
                Column("stock", Kind.COUNT, "How many there are; without one, 1,000."),
                Column("is_active", Kind.FLAG, "Whether it may be shown; without one, true."),
                Column("special_price", Kind.MONEY, "Of an offer, below the price."),
                Column("special_starts_at", Kind.TIME, "When the offer begins.", may_lie_ahead=True),
                Column("special_ends_at", Kind.TIME, "Until before when it holds.", may_lie_ahead=True),
            ),
        ),
        File(
            "orders",
            "one line of an order",
            (
                Column(
                    "order_id",
                    Kind.ID,
                    "The order's number; lines that share it are one order.",
                    required=True,
                    likely=("invoiceno", "invoice", "basketid", "receiptid"),
                ),
                Column(
                    "user_id",
                    Kind.USER,
                    "Who bought; without a blank or a slash.",
                    required=True,
                    longest=128,
                    likely=("customerid", "customer", "householdid"),
                ),
                Column(
                    "ordered_at",
                    Kind.TIME,
                    "When; the first of an order's lines counts.",
                    required=True,
                    likely=("invoicedate", "orderdate", "date", "timestamp", "createdat"),
                ),
                Column("item_id", Kind.ID, "What was bought.", required=True, likely=("stockcode", "sku", "productid")),
                Column(
                    "quantity", Kind.CHANGE, "How many; below 0 cancels or returns.", required=True, likely=("qty",)
                ),
                Column("price", Kind.MONEY, "Of one; without one, amount / quantity.", likely=("unitprice",)),
                Column(
                    "amount", Kind.MONEY, "Paid for the line; without one, price times quantity.", likely=("total",)
                ),
            ),
            required=True,
        ),
        File(
            "actions",
            "one thing a shopper did",
            (
                Column("action_id", Kind.ID, "Its id; without one, all that the row says.", likely=("eventid",)),
                Column(
                    "user_id",
                    Kind.USER,
                    "Who; `anon:…` for a visitor.",
                    required=True,
                    longest=128,
                    likely=("customerid", "visitor"),
                ),
                Column(
                    "action_type", Kind.ACTION, "What.", required=True, likely=("event", "eventtype", "type", "action")
                ),
                Column("occurred_at", Kind.TIME, "When.", required=True, likely=("timestamp", "eventtime", "date")),
                Column("session_id", Kind.TEXT, "The visit.", longest=200, likely=("session",)),
                Column("item_id", Kind.ID, "Of views, carts and reviews.", likely=("stockcode", "sku", "productid")),
                Column("category_id", Kind.ID, "Of searches by category."),
                Column("keyword", Kind.TEXT, "Of searches by keyword.", longest=200, likely=("query", "search")),
                Column("quantity", Kind.COUNT, "Of cart actions.", likely=("qty",)),
            ),
        ),
    )
}

ACTION_TYPES = tuple(
    name for name, kind in EVENTS.items() if kind.topic == "user-actions.v1" and not name.startswith("ORDER_")
)
"""What a shopper can have done; what became of orders follows from the file of orders."""


def reference(file: File) -> str:
    """A file's columns as a table in Markdown, as the how-to has it."""
    rows = (
        f"| `{column.name}` | {_holds(column)} | {'yes' if column.required else ''} | {column.meaning} |"
        for column in file.columns
    )
    return "\n".join(["| column | holds | must | meaning |", "|---|---|---|---|", *rows])


def _holds(column: Column) -> str:
    has_length = column.kind in {Kind.ID, Kind.USER, Kind.TEXT}
    return f"{column.kind}, up to {column.longest:,} characters" if has_length else column.kind
