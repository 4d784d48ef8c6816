import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ml.bundle.bundle import Champion
from ml.bundle.content import ACTIVITY
from ml.shelves.composing import Rules
from ml.shelves.session import LiveState
from serving.live import Live
from serving.products import Products
from serving.state import Models
from tests.ml.tiny_bundle import BUYER, CUT_AGE, JAM, TEA, VISITOR, items
from tests.serving.conftest import put_bundle, record


@pytest.fixture
def bundles(tmp_path):
    return tmp_path


@pytest.fixture
def models(bundles):
    return Models(bundles, Rules.load())


async def test_without_a_champion_there_is_no_model(models):
    await models.refresh()

    assert models.current is None
    assert models.refusal is None


async def test_the_champion_is_taken_into_use(models, bundles):
    put_bundle(bundles, "b1")

    await models.refresh()

    assert models.current.version == "b1"
    assert models.is_champion_served


async def test_a_new_champion_replaces_the_old(models, bundles):
    put_bundle(bundles, "b1")
    await models.refresh()
    put_bundle(bundles, "b2", previous="b1")

    await models.refresh()

    assert models.current.version == "b2"


async def test_a_rollback_is_a_swap_as_well(models, bundles):
    put_bundle(bundles, "b1")
    put_bundle(bundles, "b2", previous="b1")
    await models.refresh()
    Champion(bundle="b1", previous="b2").put(bundles)

    await models.refresh()

    assert models.current.version == "b1"


async def test_a_new_generation_of_the_same_bundle_loads_nothing(models, bundles):
    put_bundle(bundles, "b1")
    await models.refresh()
    before = models.current
    Champion(bundle="b1", generation="g2").put(bundles)

    await models.refresh()

    assert models.current is before
    assert models.champion.generation == "g2"


async def test_the_generation_is_that_of_the_bundle_in_use_while_another_is_loaded(models, bundles):
    put_bundle(bundles, "b1")
    await models.refresh()
    told = []
    models.prepare = lambda _: told.append(models.generation) or (lambda: None)
    put_bundle(bundles, "b2", previous="b1")

    await models.refresh()

    assert (told, models.generation) == (["g-b1"], "g-b2")


async def test_the_generation_of_a_refused_bundle_is_not_told(models, bundles):
    put_bundle(bundles, "b1")
    await models.refresh()
    Champion(bundle="none", previous="b1", generation="g-none").put(bundles)

    await models.refresh()

    assert (models.current.version, models.generation) == ("b1", "g-b1")


async def test_a_bundle_that_stands_in_for_a_refused_one_has_no_generation(models, bundles):
    put_bundle(bundles, "b1", promote=False)
    Champion(bundle="none", previous="b1", generation="g-none").put(bundles)

    await models.refresh()

    assert (models.current.version, models.generation) == ("b1", None)


def _break_hash(directory):
    np.save(directory / "popularity.npy", np.zeros(8, dtype=np.float32))


def _break_version(directory):
    manifest = json.loads((directory / "manifest.json").read_text())
    (directory / "manifest.json").write_text(json.dumps(manifest | {"formatVersion": 99}))


def _remove(directory):
    (directory / "manifest.json").unlink()


BREAKS = {"BROKEN_HASH": _break_hash, "UNKNOWN_VERSION": _break_version, "MISSING_FILE": _remove}


@pytest.mark.parametrize("reason", BREAKS)
async def test_an_invalid_bundle_is_refused_with_its_reason_and_the_old_one_stays(models, bundles, reason):
    put_bundle(bundles, "b1")
    await models.refresh()
    put_bundle(bundles, "b2", promote=False)
    BREAKS[reason](bundles / "b2")
    Champion(bundle="b2", previous="b1").put(bundles)

    await models.refresh()

    assert models.current.version == "b1"
    assert (models.refusal.bundle, models.refusal.reason) == ("b2", reason)
    assert not models.is_champion_served


async def test_at_the_start_the_bundle_before_stands_in_for_an_invalid_champion(models, bundles):
    put_bundle(bundles, "b1")
    Champion(bundle="b2", previous="b1").put(bundles)

    await models.refresh()

    assert models.current.version == "b1"
    assert models.refusal.bundle == "b2"


async def test_a_good_champion_after_an_invalid_one_clears_the_refusal(models, bundles):
    Champion(bundle="b0").put(bundles)
    await models.refresh()
    put_bundle(bundles, "b1")

    await models.refresh()

    assert models.refusal is None
    assert models.is_champion_served


async def test_a_champion_file_that_is_none_is_refused(models, bundles):
    (bundles / "champion.json").write_text("{}")

    await models.refresh()

    assert models.refusal.reason == "BAD_MANIFEST"


