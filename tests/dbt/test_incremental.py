"""Whatever order events arrive in, and however they are cut into runs, the marts equal a full refresh.

Most stories share one shop and its runs, for each run of dbt takes seconds.
"""

import itertools
import threading
from collections.abc import Callable

import pytest

from tests.dbt.conftest import Shops
from tests.dbt.shop import SOLD, Shop, category, event, order, product, sent_back, shuffled_history

TIGHT_RULES = ("--vars", "{bot_actions_per_day: 4, outlier_quantity: 6}")
CATALOGUE = (category(1, "GROCERY > TEA"), product(1, 1), product(2, 1))
SELDOM = (
    event("SEARCH_BY_KEYWORD", 1, userId="finder", sessionId="a", searchKeyword="tea", requestID="q1"),
    event("PRODUCT_VIEWED", 1.01, userId="finder", sessionId="a", productId=1, requestID="q1"),
    order(901, (1, 1), hours=1.5, user="finder"),
    event("GENERATION_ACTIVATED", 1, generation="g10", bundle="b", rows=3),
    event("DISPLAY_CHANGED", 1, displayId=90, change="CREATED", displayType="SALE", productId=1),
    event("BANNER_CHANGED", 1, bannerId=90, change="CREATED", placement="TOP"),
    event("CAMPAIGN_CHANGED", 1, campaignId=90, change="CREATED", name="Spring"),
    event("REVIEW_UPDATED", 1, reviewId=90, productId=1, rating=4, submittedAt="2026-01-10T17:00:00Z", reviewVersion=1),
)
"""What gives rows to marts that a random history may leave empty."""


