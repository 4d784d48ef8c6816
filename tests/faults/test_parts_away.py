"""Each part of a running shop is killed and comes back: the API answers, no action is lost, all recovers by itself."""

import asyncio

import pytest

from stack.drain import services_under_way
from stack.environment import Environment
from tests.faults.supervised_shop import GENERATION, SHOPPER, SupervisedShop
from tests.waiting import wait_until

pytestmark = pytest.mark.faults
USERS = [SHOPPER, *map(str, range(1, 30))]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with SupervisedShop(tmp_path_factory.mktemp("parts-away") / "state") as shop:
        yield shop


@pytest.fixture
def actions(shop):
    """What thirty users looked at: enough of them to reach every partition."""
    return [action for user in USERS for action in shop.view(1, 2, 3, user=user)]


def shelves(answer):
    """What stands on the shelves of a page that was answered: product ids by display type."""
    assert answer.status_code == 200, answer.text
    return {each["displayType"]: [item["productId"] for item in each["items"]] for each in answer.json()["shelves"]}


def is_refused_for_now(answer):
    """Whether an answer says, as a problem, that something is away and when to try again."""
    kind = answer.headers["content-type"]
    return (answer.status_code, kind) == (503, "application/problem+json") and int(answer.headers["retry-after"]) > 0


def wait_until_recovered(shop, actions):
    """Until all of these actions have landed, pages are whole, and they follow a view and the catalog again."""
    wait_until(shop.is_complete)
    shop.wait_until_landed(actions)
    page = wait_until(shop.top_page, lambda answer: not answer.json()["degraded"])
    viewed, *_, sold_out = shelves(page)["RECOMMENDED"]
    assert shop.send(shop.view(viewed)).status_code == 202
    shop.sell_out(sold_out)
    wait_until(lambda: shelves(shop.top_page())["CONTINUE_SHOPPING"], lambda products: viewed in products)
    wait_until(lambda: shelves(shop.top_page())["RECOMMENDED"], lambda products: sold_out not in products)


def test_without_valkey_pages_are_whole_and_actions_are_taken(shop, actions):
    with shop.without("valkey"):
        page = shop.top_page()
        assert shelves(page)["RECOMMENDED"]
        assert not page.json()["degraded"]
        assert shop.recommendations().json()["items"]
        assert shop.catalog().status_code == 200
        assert shop.send(actions).json()["accepted"] == len(actions)
    wait_until_recovered(shop, actions)


def test_without_postgres_pages_are_degraded_and_actions_are_taken_and_land_when_it_is_back(shop, actions):
    with shop.without("postgres"):
        page = shop.top_page()
        assert shelves(page)["RECOMMENDED"]
        assert (page.json()["degraded"], page.json()["warnings"]) == (True, ["CONTENT_AWAY"])
        assert shop.recommendations().json()["items"]
        assert is_refused_for_now(shop.catalog())
        assert shop.send(actions).json()["accepted"] == len(actions)
    shop.wait_until_landed(actions)
    wait_until(shop.catalog, lambda answer: answer.status_code == 200)
    wait_until_recovered(shop, actions)


def test_without_the_broker_pages_are_degraded_and_actions_are_refused_until_it_is_back(shop, actions):
    sold_out = shelves(shop.top_page())["RECOMMENDED"][-1]
    with shop.without("broker"):
        assert is_refused_for_now(shop.send(actions))
        page = wait_until(shop.top_page, lambda answer: "LIVE_PAUSED" in answer.json()["warnings"])
        assert page.json()["degraded"]
        assert shop.recommendations().json()["items"]
        shop.sell_out(sold_out)
        assert is_refused_for_now(shop.send(actions))
        assert (shop.landed(actions), sold_out in shelves(page)["RECOMMENDED"]) == (0, True)
    wait_until(lambda: shelves(shop.top_page()) and shop.send(actions), lambda answer: answer.status_code == 202)
    wait_until(lambda: shelves(shop.top_page())["RECOMMENDED"], lambda products: sold_out not in products)
    wait_until_recovered(shop, actions)


def test_without_serving_the_page_is_the_active_generation(shop, actions):
    goods = shop.show_generation()
    with shop.without("serving"):
        page = shop.top_page()
        assert shelves(page) == {"RECOMMENDED": goods}
        assert (page.json()["generation"], page.json()["degraded"]) == (GENERATION, True)
        assert is_refused_for_now(shop.recommendations())
        assert shop.send(actions).json()["accepted"] == len(actions)
    wait_until_recovered(shop, actions)


def test_though_the_log_and_servings_memory_are_lost_a_page_knows_what_was_sold_out_and_seen(shop):
    viewed, *_, sold_out = shelves(shop.top_page())["RECOMMENDED"]
    views = shop.view(viewed)
    assert shop.send(views).status_code == 202
    shop.sell_out(sold_out)
    wait_until(lambda: shelves(shop.top_page())["RECOMMENDED"], lambda products: sold_out not in products)
    shop.wait_until_landed(views)

    with shop.without("broker"), shop.without("serving"):
        pass

    wait_until(shop.is_complete)
    found = shelves(wait_until(shop.top_page, lambda answer: not answer.json()["degraded"]))
    assert sold_out not in [product for shelf in found.values() for product in shelf]
    assert viewed in found["CONTINUE_SHOPPING"]


def test_stopping_would_wait_for_what_a_consumer_has_not_handled(shop):
    environment = Environment.running(shop.state)

    def left():
        return asyncio.run(services_under_way(environment))

    with shop.without("content"):
        shop.sell_out(shelves(shop.top_page())["RECOMMENDED"][0])
        wait_until(left, lambda waiting: any("content.catalog" in each for each in waiting))
    wait_until(left, lambda waiting: not waiting)
