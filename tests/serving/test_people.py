from math import inf

import pytest

from serving import people
from serving.people import People, Wishes

VISITOR = "anon:1"
LOGINS = [(10.0, "ann"), (20.0, "ben"), (30.0, "ann")]


@pytest.mark.parametrize("told", [LOGINS, LOGINS[::-1], LOGINS + LOGINS[:2]], ids=["in order", "backwards", "twice"])
def test_two_people_at_one_browser_do_not_inherit_from_each_other(told):
    known = People()
    for at, user in told:
        known.log_in(VISITOR, user, at)

    assert known.stretches("ann") == [(VISITOR, -inf, 10.0), (VISITOR, 20.0, 30.0)]
    assert known.stretches("ben") == [(VISITOR, 10.0, 20.0)]
    assert (known.last_login(VISITOR), known.last_login("anon:2")) == (30.0, -inf)


def test_a_user_has_several_visitors():
    known = People()
    known.log_in("anon:1", "ann", 1.0)
    known.log_in("anon:2", "ann", 2.0)

    assert known.stretches("ann") == [("anon:1", -inf, 1.0), ("anon:2", -inf, 2.0)]


def test_only_so_many_visitors_and_logins_are_kept(monkeypatch):
    monkeypatch.setattr(people, "MAX_VISITORS", 3)
    monkeypatch.setattr(people, "MAX_LOGINS", 2)
    known = People()
    for number in range(5):
        known.log_in(f"anon:{number}", f"user{number}", number)
        known.log_in("anon:9", "ann", number)

    assert known.stretches("ann") == [("anon:9", 3, 4)]
    assert (known.stretches("user0"), known.stretches("user4")) == ([], [("anon:4", -inf, 4)])
    assert len(known._logins) == 3


def test_of_many_visitors_of_a_user_the_one_whose_login_is_longest_ago_is_dropped(monkeypatch):
    monkeypatch.setattr(people, "MAX_LOGINS", 2)
    known = People()
    for visitor, at in (("anon:home", 1.0), ("anon:work", 2.0), ("anon:home", 3.0), ("anon:phone", 4.0)):
        known.log_in(visitor, "ann", at)

    assert {stretch.visitor_id for stretch in known.stretches("ann")} == {"anon:home", "anon:phone"}


def test_without_consent_a_user_has_no_shelves_until_a_newer_profile_says_so():
    known = People()
    known.wish("ann", Wishes(2, consents=False))
    known.wish("ann", Wishes(1, consents=True))
    assert not known.has_own_shelves("ann")

    known.wish("ann", Wishes(3, consents=True, opted_out=frozenset({"SALE"})))
    assert (known.has_own_shelves("ann"), known.opted_out("ann")) == (True, {"SALE"})


def test_a_deleted_user_has_no_shelves_whatever_a_profile_says():
    known = People()
    known.forget(["ann"])
    known.wish("ann", Wishes(1, consents=True))

    assert not known.has_own_shelves("ann")
    assert known.has_own_shelves("ben")