@pytest.mark.repeated
@pytest.mark.timeout(3600)
def test_late_repeated_and_revoked_events_in_any_order_give_what_a_full_refresh_gives(
    shops: Shops, warehouse_template: str, rounds: Callable[..., int]
):
    for seed in range(1, 1 + rounds(4)):
        history = shuffled_history(seed, 700)
        with shops(warehouse_template) as shop:
            shop.land(*SOLD, *SELDOM)
            for start, end in itertools.pairwise([0, 600, 625, 650, 675, 700]):
                shop.land(*history[start:end], *history[start // 2 : start // 2 + 5])
                shop.build(*TIGHT_RULES)
            incremental = shop.marts()
            shop.build("--full-refresh", *TIGHT_RULES)
            assert incremental == shop.marts()
            assert [mart for mart, rows in incremental.items() if not rows] == []


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


def view(user: str, hours: float, session: str = "a") -> dict:
    return event("PRODUCT_VIEWED", hours, userId=user, sessionId=session, productId=999)


FIRST_VIEW = view("returns", 0)
RUNS = (
    [
        *(category(1, "GROCERY > TEA"), category(3, "COUPON > CLIP")),
        *(product(number, 1) for number in (1, 2, 11, 12, 21, 22, 31, 41, 61, 71, 81, 82, 83)),
        *(*visit("ann", 0), *visit("ben", LAST_MONTH - 1), order(1, (1, 2))),
        *(order(11, (11, 2), user="cancels"), order(12, (12, 1), user="cancels")),
        order(21, (21, 2), (22, 1), user="moves"),
        order(31, (31, 2), user="giver"),
        *(order(41, (41, 2), user="empties"), order(42, user="empties")),
        *(view("daily", 24 * day) for day in range(3)),
        *(FIRST_VIEW, view("returns", 0.4)),
        order(61, (61, 2), (63, 1), user="early"),
        *(
            event("SEARCH_BY_KEYWORD", userId="finder", searchKeyword="mug", requestID="m"),
            product(91, 1),
            product(92, 1),
        ),
        event("PRODUCT_VIEWED", 0.1, userId="finder", productId=91, requestID="m"),
        order(91, (92, 3), hours=0.5, user="finder"),
        *(order(81, (81, 2), (82, 1), user="sender"), sent_back(83, 83, (83, 1), hours=24, user="sender")),
    ],
    [
        *visit("ann", IN_AN_HOUR),
        *(order(2, (2, 1), hours=IN_AN_HOUR), product(2, 1, name="Milk", hours=IN_AN_HOUR)),
        event("ORDER_CANCELLED", 1, orderId=11, userId="cancels"),
        *(category(2, "COUPON > PAPER"), product(21, 2, hours=1)),
        order(31, (31, 2), user="taker", hours=1),
        order(41, user="empties", hours=1),
        *(view("daily", 48.1), event("CART_ADD", 72, userId="daily", productId=999)),
        *(view("returns", -2), view("returns", 0.1, "b")),
        event("CART_ADD", 0.2, userId="returns", sessionId="a", productId=999),
        product(63, 1, name="Milk"),
        product(92, 1, hours=1, parentId=91),
        *(product(73, 3), order(71, (71, 2), (73, 1), user="verdict")),
        sent_back(81, 81, (81, 1), hours=24, user="sender"),
    ],
    [
        *visit("ann", AN_HOUR_AGO),
        *(order(2, (2, 3), hours=AN_HOUR_AGO), product(2, 1, name="Tea", hours=AN_HOUR_AGO)),
    ],
    [
        *visit("ben", LAST_MONTH),
        order(3, (1, 5), user="ben", hours=LAST_MONTH),
        event("ORDER_CANCELLED", LAST_MONTH + 1, orderId=1, userId="ann"),
        product(1, 1, name="Old", hours=LAST_MONTH),
        *(sent_back(82, 81, (81, 1), hours=48, user="sender"), order(83, (83, 1), user="sender")),
    ],
)
"""What lands before each run; each story has users, orders and products of its own."""
SESSIONS = "from behaviour.sessions where user_id"
QUESTIONS = {
    "names": "select product_id, name from core.products where product_id in (1, 2) order by 1",
    "quantity": "select quantity from core.order_items where order_id = 2",
    "bens visits": f"select count(*) {SESSIONS} = 'ben'",
    "learned": "select order_id, product_id from recommendation.interactions where order_id > 10 order by 1, 2",
    "against": "select order_id, product_id from recommendation.negative_interactions order by 1, 2",
    "by day": "select performance_date::text, revenue::int, net_revenue::int from merchandising.product_revenue "
    "where product_id = 81 order by 1",
    "status": "select status from core.orders where order_id in (11, 12) order by order_id",
    "owners": "select user_id, order_count from core.users where user_id in ('giver', 'taker')",
    "lines": "select order_id, line_count from core.orders where order_id in (41, 42) order by 1",
    "lines left": "select (select count(*) from core.order_items where order_id = 41), "
    "(select count(*) from merchandising.product_performance where product_id = 41)",
    "days": f"select action_count {SESSIONS} = 'daily' order by session_date",
    "days written": f"select session_key, xmin::text {SESSIONS} = 'daily' order by session_date limit 2",
    "visits": f"select session_key::text, action_count {SESSIONS} = 'returns' order by started_at",
    "actions": f"select count(*) from behaviour.actions where session_key = '{FIRST_VIEW['eventId']}'",
    "unknown": "select name, is_known, is_active from core.products where product_id = 63",
    "revenue": "select product_id from merchandising.product_revenue where product_id in (61, 63) order by 1",
    "found": "select clicked_product_count, unit_count from behaviour.searches where user_id = 'finder'",
    "verdict written": "select xmin::text from recommendation.interactions where order_id = 71",
}


@pytest.fixture(scope="module")
def told(module_shop: Shop) -> list[dict[str, list[tuple]]]:
    """What the marts say after each run, in answer to each question."""
    answers = []
    for events in RUNS:
        module_shop.land(*events)
        module_shop.build()
        answers.append({name: module_shop.rows(query) for name, query in QUESTIONS.items()})
    return answers


def learned(answers: dict[str, list[tuple]], order_id: int) -> list[int]:
    return [product_id for order, product_id in answers["learned"] if order == order_id]


def test_wrong_clocks_and_events_of_last_month_that_come_late_change_what_they_should(told):
    assert told[3]["names"] == [(1, "Tea"), (2, "Milk")]
    assert told[3]["quantity"] == [(1,)]
    assert told[3]["bens visits"] == [(2,)]


def test_a_cancellation_that_comes_later_takes_the_order_out_of_what_recommenders_learn_from(told):
    assert (learned(told[0], 11), learned(told[0], 12)) == ([11], [12])
    assert (learned(told[1], 11), learned(told[1], 12)) == ([], [12])
    assert told[1]["status"] == [("CANCELLED",), ("CONFIRMED",)]


def test_what_comes_back_bit_by_bit_or_before_its_order_is_learned_from_while_some_is_kept(told):
    assert [learned(each, 81) for each in told] == [[81, 82], [81, 82], [81, 82], [82]]
    assert [learned(each, 83) for each in told] == [[], [], [], []]
    assert [each["against"] for each in told] == [[], [], [], [(81, 81), (83, 83)]]


def test_revenue_is_by_the_day_of_the_order_and_by_that_of_the_return(told):
    ordered, back, back_again = "2026-01-10", "2026-01-11", "2026-01-12"
    assert told[0]["by day"] == [(ordered, 4, 4)]
    assert told[1]["by day"] == [(ordered, 2, 4), (back, 0, -2)]
    assert told[3]["by day"] == [(ordered, 0, 4), (back, 0, -2), (back_again, 0, -2)]


def test_a_product_that_moves_to_a_pseudo_category_takes_its_past_purchases_along(told):
    assert [learned(each, 21) for each in told[:2]] == [[21, 22], [22]]


def test_an_order_that_changes_hands_leaves_nothing_with_its_former_user(told):
    assert [each["owners"] for each in told[:2]] == [[("giver", 1)], [("taker", 1)]]


def test_an_order_that_a_later_version_empties_stays_without_lines(told):
    assert told[0]["lines left"] == [(1, 1)]
    assert told[1]["lines"] == [(41, 0), (42, 0)]
    assert told[1]["lines left"] == [(0, 0)]
    assert learned(told[1], 41) == []


def test_an_action_writes_no_visit_anew_but_those_of_its_day(told):
    assert told[1]["days"] == [(1,), (1,), (2,), (1,)]
    assert told[1]["days written"] == told[0]["days written"]


def test_a_visit_keeps_its_key_when_another_comes_to_light_before_it_and_within(told):
    assert [count for _, count in told[1]["visits"]] == [1, 3, 1]
    assert told[1]["visits"][1][0] == told[0]["visits"][0][0] == FIRST_VIEW["eventId"]
    assert told[1]["actions"] == [(3,)]


def test_a_product_is_unknown_until_the_catalog_tells_of_it(told):
    assert [each["unknown"] for each in told[:2]] == [[("Unknown product", False, False)], [("Milk", True, True)]]
    assert [learned(each, 61) for each in told[:2]] == [[61], [61, 63]]
    assert told[0]["revenue"] == [(61,), (63,)]


def test_a_product_that_becomes_a_variant_was_bought_after_the_search_that_showed_another(told):
    assert [each["found"] for each in told[:2]] == [[(1, 0)], [(1, 3)]]


def test_purchases_are_written_anew_once_for_a_verdict_on_a_product(told):
    assert len(told[1]["verdict written"]) == 1
    assert told[2]["verdict written"] == told[1]["verdict written"]


@pytest.mark.usefixtures("told")
def test_all_of_it_gives_what_a_full_refresh_gives(module_shop: Shop):
    assert module_shop.marts() == module_shop.refreshed_marts()


def test_a_shop_without_proper_categories_recommends_all_that_it_sells(shop: Shop):
    shop.land(category(1, "TEA"), product(1, 1), product(2), order(1, (1, 2), (2, 1)))
    shop.build("--vars", "{pseudo_products: none}")
    assert shop.rows("select product_id from recommendation.interactions order by 1") == [(1,), (2,)]
    assert shop.rows("select count(*) from recommendation.item_features where is_recommendable") == [(2,)]


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
