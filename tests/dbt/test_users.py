"""Who users are: what visitors did becomes theirs, what they wish is kept, and whoever is deleted is forgotten.

The tests share one shop, for each run of dbt takes seconds; each has users, visitors and products of its own.
"""

import pytest

from tests.dbt.shop import Shop, begun, cart, category, event, order, payment, product, refund, sent_back


def view(user: str, product_id: int, hours: float) -> dict:
    return event("PRODUCT_VIEWED", hours, userId=user, productId=product_id)


def login(user: str, hours: float, visitor: str | None = None) -> dict:
    known = {"visitorId": visitor} if visitor else {}
    return event("USER_AUTHENTICATED", hours, userId=user, email=f"{user}@example.com", **known)


def profile(user: str, version: int, *, consents: bool) -> dict:
    wishes = {"personalisationConsent": consents, "optedOutShelves": ["SALE"], "locale": "ja"}
    return event("USER_PROFILE_UPDATED", -version, userId=user, displayName="secret", profileVersion=version, **wishes)


def registered(user: str, hours: float = -90) -> dict:
    return event("USER_REGISTERED", hours, userId=user, email="secret@example.com")


RUNS = (
    [
        *(view("anon:1", number, hours) for number, hours in enumerate([-72, -48, -1, 1, 24], start=1)),
        *(view("anon:2", 6, -1), login("ben", 2, "anon:1")),
        *(category(90, "GROCERY > TEA"), product(40, 90), view("anon:new", 20, -1)),
        *(order(1, (31, 1), user="wishes"), profile("wishes", 1, consents=True), profile("wishes", 2, consents=False)),
        *(registered("gone"), view("anon:some", 40, -1), login("gone", 0, "anon:some"), view("gone", 40, 1)),
        event("SEARCH_BY_KEYWORD", 1, userId="gone", searchKeyword="secret"),
        *(order(2, (40, 1), user="gone"), order(3, (40, 1), user="stays"), profile("gone", 1, consents=True)),
        *(begun(order(6, (41, 1), user="gone")), order(6, (41, 1), user="gone")),
        event("ORDER_CANCELLED", 1, orderId=6, userId="gone", reason="says gone"),
        *(payment("COMPLETED", 6, "2", user="gone"), refund(6, 6, "2", 1, user="gone")),
        sent_back(2, 2, (40, 1), hours=4, user="gone", what="REQUESTED", reason="says gone"),
        *(cart("ADDED", 41, 1, -1, user="anon:some"), cart("ADDED", 41, 1, user="gone"), cart("ADDED", 41, 1)),
    ],
    [
        login("cat", -60, "anon:1"),
        *(login("new", 0, "anon:new"), view("new", 20, 0.1), order(4, (20, 1), user="new", hours=0.2)),
        profile("wishes", 3, consents=True),
        event("USER_DELETED", 3, userId="gone"),
    ],
    [
        login("ann", 0, "anon:1"),
        *(registered("gone"), order(5, (40, 1), user="gone", hours=4)),  # late
        sent_back(1, 2, (40, 1), hours=5, user="gone", reason="says gone"),
        *(
            event("ORDER_CANCELLED", 0.5, orderId=6, userId="gone", reason="says gone"),
            cart("ADDED", 40, 1, user="gone"),
        ),
    ],
)
QUESTIONS = {
    "owners": "select user_id, visitor_id, product_id from behaviour.actions where product_id < 10 order by product_id",
    "written": "select xmin::text from behaviour.actions where product_id in (1, 5, 6) order by product_id",
    "visits": "select user_id, count(*) from behaviour.sessions where user_id ~ 'ann|ben|cat' group by 1 order by 1",
    "new": "select user_id, login_count, last_seen_at - first_seen_at from core.users where user_id ~ '^(anon:)?new$'",
    "viewed": "select view_count, viewer_count from merchandising.product_performance where product_id = 20",
    "wishes": "select is_learned_from, locale, opted_out_shelves from core.users where user_id = 'wishes'",
    "learned": "select distinct user_id from recommendation.interactions inner join core.users using (user_id) "
    "where is_learned_from and product_id = 40",
    "carts": "select count(*) from behaviour.carts",
    "visitors carts": "select count(*) from raw.cart_v1 where user_id = 'anon:some'",
    "sold": "select view_count, viewer_count, order_count, returned_unit_count from merchandising.product_performance "
    "where product_id = 40",
}
NAMING = """
    select format('select %L from %I.%I as it where it::text ~ %L', table_schema, table_schema, table_name, '{words}')
    from information_schema.tables
    where table_schema !~ '^(pg_|information_schema)' and table_type = 'BASE TABLE'
        and has_table_privilege(format('%I.%I', table_schema, table_name), 'select')
"""


