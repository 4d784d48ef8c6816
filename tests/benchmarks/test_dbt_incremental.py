from datetime import timedelta

import psycopg

from benchmarks.dbt_incremental import land_day, land_returns, last_whole_day
from tests.dbt.shop import NOON, event, land, order


def test_a_day_comes_again_under_new_ids_and_as_much_later_as_is_wanted(warehouse):
    with psycopg.connect(warehouse.loader) as connection:
        complete = event("ORDER_COMPLETE", -24, userId="ann", orderId=1)
        land(connection, [order(1, (1, 1), hours=-24), complete, order(2, (1, 1))])
    since = last_whole_day(warehouse.loader)

    assert [land_day(warehouse.loader, since, number) for number in (2, 3)] == [2, 2]

    with psycopg.connect(warehouse.loader) as connection:
        orders = connection.execute(
            "select data ->> 'orderId', occurred_at from raw.order_v1 order by occurred_at"
        ).fetchall()
        actions = connection.execute("select data ->> 'orderId' from raw.user_actions_v1 order by 1").fetchall()
    later = [(f"{number}000000000001", NOON + timedelta(days=number - 1)) for number in (2, 3)]
    assert orders == [("1", NOON - timedelta(days=1)), ("2", NOON), *later]
    assert actions == [("1",), *((order_id,) for order_id, _ in later)]


def test_one_order_in_twenty_comes_back_by_one_unit(warehouse):
    with psycopg.connect(warehouse.loader) as connection:
        land(connection, [order(number, (7, 3), (8, 1)) for number in range(1, 201)])

    returned = land_returns(warehouse.loader, NOON)

    with psycopg.connect(warehouse.loader) as connection:
        found = connection.execute("select data from raw.order_v1 where event_type = 'RETURN_COMPLETED'").fetchall()
    assert 0 < returned == len(found) < 40
    assert {(item["productId"], item["quantity"]) for (data,) in found for item in data["items"]} == {(7, 1)}
