"""The notebook as an analyst runs it: in a kernel of its own, on an extract of a warehouse with the marts' columns."""

from pathlib import Path

import nbformat
import psycopg
import pytest
import yaml
from nbclient import NotebookClient

from warehouse.extracts import SCHEMAS, extract

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "shop_health.ipynb"
# 12 users order every week for 12 weeks, the last one but once; what is no sale, or came back, counts nowhere
ORDERS = """
insert into core.orders (order_id, user_id, total_amount, kept_amount, currency, ordered_at, line_count, is_sale)
select u * 100 + w, 'u' || u, 12, 10, 'USD', '2026-01-01 12:00Z'::timestamptz + w * interval '7 days', 1, true
from generate_series(1, 12) u, generate_series(0, 11) w where u < 12 or w = 11;
insert into core.orders (order_id, user_id, total_amount, kept_amount, currency, ordered_at, line_count, is_sale)
values (1, 'u1', 1e6, 1e6, 'USD', '2026-03-19 11:00Z', 1, false);
update core.orders set ordered_date = ordered_at::date;
insert into core.products (product_id, name, pseudo_reason) values (7, 'Milk, $1', null), (8, 'Petrol', 'FUEL');
insert into merchandising.product_revenue (product_id, performance_date, currency, revenue)
select product_id, ordered_date, orders.currency, 5 from core.orders, core.products where is_sale
group by product_id, ordered_date, orders.currency;
"""
# one shopper views on two days and orders on one; a bot and a simulation view as well
BROWSING = """
insert into behaviour.actions (event_id, user_id, action_type, occurred_date, is_bot, is_simulated)
select gen_random_uuid(), * from (values
    ('u1', 'PRODUCT_VIEWED', date '2026-03-18', false, false), ('u1', 'PRODUCT_VIEWED', '2026-03-19', false, false),
    ('u1', 'CART_ADD', '2026-03-19', false, false), ('u1', 'ORDER_COMPLETE', '2026-03-19', false, false),
    ('robot', 'PRODUCT_VIEWED', '2026-03-19', true, false), ('u2', 'PRODUCT_VIEWED', '2026-03-19', false, true)) rows;
"""
IN_YEN = """
insert into core.orders (order_id, user_id, kept_amount, currency, ordered_at, ordered_date, line_count, is_sale)
values (2, 'u1', 1000, 'JPY', '2026-03-19 12:00Z', '2026-03-19', 1, true);
"""
# two users order in a first week and again in the third and fourth, one of them also in the second
RETURNING = """
insert into core.orders (order_id, user_id, kept_amount, currency, ordered_at, ordered_date, line_count, is_sale)
select row_number() over (), u, 1, 'USD', at, at::date, 1, true
from (values ('a', 0), ('b', 0), ('a', 7), ('a', 14), ('b', 14), ('a', 21), ('b', 21)) placed (u, days)
cross join lateral (select '2026-01-01 12:00Z'::timestamptz + days * interval '1 day' as at) times;
"""
FIGURES = """
display({"application/json": {
    "funnel": {str(key): counts.tolist() for key, counts in funnel.iterrows()},
    "retention": cohorts[[] if cohorts.empty else ["period", "users", "share"]].values.tolist(),
}}, raw=True)
"""
"""A last cell that tells what the charts draw."""


@pytest.fixture(scope="module")
def run(new_warehouse, tmp_path_factory):
    """Runs the notebook on an extract of marts with the rows that statements insert."""

    def execute(statements=""):
        warehouse = new_warehouse()
        with psycopg.connect(warehouse.dbt) as connection:
            connection.execute(_empty_marts() + statements)
        extracts = tmp_path_factory.mktemp("extracts")
        extract(warehouse.analyst, extracts)
        return _outputs(extracts)

    return execute


@pytest.fixture(scope="module")
def shop(run):
    return run(ORDERS + IN_YEN + BROWSING)


@pytest.fixture(scope="module")
def empty(run):
    return run()


def test_every_section_has_its_chart(shop):
    charts = [cell for cell, outputs in shop.items() if any("image/png" in output for output in outputs)]
    assert charts == ["orders", "basket", "users", "concentration", "funnel", "products", "retention"]


def test_what_is_no_sale_or_came_back_counts_nowhere(shop):
    assert "| orders | 46 | +5% |" in text(shop, "glance")  # 4 weeks of 11 users, that of the twelfth, and one in yen
    assert "| revenue | 450 USD |" in text(shop, "glance")


def test_simulated_browsing_has_a_chart_of_its_own(shop):
    assert sum("image/png" in output for output in shop["funnel"]) == 2


def test_the_funnel_counts_shoppers_days_and_simulations_apart(shop):
    assert figures(shop)["funnel"] == {"False": [2, 1, 1], "True": [1, 0, 0]}


def test_retention_is_the_share_of_users_who_order_again_in_each_period(run):
    assert figures(run(RETURNING))["retention"] == [[1, 2, 0.5], [2, 2, 1]]


def test_money_of_another_currency_is_added_to_nothing_and_said(shop):
    assert "| revenue | 450 USD |" in text(shop, "glance")
    assert "1 orders in other currencies are only counted" in text(shop, "glance")


def test_an_empty_shop_is_told_so_in_words(empty):
    assert "There are no orders yet" in text(empty, "glance")
    assert "No browsing of real shoppers" in text(empty, "funnel")
    assert "Nobody has been followed long enough" in text(empty, "retention")


def test_a_shop_of_one_order_has_charts_already(run):
    shop = run(ORDERS.replace("u < 12 or w = 11", "u = 1 and w = 0"))
    assert "| orders | 1 | - |" in text(shop, "glance")
    assert any("image/png" in output for output in shop["orders"])


def test_the_notebook_is_kept_without_outputs():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert not [cell.id for cell in cells if cell.get("outputs") or cell.get("execution_count")]


def text(outputs, cell):
    """What a cell said in words."""
    return "\n".join(output.get("text/markdown", "") for output in outputs[cell])


def figures(outputs):
    """The numbers that the charts of a run draw."""
    return outputs["figures"][0]["application/json"]


def _empty_marts():
    """The marts with the columns and types of their contracts, but without constraints: a test fills what it needs."""
    statements = []
    for file in sorted((ROOT / "dbt" / "models" / "marts").rglob("*.yml")):
        (model,) = yaml.safe_load(file.read_text())["models"]
        columns = ", ".join(f"{column['name']} {column['data_type']}" for column in model["columns"])
        statements.append(f"create table {file.parent.name}.{model['name']} ({columns});")
    names = ", ".join(SCHEMAS)
    return "".join(
        [
            *(f"create schema {name};" for name in SCHEMAS),
            *statements,
            f"grant usage on schema {names} to tanawari_analyst;",
            f"grant select on all tables in schema {names} to tanawari_analyst;",
        ]
    )


def _outputs(extracts):
    """By cell, what it put out; an error in a cell is raised."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(FIGURES, id="figures"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TANAWARI_EXTRACTS", str(extracts))
        NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    return {
        cell.id: [output["data"] for output in cell.outputs if "data" in output]
        for cell in notebook.cells
        if cell.cell_type == "code"
    }
