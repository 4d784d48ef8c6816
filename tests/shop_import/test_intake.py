"""What a shop's files become, and why they may become nothing."""

import csv
import gzip
import io
import json
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import polars as pl
import pytest

from shop_import.folder import FolderError
from tests.shop_import.conftest import ITEMS, ORDERS

TWO = ORDERS + "A1,u1,2026-10-01 09:00,T1,2,500\nA1,u1,2026-10-01 09:05,T2,1,400\nB1,u2,2026-10-02T09:00Z,T1,1,480\n"


def test_lines_become_orders_in_utc_with_amounts_of_price_times_quantity(take_in):
    lines = take_in({"items.csv": ITEMS, "orders.csv": TWO}).table("orders")
    assert lines.select("external_id", "ordered_at", "sku", "quantity", "price", "amount").rows() == [
        ("A1", datetime(2026, 10, 1, 0, 0), "T1", 2, Decimal("500.00"), Decimal("1000.00")),  # noqa: DTZ001
        ("A1", datetime(2026, 10, 1, 0, 0), "T2", 1, Decimal("400.00"), Decimal("400.00")),  # noqa: DTZ001
        ("B1", datetime(2026, 10, 2, 9, 0), "T1", 1, Decimal("480.00"), Decimal("480.00")),  # noqa: DTZ001
    ]


def test_an_amount_that_is_given_holds_and_gives_the_price(take_in):
    orders = "order_id,user_id,ordered_at,item_id,quantity,amount\nA1,u1,2026-10-01,T1,3,10.00\n"
    (line,) = take_in({"items.csv": ITEMS, "orders.csv": orders}, currency="USD").table("orders").rows(named=True)
    assert (line["price"], line["amount"]) == (Decimal("3.33"), Decimal("10.00"))


def test_products_stand_in_categories_whose_parents_exist(take_in):
    made = take_in({"items.csv": ITEMS, "orders.csv": TWO})
    assert made.table("categories").rows() == [
        ("Tea", "Tea"),
        ("Tea > Black", "Black"),
        ("Tea > Green", "Green"),
    ]
    products = made.table("products").select("sku", "name", "category_code", "price", "stock", "is_active")
    assert products.rows()[0] == ("T1", "Green tea", "Tea > Green", Decimal("500.00"), 1000, True)


def test_categories_of_ids_and_parents_become_paths_with_their_names(take_in):
    categories = "category_id,name,parent_id\n2,Green,1\n1,Tea,\n3,Green,\n"
    items = "item_id,price,category_id\nT1,5,2\n"
    made = take_in({"categories.csv": categories, "items.csv": items, "orders.csv": ORDERS})
    assert made.table("categories").rows() == [("1", "Tea"), ("3", "Green"), ("1 > 2", "Green (Tea)")]
    assert made.table("products")["category_code"].to_list() == ["1 > 2"]


def test_orders_alone_are_enough(take_in):
    made = take_in({"orders.csv": TWO})
    assert set(made.table("products")["defaulted"]) == {"name|stock|is_active|price"}
    products = made.table("products").select("sku", "name", "price", "is_active")
    assert products.rows() == [("T1", "T1", Decimal("480.00"), True), ("T2", "T2", Decimal("400.00"), True)]
    assert any("no items file" in note for note in made.findings.notes)


def test_what_the_items_file_does_not_say_is_a_default_that_a_known_product_does_not_take(take_in):
    items = "item_id,name,price,stock,is_active\nT1,Green tea,500,0,true\nT2,,,,\n"
    products = take_in({"items.csv": items, "orders.csv": TWO}).table("products")
    assert products.select("sku", "stock", "defaulted").rows() == [
        ("T1", 0, None),
        ("T2", 1000, "name|stock|is_active|price"),
    ]


@pytest.mark.parametrize("image", ["https://shop.example/tea.jpg?v=1:2", "/images/tea.jpg", "tea.jpg"])
def test_a_picture_is_an_address_or_a_path(take_in, image):
    made = take_in({"items.csv": f"item_id,price,image\nT1,5,{image}\nT2,5,\n", "orders.csv": ORDERS})
    assert made.table("products")["image"].to_list() == [image, None]


def test_a_picture_whose_address_no_index_holds_is_named(take_in):
    made = take_in({"items.csv": f"item_id,price,image\nT1,5,/{'茶' * 867}\n", "orders.csv": ORDERS})
    assert made.faults == [("items", 2, "image", "TOO_LONG")]


