import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.profile.domain import Holder, Holders, News, merged

WISHES = st.sampled_from(["1@example.com", "2@example.com", "", None])
STEPS = st.lists(st.tuples(st.sampled_from("abcde"), WISHES), min_size=8, max_size=20)
"""What users want: an address, none, or to be deleted (None)."""


def history(steps):
    """What auth told, and what it has in the end: an address has one user at a time, and a deletion is final."""
    emails, gone, told = {}, set(), []
    for version, (user, email) in enumerate(steps, start=1):
        if user in gone or (email and email in emails.values()):
            continue
        if email is None:
            gone.add(user)
            emails.pop(user, None)
            told.append(News(user, is_deletion=True))
        else:
            emails[user] = email
            told.append(News(user, version, email))
    return told, emails, gone


def follow(batches):
    """What profile has after all batches, of which each begins with what the last one left.

    The addresses, the deleted users, and the addresses that it told last.
    """
    users, gone, told = {}, set(), {}
    for batch in batches:
        holders = Holders([Holder(**vars(user)) for user in users.values()], gone)
        for news in batch:
            holders.apply(news)
        users = {name: user for name, user in users.items() if name not in holders.deleted} | holders.changed
        gone = holders.deleted
        told |= {user: events[-1][1].email for user, events in holders.events.items()}
    return {name: user.email or "" for name, user in users.items()}, gone, told


@settings(max_examples=150)
@given(STEPS, st.randoms(), st.sampled_from([1, 3, 20]))
def test_whatever_the_order_of_auths_news_all_users_have_the_addresses_that_auth_has(steps, random, size):
    news, emails, deleted = history(steps)
    news += news[::2]  # delivered again
    random.shuffle(news)
    users, gone, told = follow(news[start : start + size] for start in range(0, len(news), size))
    assert (users, gone) == (emails, deleted)
    assert {user: email for user, email in told.items() if user not in gone} == emails


@pytest.fixture
def holders():
    """Anna has 1@example.com, and Ben, who had 2@example.com, has just been told to have hers."""
    holders = Holders([Holder("anna", "1@example.com"), Holder("ben", "2@example.com")], ())
    holders.apply(News("ben", 1, "1@example.com"))
    return holders


def has(holders, user):
    return holders.changed[user].email, [event.email for _, event in holders.events.get(user, ())]


def test_an_address_that_another_user_still_has_is_given_when_that_user_is_told_to_have_another(holders):
    assert has(holders, "ben") == (None, [])
    holders.apply(News("anna", 1, "3@example.com"))
    assert has(holders, "ben") == ("1@example.com", ["1@example.com"])


def test_who_is_told_of_another_address_meanwhile_does_not_get_the_awaited_one(holders):
    holders.apply(News("ben", 2, ""))
    holders.apply(News("anna", 1, "3@example.com"))
    assert has(holders, "ben") == (None, [""])


def test_an_address_that_a_deleted_user_awaited_is_free(holders):
    holders.apply(News("ben", is_deletion=True))
    holders.apply(News("anna", 1, "3@example.com"))
    holders.apply(News("carl", 1, "1@example.com"))
    assert has(holders, "carl") == ("1@example.com", ["1@example.com"])


NAMES = st.sampled_from("xyz")
VALUES = st.recursive(
    st.integers() | st.text(max_size=2) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=3)


@given(DOCUMENTS, st.dictionaries(NAMES, VALUES | st.none(), max_size=3))
def test_a_merge_patch_is_idempotent_and_leaves_what_it_does_not_name(old, patch):
    new = merged(old, patch)
    assert merged(new, patch) == new
    assert {name: new[name] for name in new.keys() - patch.keys()} == {
        name: old[name] for name in old.keys() - patch.keys()
    }
    assert new.keys() & patch.keys() == {name for name, value in patch.items() if value is not None}


@given(DOCUMENTS)
def test_a_merge_patch_of_nothing_makes_the_document(document):
    assert merged(None, document) == document


def test_a_merge_patch_reaches_into_objects_and_replaces_lists():
    old = {"x": {"a": 1, "b": 2}, "y": [1, 2]}
    assert merged(old, {"x": {"a": None, "c": 3}, "y": [3]}) == {"x": {"b": 2, "c": 3}, "y": [3]}