async def test_what_changed_live_is_carried_over_to_the_new_bundle(models, bundles):
    live = Live(models, Products())
    put_bundle(bundles, "b1")
    await models.refresh()
    live.apply([record("catalog.v1", "SPECIAL_PRICE_ENDED", productId=JAM)])
    live.apply([record("user-actions.v1", "PRODUCT_VIEWED", userId="7", productId=TEA)])
    put_bundle(bundles, "b2", previous="b1")

    await models.refresh()

    assert models.current.catalogue.get(JAM).special_price is None
    assert TEA in live.state("7").viewed


async def test_after_a_swap_a_worker_knows_what_one_that_starts_then_knows(models, bundles):
    live = Live(models, Products())
    put_bundle(bundles, "b1")
    await models.refresh()
    live.apply([record("user-actions.v1", "PRODUCT_VIEWED", userId="7", productId=TEA)])
    put_bundle(bundles, "b2", now=datetime.now(UTC) + timedelta(days=1))  # its cut is past that view

    await models.refresh()

    fresh = Models(bundles, Rules.load())
    await fresh.refresh()
    assert live.state("7") == Live(fresh, Products()).state("7")


async def test_a_new_bundle_keeps_what_it_says_of_a_product_that_changed_live(models, bundles):
    live = Live(models, Products())
    put_bundle(bundles, "b1")
    await models.refresh()
    live.apply([record("catalog.v1", "STOCK_CHANGED", productId=TEA, stock=1)])
    put_bundle(bundles, "b2", items=items().with_columns(product_type=pl.lit("LEAVES")))

    await models.refresh()

    tea = models.current.catalogue.get(TEA)
    assert (tea.stock, tea.product_type) == (1, "LEAVES")


async def test_a_swap_forgets_no_deletion_of_a_user(models, bundles):
    live = Live(models, Products())
    put_bundle(bundles, "b1")
    await models.refresh()
    live.apply([record("user-actions.v1", "USER_DELETE", userId=BUYER)])
    put_bundle(bundles, "b2")

    await models.refresh()

    assert live.people.is_forgotten(BUYER)
    assert live.state(BUYER) == LiveState()


async def test_a_bundle_from_before_the_login_does_not_leave_the_user_without_what_the_visitor_did(models, bundles):
    live, before = Live(models, Products()), datetime.now(UTC) - timedelta(hours=3)
    views = [(VISITOR, TEA, "VIEW", before, None, None)]
    put_bundle(bundles, "b1", activity=pl.DataFrame(views, schema=ACTIVITY, orient="row"))
    await models.refresh()
    assert set(live.state(VISITOR).viewed) == {TEA}

    live.apply([record("auth.v1", "USER_AUTHENTICATED", userId="ann", visitorId=VISITOR)])

    assert (set(live.state("ann").viewed), live.state(VISITOR).viewed) == ({TEA}, {})


async def test_a_login_that_is_told_late_counts_though_the_bundle_is_newer(models, bundles):
    live, now = Live(models, Products()), datetime.now(UTC)
    views = [(VISITOR, TEA, "VIEW", now - CUT_AGE - timedelta(hours=3), None, None)]
    put_bundle(bundles, "b1", activity=pl.DataFrame(views, schema=ACTIVITY, orient="row"))
    await models.refresh()

    login = {"userId": "ann", "visitorId": VISITOR}
    live.apply([record("auth.v1", "USER_AUTHENTICATED", at=now - CUT_AGE - timedelta(hours=2), **login)])

    assert (set(live.state("ann").viewed), live.state(VISITOR).viewed) == ({TEA}, {})


async def test_what_a_deleted_user_did_as_a_visitor_becomes_nobody_elses(models, bundles):
    live = Live(models, Products())
    put_bundle(bundles, "b1")
    await models.refresh()
    live.forget(["ben"])  # as at a start, when deletions are read first

    viewed = record("user-actions.v1", "PRODUCT_VIEWED", userId=VISITOR, productId=TEA)
    logins = [record("auth.v1", "USER_AUTHENTICATED", userId=user, visitorId=VISITOR) for user in ("ben", "ann")]
    live.apply([viewed, *logins])

    assert [live.state(user).viewed for user in (VISITOR, "ann", "ben")] == [{}, {}, {}]


async def test_the_states_of_only_so_many_users_are_kept(models, bundles, monkeypatch):
    monkeypatch.setattr("serving.live.MAX_SHOPPERS", 2)
    live = Live(models, Products())
    put_bundle(bundles, "b1")
    await models.refresh()

    for user in ("ann", "ben", "cat"):
        live.apply([record("auth.v1", "USER_AUTHENTICATED", userId=user, visitorId=f"anon:{user}")])
        live.state(user)

    assert set(live._states) == {"ben", "cat"}
    live.forget(["cat"])
    assert set(live._states) == {"ben"}