@pytest.mark.parametrize("image", ["javascript:alert(1)", "ftp://shop.example/tea.jpg"])
def test_another_picture_is_named(take_in, image):
    made = take_in({"items.csv": f"item_id,price,image\nT1,5,{image}\n", "orders.csv": ORDERS})
    assert made.faults == [("items", 2, "image", "NOT_AN_IMAGE")]


def as_csv(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def test_csv_ndjson_and_parquet_give_the_same(take_in):
    rows = [
        {"order_id": "C 1", "user_id": "17850", "ordered_at": "2026-10-01 09:00:00", "item_id": "T1", "quantity": 6}
        | {"price": 2.55, "amount": 15.3},
        {"order_id": 'q"2', "user_id": "u2", "ordered_at": "2026-10-02 10:30:00", "item_id": "T2", "quantity": 1}
        | {"price": 3.0, "amount": None},
    ]
    ndjson = "".join(json.dumps(row) + "\n" for row in rows)
    parquet = io.BytesIO()
    frame = pl.DataFrame(rows).with_columns(
        pl.col("ordered_at").str.to_datetime(), pl.col("amount") * 1.0000000000000002
    )
    frame.write_parquet(parquet)
    made = [
        take_in({"items.csv": ITEMS, name: content}, currency="USD")
        for name, content in {
            "orders.csv.gz": gzip.compress(as_csv(rows).encode()),
        }.items()
    ]
    for name, content in {"orders.ndjson": ndjson, "orders.parquet": parquet.getvalue()}.items():
        again = take_in({"items.csv": ITEMS, name: content}, currency="USD")
        assert again.findings.counts["orders_imported_before"] == 2
        assert again.table("orders").is_empty()
    assert made[0].table("orders")["amount"].to_list() == [Decimal("15.30"), Decimal("3.00")]


def test_a_file_in_cp932_with_semicolons_is_read_and_said(take_in):
    orders = "注文番号;顧客;日時;商品;数量;単価\nA1;u1;2026/10/01 9:00;煎茶-1;2;500\n"
    names = {"order_id": "注文番号", "user_id": "顧客", "ordered_at": "日時", "item_id": "商品"}
    made = take_in(
        {"orders.csv": orders.encode("cp932")}, orders={"columns": names | {"quantity": "数量", "price": "単価"}}
    )
    assert made.table("orders")["sku"].to_list() == ["煎茶-1"]
    assert made.findings.files["orders"]["read_as"] == "CSV, CP932 (detected), semicolon (detected)"


def test_bytes_that_are_neither_encoding_are_refused_with_the_remedy(take_in):
    with pytest.raises(FolderError, match=r"neither UTF-8 nor CP932: set `encoding:` in the mapping"):
        take_in({"orders.csv": b"order_id\n\xff\xfe\xfd\n"})


def test_a_missing_column_is_named_with_what_could_be_meant(take_in):
    orders = "InvoiceNo,user_id,ordered_at,StockCode,quantity,price\n"
    with pytest.raises(FolderError, match=r"order_id \(perhaps InvoiceNo\); item_id \(perhaps StockCode\)"):
        take_in({"orders.csv": orders})


def test_a_folder_without_orders_is_refused(take_in):
    with pytest.raises(FolderError, match=r"has no orders file"):
        take_in({"items.csv": ITEMS})


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("utf-8", r"^orders.csv is not utf-8 from byte 1 on: set `encoding:` in the mapping"),
        ("windows31j", r"^orders.csv: windows31j is not a known encoding; write e.g. cp932"),
    ],
)
def test_an_encoding_that_does_not_fit_is_named_with_the_remedy(take_in, encoding, message):
    with pytest.raises(FolderError, match=message):
        take_in({"orders.csv": b"a\xff" + TWO.encode()}, orders={"encoding": encoding})