def schemas_with(shop: Shop, words: str) -> set[str]:
    """The schemas in which a table has one of the words."""
    tables = shop.rows(NAMING.format(words=words))
    return {schema for (schema,) in shop.rows(" union all ".join(query for (query,) in tables))}


@pytest.fixture(scope="module")
def told(module_shop: Shop) -> list[dict]:
    """What the marts say after each run, in answer to each question; and where a secret or the deleted user stands."""
    answers = []
    for events in RUNS:
        module_shop.land(*events)
        module_shop.build()
        answer = {name: module_shop.rows(query) for name, query in QUESTIONS.items()}
        answers.append(answer | {word: schemas_with(module_shop, word) for word in ("secret", "gone")})
    return answers


def test_a_login_that_comes_late_takes_what_its_visitor_did_since_the_login_before_and_nothing_else(told):
    ben, visitor = ("ben", "anon:1"), ("anon:1", "anon:1")
    other = ("anon:2", "anon:2", 6)
    assert told[0]["owners"] == [(*ben, 1), (*ben, 2), (*ben, 3), (*ben, 4), (*visitor, 5), other]
    assert told[2]["owners"] == [
        ("cat", "anon:1", 1), ("ann", "anon:1", 2), ("ann", "anon:1", 3), (*ben, 4), (*visitor, 5), other,
    ]  # fmt: skip
    assert told[2]["visits"] == [("ann", 2), ("ben", 1), ("cat", 1)]
    assert told[2]["written"] == told[1]["written"]


def test_a_visitor_who_logged_in_counts_as_one_user_with_the_first_moment_of_the_two(told):
    assert [user for user, *_ in told[0]["new"]] == ["anon:new"]
    [(user, logins, seen)] = told[1]["new"]
    assert (user, logins, seen.total_seconds()) == ("new", 1, 72 * 60)
    assert told[1]["viewed"] == [(2, 1)]


def test_nothing_is_learned_from_users_without_consent_or_who_are_deleted_until_consent_is_given_again(told):
    assert [answer["wishes"] for answer in told] == [[(False, "ja", "SALE")], *[[(True, "ja", "SALE")]] * 2]
    assert [answer["learned"] for answer in told] == [[("gone",), ("stays",)], [("stays",)], [("stays",)]]


def test_addresses_and_names_of_users_stay_in_raw(told):
    assert told[0]["secret"] == {"raw", "behaviour"}  # a search, in a column that is tagged as personal


def test_a_deleted_user_is_named_nowhere_any_more_and_what_comes_late_neither(told):
    assert {"raw", "core", "behaviour", "recommendation"} <= told[0]["gone"]
    assert [answer["gone"] for answer in told[1:]] == [set(), set()]
    assert told[1]["secret"] == {"raw"}  # another user's name


def test_what_a_deleted_user_had_in_the_cart_is_nobodys(told):
    assert [answer["carts"] for answer in told] == [[(2,)], [(1,)], [(1,)]]
    assert [answer["visitors carts"] for answer in told] == [[(1,)], [(0,)], [(0,)]]


def test_what_a_deleted_user_bought_and_looked_at_counts_as_before(told):
    assert [answer["sold"] for answer in told] == [[(2, 1, 2, 0)], [(2, 1, 2, 0)], [(2, 1, 3, 1)]]


@pytest.mark.usefixtures("told")
def test_the_marts_are_those_of_a_full_refresh_though_users_were_erased(module_shop):
    assert module_shop.marts() == module_shop.refreshed_marts()
    assert schemas_with(module_shop, "gone") == set()
