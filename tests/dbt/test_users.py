"""Who users are: what visitors did becomes theirs, and what they wish is kept."""

from tests.dbt.shop import Shop, event, order

OWNERS = (
    "select user_id, visitor_id, product_id from behaviour.actions where product_id is not null order by product_id"
)


def view(user: str, product_id: int, hours: float) -> dict:
    return event("PRODUCT_VIEWED", hours, userId=user, productId=product_id)


def login(user: str, hours: float, **visitor: str) -> dict:
    return event("USER_AUTHENTICATED", hours, userId=user, email=f"{user}@example.com", **visitor)


def test_a_login_that_comes_late_takes_what_its_visitor_did_since_the_login_before_and_nothing_else(shop: Shop):
    shop.land(*(view("anon:1", number, hours) for number, hours in enumerate([-72, -48, -1, 1, 24], start=1)))
    shop.land(view("anon:2", 6, -1), login("ben", 2, visitorId="anon:1"))
    shop.build()
    ben, visitor = ("ben", "anon:1"), ("anon:1", "anon:1")
    assert shop.rows(OWNERS) == [(*ben, 1), (*ben, 2), (*ben, 3), (*ben, 4), (*visitor, 5), ("anon:2", "anon:2", 6)]
    shop.land(login("cat", -60, visitorId="anon:1"))
    shop.build()
    written = "select xmin::text from behaviour.actions where product_id in (1, 5, 6) order by product_id"
    before = shop.rows(written)
    shop.land(login("ann", 0, visitorId="anon:1"))
    shop.build()
    assert shop.rows(written) == before
    assert shop.rows(OWNERS) == [
        ("cat", "anon:1", 1), ("ann", "anon:1", 2), ("ann", "anon:1", 3), (*ben, 4), (*visitor, 5),
        ("anon:2", "anon:2", 6),
    ]  # fmt: skip
    assert shop.rows("select user_id, count(*) from behaviour.sessions group by 1 order by 1") == [
        ("ann", 2), ("anon:1", 1), ("anon:2", 1), ("ben", 1), ("cat", 1),
    ]  # fmt: skip
    assert shop.marts() == shop.refreshed_marts()


def test_a_visitor_who_logged_in_counts_as_one_user_with_the_first_moment_of_the_two(shop: Shop):
    shop.land(view("anon:1", 1, -1))
    shop.build()
    assert shop.rows("select user_id from core.users") == [("anon:1",)]
    shop.land(login("ann", 0, visitorId="anon:1"), view("ann", 1, 0.1), order(1, (1, 1), hours=0.2))
    shop.build()
    seen = "select user_id, login_count, last_seen_at - first_seen_at = interval '72 minutes' from core.users"
    assert shop.rows(seen) == [("ann", 1, True)]
    assert shop.rows("select view_count, viewer_count from merchandising.product_performance") == [(2, 1)]
    assert shop.marts() == shop.refreshed_marts()


def test_nothing_is_learned_from_users_without_consent_or_who_are_deleted_until_consent_is_given_again(shop: Shop):
    def profile(version: int, *, consents: bool) -> dict:
        wishes = {"personalisationConsent": consents, "optedOutShelves": ["SALE"], "locale": "ja"}
        return event("USER_PROFILE_UPDATED", -version, userId="ann", profileVersion=version, **wishes)

    learned = "select user_id, is_learned_from from core.users order by 1"
    shop.land(order(1, (1, 1)), order(2, (1, 1), user="ben"), profile(1, consents=True), profile(2, consents=False))
    shop.build()
    assert shop.rows(learned) == [("ann", False), ("ben", True)]
    assert shop.rows("select locale, opted_out_shelves from core.users where user_id = 'ann'") == [("ja", "SALE")]
    shop.land(profile(3, consents=True), event("USER_DELETED", userId="ben"))
    shop.build()
    assert shop.rows(learned) == [("ann", True), ("ben", False)]
    shop.land(event("USER_REGISTERED", 1, userId="ben", email="ben@example.com"))  # late or replayed
    shop.build()
    assert shop.rows(learned) == [("ann", True), ("ben", False)]
    assert shop.marts() == shop.refreshed_marts()


def test_addresses_and_names_of_users_stay_in_raw(shop: Shop):
    person = {"userId": "ann", "email": "secret@example.com"}
    shop.land(
        event("USER_REGISTERED", **person), event("USER_AUTHENTICATED", **person),
        event("USER_PROFILE_CREATED", **person, displayName="secret"),
        event("USER_PROFILE_UPDATED", userId="ann", displayName="secret"), order(1, (1, 1)),
    )  # fmt: skip
    shop.build()
    tables = shop.rows(
        "select format('select %L from %I.%I as row where row::text ~ %L', table_name, table_schema, table_name, "
        "'secret') from information_schema.tables where table_schema not in ('raw', 'pg_catalog', 'information_schema')"
    )
    assert shop.rows(" union all ".join(query for (query,) in tables)) == []
    assert shop.rows("select user_id from core.users") == [("ann",)]