BAD_LINES = {
    "A1,u1,2026-10-01,T1,,5": ("quantity", "BLANK"),
    "A1,u1,2026-10-01,T1,0,5": ("quantity", "ZERO"),
    "A1,u1,2026-10-01,T1,1.5,5": ("quantity", "NOT_A_NUMBER"),
    "A1,u1,2026-10-01,T1,1000001,5": ("quantity", "TOO_LARGE"),
    "A1,u1,2026-10-01,T1,1,-5": ("price", "NEGATIVE"),
    "A1,u1,2026-10-01,T1,1,5.50": ("price", "TOO_PRECISE"),
    "A1,u1,2026-10-01,T1,1,1e3": ("price", "NOT_MONEY"),
    "A1,u1,2026-10-01,T1,1,1234567890123": ("price", "TOO_LARGE"),
    "A1,u1,2026-10-01,T1,2,999999999999": ("amount", "TOO_LARGE"),
    "A1,u1,2026-10-01,T1,1,": ("price", "NO_AMOUNT"),
    "A1,u1,01/10/2026,T1,1,5": ("ordered_at", "NOT_A_TIME"),
    "A1,u1,2026-02-30,T1,1,5": ("ordered_at", "NOT_A_TIME"),
    "A1,u1,1970-01-01,T1,1,5": ("ordered_at", "ABSURD_YEAR"),
    "A1,u1,9999-01-01,T1,1,5": ("ordered_at", "ABSURD_YEAR"),
    "A1,u1,2026-11-26,T1,1,5": ("ordered_at", "IN_FUTURE"),
    "A1,u 1,2026-10-01,T1,1,5": ("user_id", "BAD_USER"),
    "A1,,2026-10-01,T1,1,5": ("user_id", "BLANK"),
    "A1,u1,2026-10-01,T9,1,5": ("item_id", "UNKNOWN_ITEM"),
    f"{'A' * 101},u1,2026-10-01,T1,1,5": ("order_id", "TOO_LONG"),
    "A1,u1,2026-10-01,T1,1": ("row", "ROW_BROKEN"),
    'A1,"u"1,2026-10-01,T1,1,5': ("row", "ROW_BROKEN"),
}


@pytest.mark.parametrize(("line", "expected"), BAD_LINES.items())
def test_a_bad_row_is_named_and_nothing_is_kept(take_in, line, expected):
    made = take_in({"items.csv": ITEMS, "orders.csv": f"{ORDERS}G1,u1,2026-10-01,T1,1,5\n{line}\n"})
    assert made.folder is None
    assert made.faults == [("orders", 3, *expected)]


@pytest.mark.parametrize(("currency", "price"), [("JPY", "5.50"), ("USD", "5.505"), ("KWD", "5.5055")])
def test_money_finer_than_its_currency_is_told_with_field_value_currency_and_remedy(take_in, currency, price):
    orders = f"{ORDERS}A1,u1,2026-10-01,T1,1,{price}\n"
    made = take_in({"items.csv": ITEMS, "orders.csv": orders}, currency=currency)
    assert made.findings.lines()[-1] == (
        f"orders, row 2: price ('{price}') has more decimals than its currency, {currency};"
        " round it, or check the currency"
    )


def test_an_amount_is_told_as_people_write_it(take_in):
    made = take_in({"items.csv": ITEMS, "orders.csv": f"{ORDERS}A1,u1,2026-10-01,T1,1,-1200\n"}, currency="KWD")
    assert made.findings.lines()[-1].startswith("orders, row 2: price ('-1200') is below 0")


def test_dinars_have_three_decimals(take_in):
    orders = f"{ORDERS}A1,u1,2026-10-01,T1,3,5.125\n"
    made = take_in({"items.csv": ITEMS, "orders.csv": orders}, currency="KWD")
    assert made.table("orders")["amount"].to_list() == [Decimal("15.375")]


BAD_ITEMS = {
    "T1,Other,500,,,": ("item_id", "REPEATED"),
    "T3,Tea,,,,": ("price", "NO_PRICE"),
    "T3,Tea,5,6,2026-11-01,2026-12-01": ("special_price", "OFFER_NOT_BELOW_PRICE"),
    "T3,Tea,5,4,2026-11-01,": ("special_price", "OFFER_INCOMPLETE"),
}


@pytest.mark.parametrize(("line", "expected"), BAD_ITEMS.items())
def test_a_bad_item_is_named(take_in, line, expected):
    items = f"item_id,name,price,special_price,special_starts_at,special_ends_at\nT1,Tea,100,,,\n{line}\n"
    assert take_in({"items.csv": items, "orders.csv": ORDERS}).faults == [("items", 3, *expected)]


BAD_CATEGORIES = {
    "1,Tea,9": ("parent_id", "UNKNOWN_PARENT"),
    "1,Tea,1": ("parent_id", "CATEGORY_CYCLE"),
    "A >  > B,,": ("category_id", "BAD_PATH"),
}


