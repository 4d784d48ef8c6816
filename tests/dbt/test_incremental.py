"""Whatever order events arrive in, and however they are cut into runs, the marts equal a full refresh."""

import itertools
import threading
from collections.abc import Callable

import pytest

from tests.dbt.conftest import Shops
from tests.dbt.shop import Shop, category, event, order, product, shuffled_history

TIGHT_RULES = ("--vars", "{bot_actions_per_day: 4, outlier_quantity: 6}")
CATALOGUE = (category(1, "GROCERY > TEA"), product(1, 1), product(2, 1))


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_late_repeated_and_revoked_events_in_any_order_give_what_a_full_refresh_gives(
    shops: Shops, warehouse_template: str, rounds: Callable[..., int]
):
    for seed in range(1, 1 + rounds(4)):
        history = shuffled_history(seed, 700)
        with shops(warehouse_template) as shop:
            for start, end in itertools.pairwise([0, 600, 625, 650, 675, 700]):
                shop.land(*history[start:end], *history[start // 2 : start // 2 + 5])
                shop.build(*TIGHT_RULES)
            incremental = shop.marts()
            shop.build("--full-refresh", *TIGHT_RULES)
            assert incremental == shop.marts()
            assert all(incremental.values())


LAST_MONTH, IN_AN_HOUR, AN_HOUR_AGO = -31 * 24.0, 1.0, -1.0


def visit(user: str, shift: float) -> list[dict]:
    """What a user does within a minute, as a producer whose clock is wrong by some hours tells it."""
    shelf = {"displayType": "SALE", "productId": 1, "rank": 1}
    return [
        event("RECOMMENDATION_SHOWN", shift, recommendationId=f"{user}{shift}", userId=user, items=[shelf]),
        event("PRODUCT_VIEWED", shift, userId=user, sessionId="a", productId=1),
        event("RECOMMENDATION_CLICKED", shift + 0.005, recommendationId=f"{user}{shift}", userId=user, **shelf),
        event("CART_ADD", shift + 0.01, userId=user, sessionId="a", productId=1),
    ]


def test_wrong_clocks_and_events_of_last_month_that_come_late_give_what_a_full_refresh_gives(shop: Shop):
    shop.land(*CATALOGUE, *visit("ann", 0), *visit("ben", LAST_MONTH - 1), order(1, (1, 2)))
    shop.build()
    fast, slow = IN_AN_HOUR, AN_HOUR_AGO
    shop.land(*visit("ann", fast), order(2, (2, 1), hours=fast), product(2, 1, name="Milk", hours=fast))
    shop.build()
    shop.land(*visit("ann", slow), order(2, (2, 3), hours=slow), product(2, 1, name="Tea", hours=slow))
    shop.build()
    shop.land(
        *visit("ben", LAST_MONTH),
        order(3, (1, 5), user="ben", hours=LAST_MONTH),
        event("ORDER_CANCELLED", LAST_MONTH + 1, orderId=1, userId="ann"),
        product(1, 1, name="Old", hours=LAST_MONTH),
    )
    shop.build()
    assert shop.rows("select product_id, name from core.products order by 1") == [(1, "Tea"), (2, "Milk")]
    assert shop.rows("select count(*) from core.order_items where order_id = 2 and quantity = 1") == [(1,)]
    assert shop.rows("select count(*) from behaviour.sessions where user_id = 'ben'") == [(2,)]
    assert shop.marts() == shop.refreshed_marts()


def test_a_cancellation_that_comes_later_takes_the_order_out_of_what_recommenders_learn_from(shop: Shop):
    shop.land(*CATALOGUE, order(1, (1, 2)), order(2, (2, 1)))
    shop.build()
    shop.land(event("ORDER_CANCELLED", 1, orderId=1, userId="ann"))
    shop.build()
    assert shop.rows("select order_id from recommendation.interactions") == [(2,)]
    assert shop.rows("select status from core.orders order by order_id") == [("CANCELLED",), ("CONFIRMED",)]


def test_a_product_that_moves_to_a_pseudo_category_takes_its_past_purchases_along(shop: Shop):
    shop.land(*CATALOGUE, order(1, (1, 2), (2, 1)))
    shop.build()
    shop.land(category(2, "COUPON > PAPER"), product(1, 2, hours=1))
    shop.build()
    assert shop.rows("select product_id from recommendation.interactions") == [(2,)]


def test_a_shop_without_proper_categories_recommends_all_that_it_sells(shop: Shop):
    shop.land(category(1, "TEA"), product(1, 1), product(2), order(1, (1, 2), (2, 1)))
    shop.build("--vars", "{pseudo_products: none}")
    assert shop.rows("select product_id from recommendation.interactions order by 1") == [(1,), (2,)]
    assert shop.rows("select count(*) from recommendation.item_features where is_recommendable") == [(2,)]


def test_an_order_that_changes_hands_leaves_nothing_with_its_former_user(shop: Shop):
    shop.land(*CATALOGUE, order(1, (1, 2), user="ann"))
    shop.build()
    shop.land(order(1, (1, 2), user="ben", hours=1))
    shop.build()
    assert shop.rows("select user_id, order_count from core.users") == [("ben", 1)]


def test_an_order_that_a_later_version_empties_stays_without_lines(shop: Shop):
    shop.land(*CATALOGUE, order(1, (1, 2)), order(2))
    shop.build()
    shop.land(order(1, hours=1))
    shop.build()
    assert shop.rows("select order_id, line_count from core.orders order by 1") == [(1, 0), (2, 0)]
    for lines in ("core.order_items", "recommendation.interactions", "merchandising.product_performance"):
        assert shop.rows(f"select count(*) from {lines}") == [(0,)]


def test_an_action_writes_no_visit_anew_but_those_of_its_day(shop: Shop):
    shop.land(*(event("PRODUCT_VIEWED", 24 * day, userId="ann", productId=1) for day in range(3)))
    shop.build()
    written = "select session_key, xmin::text from behaviour.sessions order by session_date limit 2"
    before = shop.rows(written)
    shop.land(
        event("PRODUCT_VIEWED", 48.1, userId="ann", productId=1), event("CART_ADD", 72, userId="ann", productId=1)
    )
    shop.build()
    assert shop.rows("select action_count from behaviour.sessions order by session_date") == [(1,), (1,), (2,), (1,)]
    assert shop.rows(written) == before


def test_a_visit_keeps_its_key_when_another_comes_to_light_before_it_and_within(shop: Shop):
    first, last = (event("PRODUCT_VIEWED", hours, userId="ann", sessionId="a", productId=1) for hours in (0, 0.4))
    shop.land(first, last)
    shop.build()
    shop.land(
        event("PRODUCT_VIEWED", -2, userId="ann", sessionId="a", productId=1),
        event("PRODUCT_VIEWED", 0.1, userId="ann", sessionId="b", productId=1),
        event("CART_ADD", 0.2, userId="ann", sessionId="a", productId=1),
    )
    shop.build()
    keys = "select session_key::text, action_count from behaviour.sessions order by started_at"
    assert [count for _, count in shop.rows(keys)] == [1, 3, 1]
    assert shop.rows(keys)[1][0] == first["eventId"]
    actions = "select count(*) from behaviour.actions where session_key::text = %r"
    assert shop.rows(actions % first["eventId"]) == [(3,)]
    assert shop.marts() == shop.refreshed_marts()


def test_a_product_is_unknown_until_the_catalog_tells_of_it(shop: Shop):
    shop.land(*CATALOGUE, order(1, (1, 2), (3, 1)))
    shop.build()
    assert shop.rows("select name, is_known, is_active from core.products where product_id = 3") == [
        ("Unknown product", False, False)
    ]
    assert shop.rows("select product_id from recommendation.interactions") == [(1,)]
    assert shop.rows("select product_id from merchandising.product_revenue order by 1") == [(1,), (3,)]
    assert shop.marts() == shop.refreshed_marts()
    shop.land(product(3, 1, name="Milk"))
    shop.build()
    assert shop.rows("select name, is_known from core.products where product_id = 3") == [("Milk", True)]
    assert shop.rows("select product_id from recommendation.interactions order by 1") == [(1,), (3,)]
    assert shop.marts() == shop.refreshed_marts()


def test_purchases_are_written_anew_once_for_a_verdict_on_a_product(shop: Shop):
    shop.land(*CATALOGUE, category(2, "COUPON > PAPER"))
    shop.build()
    shop.land(product(3, 2), order(1, (1, 2), (3, 1)))
    shop.build()
    written = "select xmin::text from recommendation.interactions"
    before = shop.rows(written)
    shop.build()
    assert len(before) == 1
    assert shop.rows(written) == before


def test_a_landing_transaction_that_began_earlier_and_commits_later_is_not_passed_by(shop: Shop):
    shop.land(*CATALOGUE)
    with shop.landing(partition=1) as earlier:
        earlier(order(1, (1, 1)))
        shop.land(order(2, (2, 1)))
        shop.build()  # reads while the earlier one is still open, the later one committed
        assert shop.rows("select order_id from core.orders") == [(2,)]
    shop.build()
    assert shop.rows("select order_id from core.orders order by 1") == [(1,), (2,)]
    assert shop.marts() == shop.refreshed_marts()


def test_two_landing_processes_committing_out_of_order_while_dbt_runs_lose_nothing(shop: Shop):
    shop.land(*CATALOGUE)
    done = threading.Event()

    def land_out_of_order() -> None:
        numbers = iter(range(1, 10_000))
        while not done.is_set():
            with shop.landing(partition=1) as earlier:
                earlier(order(next(numbers), (1, 1)), event("PRODUCT_VIEWED", userId="ann", productId=1))
                for _ in range(20):  # so that at nearly every moment an earlier one is open
                    shop.land(order(next(numbers), (2, 1)), event("CART_ADD", userId="ben", productId=2))

    lander = threading.Thread(target=land_out_of_order)
    lander.start()
    try:
        shop.build()
        shop.build()
    finally:
        done.set()
        lander.join()
    shop.build()
    landed = shop.rows("select count(distinct data ->> 'orderId') from raw.order_v1")
    assert shop.rows("select count(*) from core.orders") == landed
    assert shop.marts() == shop.refreshed_marts()