@pytest.mark.parametrize(("line", "expected"), BAD_CATEGORIES.items())
def test_a_bad_category_is_named(take_in, line, expected):
    categories = f"category_id,name,parent_id\n{line}\n"
    assert take_in({"categories.csv": categories, "orders.csv": ORDERS}).faults == [("categories", 2, *expected)]


BAD_ACTIONS = {
    "a1,u1,WINK,2026-10-01,T1,": ("action_type", "UNKNOWN_ACTION"),
    "a1,u1,ORDER_COMPLETE,2026-10-01,T1,": ("action_type", "UNKNOWN_ACTION"),
    "a1,u1,CART_ADD,2026-10-01,,": ("item_id", "INCOMPLETE_ACTION"),
    "a1,u1,SEARCH_BY_KEYWORD,2026-10-01,,": ("keyword", "INCOMPLETE_ACTION"),
    "a1,u1,CART_ADD,2026-10-01,T9,": ("item_id", "UNKNOWN_ITEM"),
    "a0,u2,CART_ADD,2026-10-01,T1,": ("action_id", "REPEATED"),
}


@pytest.mark.parametrize(("line", "expected"), BAD_ACTIONS.items())
def test_a_bad_action_is_named(take_in, line, expected):
    actions = f"action_id,user_id,action_type,occurred_at,item_id,keyword\na0,u1,CART_ADD,2026-10-01,T1,\n{line}\n"
    made = take_in({"items.csv": ITEMS, "orders.csv": ORDERS, "actions.csv": actions})
    assert made.faults == [("actions", 3, *expected)]


def test_what_an_action_lacks_is_named_without_a_value(take_in):
    actions = "user_id,action_type,occurred_at,item_id\nu1,CART_ADD,2026-10-01,\n"
    made = take_in({"items.csv": ITEMS, "orders.csv": ORDERS, "actions.csv": actions})
    assert made.findings.lines()[-1].startswith("actions, row 2: item_id is missing, and this action type requires it")


def test_their_words_for_actions_are_translated(take_in):
    actions = "user_id,event,occurred_at,item_id\nu1,view,2026-10-01,T1\n"
    mapping = {"columns": {"action_type": "event"}, "types": {"view": "PRODUCT_VIEWED"}}
    made = take_in({"items.csv": ITEMS, "orders.csv": ORDERS, "actions.csv": actions}, actions=mapping)
    assert made.table("actions")["action_type"].to_list() == ["PRODUCT_VIEWED"]


def test_an_order_of_two_buyers_is_bad(take_in):
    orders = ORDERS + "A1,u1,2026-10-01,T1,1,5\nA1,u2,2026-10-01,T1,1,5\n"
    assert take_in({"items.csv": ITEMS, "orders.csv": orders}).faults == [("orders", 3, "user_id", "OTHER_USER")]


def test_skipping_bad_rows_leaves_out_whole_orders(take_in):
    made = take_in({"items.csv": ITEMS, "orders.csv": TWO + "B1,u2,2026-10-02,T1,zwei,480\n"}, skip_bad=True)
    assert made.table("orders")["external_id"].to_list() == ["A1", "A1"]
    assert made.findings.counts["orders_left_out"] == 1


def test_skipping_bad_rows_keeps_orders_of_an_unknown_item_under_an_inactive_product(take_in):
    made = take_in({"items.csv": ITEMS, "orders.csv": ORDERS + "A1,u1,2026-10-01,T9,1,5\n"}, skip_bad=True)
    assert made.table("orders")["sku"].to_list() == ["T9"]
    product = made.table("products").filter(pl.col("sku") == "T9")
    assert product.select("is_active", "stock", "price").rows() == [(False, 0, Decimal("5.00"))]


def test_every_bad_row_stands_in_the_file_of_rows(take_in, tmp_path):
    lines = "".join(f"A{number},u1,2026-10-01,T1,0,5\n" for number in range(20))
    made = take_in({"items.csv": ITEMS, "orders.csv": ORDERS + lines})
    with (tmp_path / "report" / "import-rows.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["row"] for row in rows] == [str(number) for number in range(2, 22)]
    report = json.loads((tmp_path / "report" / "import-report.json").read_text())
    assert report["faults"][0]["values"] == 20
    assert "20 times, first: orders, row 2: quantity ('0') is 0; remove the row" in made.findings.lines()


def test_a_line_below_zero_comes_back_of_the_buyers_latest_earlier_order_of_the_item(take_in):
    orders = TWO + "C9,u1,2026-10-05,T1,-1,500\nC8,u2,2026-10-06,T1,-1,480\nC7,u2,2026-10-07,T2,-1,400\n"
    made = take_in({"items.csv": ITEMS, "orders.csv": orders})
    back = made.table("returns").select("return_id", "external_id", "sku", "quantity", "is_whole")
    assert back.rows() == [("C9", "A1", "T1", 1, False), ("C8", "B1", "T1", 1, True)]
    assert made.findings.counts["unmatched"] == 1
    assert made.findings.is_clean


def test_what_came_back_in_an_earlier_import_cannot_come_back_again(take_in):
    take_in({"items.csv": ITEMS, "orders.csv": TWO + "C8,u2,2026-10-06,T1,-1,480\n"})
    again = take_in(
        {"items.csv": ITEMS, "orders.csv": TWO + "C8,u2,2026-10-06,T1,-1,480\nC9,u2,2026-10-07,T1,-1,480\n"}
    )
    assert again.table("returns").is_empty()
    assert again.findings.counts["unmatched"] == 1


def test_what_comes_back_later_finds_its_order_in_an_earlier_import(take_in):
    take_in({"items.csv": ITEMS, "orders.csv": TWO})
    later = take_in({"items.csv": ITEMS, "orders.csv": ORDERS + "C8,u2,2026-10-06,T1,-1,480\n"})
    assert later.table("returns")["external_id"].to_list() == ["B1"]


def test_what_alone_comes_back_later_is_asked_for_in_the_catalog(take_in):
    take_in({"items.csv": ITEMS, "orders.csv": TWO})
    later = take_in({"orders.csv": ORDERS + "C8,u2,2026-10-06,T1,-1,480\n"})
    assert later.table("returns")["sku"].to_list() == ["T1"]
    assert later.table("products").select("sku", "stock").rows() == [("T1", None)]


def test_an_overlapping_folder_brings_only_what_is_new(take_in):
    take_in({"items.csv": ITEMS, "orders.csv": TWO})
    more = take_in({"items.csv": ITEMS, "orders.csv": TWO + "D1,u3,2026-10-03,T2,1,400\n"})
    assert more.table("orders")["external_id"].to_list() == ["D1"]
    assert more.findings.counts["orders_imported_before"] == 2


def test_an_order_that_came_before_with_other_lines_is_bad(take_in):
    take_in({"items.csv": ITEMS, "orders.csv": TWO})
    changed = take_in(
        {"items.csv": ITEMS, "orders.csv": TWO.replace("B1,u2,2026-10-02T09:00Z,T1,1", "B1,u2,2026-10-02T09:00Z,T1,3")}
    )
    assert changed.faults == [("orders", 4, "order_id", "ORDER_CHANGED")]


def test_users_are_counted_by_orders_and_actions_without_visitors(take_in):
    actions = "user_id,action_type,occurred_at,item_id\n"
    actions += "".join(f"{who},PRODUCT_VIEWED,2026-10-01,T1\n" for who in ("u1", "u3", f"anon:{UUID(int=1)}"))
    made = take_in({"items.csv": ITEMS, "orders.csv": TWO, "actions.csv": actions})
    assert made.findings.counts["users"] == len({"u1", "u2", "u3"})


def test_the_same_actions_again_are_none(take_in):
    actions = "user_id,action_type,occurred_at,item_id\n" + "u1,CART_ADD,2026-10-01 10:00,T1\n" * 2
    files = {"items.csv": ITEMS, "orders.csv": ORDERS, "actions.csv": actions}
    assert len(take_in(files).table("actions")) == 2
    assert take_in(files).table("actions").is_empty()


def test_a_later_import_of_known_items_needs_no_file_of_items(take_in):
    take_in({"items.csv": ITEMS, "orders.csv": ORDERS})
    later = take_in({"orders.csv": ORDERS + "A1,u1,2026-10-01,T1,1,5\n"})
    assert later.table("products").select("sku", "name", "stock").rows() == [("T1", "Green tea", None)]


SPRING, AUTUMN = "2026-03-08 02:30", "2025-11-02 01:30"


def test_hours_that_the_clocks_skip_or_repeat_are_taken_and_said(take_in):
    orders = ORDERS + f"A1,u1,{SPRING},T1,1,5\nA2,u1,{AUTUMN},T1,1,5\n"
    made = take_in({"items.csv": ITEMS, "orders.csv": orders}, timezone="America/New_York")
    times = dict(made.table("orders").select("external_id", "ordered_at").rows())
    assert times == {"A1": datetime(2026, 3, 8, 7, 30), "A2": datetime(2025, 11, 2, 5, 30)}  # noqa: DTZ001
    assert sum("skip" in note or "twice" in note for note in made.findings.notes) == 2


def test_a_date_format_and_a_decimal_comma_are_taken_from_the_mapping(take_in):
    orders = 'order_id,user_id,ordered_at,item_id,quantity,price\nA1,u1,12/1/2010 8:26,T1,1,"1.234,50"\n'
    mapping = {"date_format": "%m/%d/%Y %H:%M", "decimal": ","}
    made = take_in({"items.csv": ITEMS, "orders.csv": orders}, currency="EUR", timezone="UTC", orders=mapping)
    line = made.table("orders").row(0, named=True)
    assert (line["ordered_at"], line["price"]) == (datetime(2010, 12, 1, 8, 26), Decimal("1234.50"))  # noqa: DTZ001


def test_the_last_of_repeated_items_counts_where_the_mapping_says_so(take_in):
    items = "item_id,name,price\nT1,Old,100\nT1,New,120\n"
    made = take_in({"items.csv": items, "orders.csv": ORDERS}, items={"repeated": "last"})
    assert made.table("products")["name"].to_list() == ["New"]


def test_an_offer_that_has_ended_is_left_out(take_in):
    items = "item_id,price,special_price,special_starts_at,special_ends_at\n"
    items += "T1,5,4,2026-10-01,2026-10-08\nT2,5,4,2026-10-01,2026-12-08\n"
    made = take_in({"items.csv": items, "orders.csv": ORDERS})
    assert made.table("products")["special_price"].to_list() == [None, Decimal("4.00")]


VARIANTS = "item_id,name,price,parent_id,attribute:size,attributes.weight,色\n"


def test_a_variant_stands_after_its_parent_with_its_attributes_and_gives_it_a_price(take_in):
    items = VARIANTS + "A1,Shirt M,500,B,M,150,赤\nB,Shirt,,,,,\nA2,Shirt L,400,B,L,,青\n"
    made = take_in({"items.csv": items, "orders.csv": ORDERS}, items={"columns": {"attribute:colour": "色"}})
    products = made.table("products").select("sku", "parent_sku", "price")
    assert products.rows() == [("B", None, Decimal(400)), ("A1", "B", Decimal(500)), ("A2", "B", Decimal(400))]
    attributes = [json.loads(text) for text in made.table("products")["attributes"]]
    assert attributes[1] == {"size": "M", "weight": "150", "colour": "赤"}


def test_attributes_may_be_one_json_object(take_in):
    line = {"item_id": "A", "price": 5, "attributes": {"size": "M", "organic": True}, "keywords": "tee|top"}
    made = take_in({"items.ndjson": json.dumps(line), "orders.csv": ORDERS}).table("products")
    assert json.loads(made["attributes"][0]) == line["attributes"]
    assert made["keywords"][0] == "tee|top"


@pytest.mark.parametrize(
    ("rows", "column", "fault"),
    [
        ("A,5,C,\n", "parent_id", "UNKNOWN_PARENT_ITEM"),
        ("A,5,A,\n", "parent_id", "PARENT_IS_VARIANT"),
        ("C,5,,\nB,5,C,\nA,5,B,\n", "parent_id", "PARENT_IS_VARIANT"),
        ("A,5,,size\n", "attributes", "NO_JSON"),
        ("A,5,,[1]\n", "attributes", "NO_JSON"),
    ],
)
def test_what_cannot_be_a_variant_or_attributes_is_a_bad_row(take_in, rows, column, fault):
    items = "item_id,price,parent_id,attributes\n" + rows
    made = take_in({"items.csv": items, "orders.csv": ORDERS})
    assert [(bad[2], bad[3]) for bad in made.faults] == [(column, fault)]


def test_a_column_that_names_no_attribute_is_named(take_in):
    with pytest.raises(FolderError, match="attribute:色 names no attribute"):
        take_in({"items.csv": "item_id,price,attribute:色\nA,5,赤\n", "orders.csv": ORDERS})
