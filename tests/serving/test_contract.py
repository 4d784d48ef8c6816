"""The names that serving and the library share with the contract."""

from ml.shelves.rules import DisplayType as ShelfType
from services.contracts.envelope import DisplayType
from services.contracts.events.feedback import Placement
from services.contracts.registry import EVENTS
from serving.events import KIND_OF
from serving.feedback import TOPIC
from serving.live import TOPICS


def test_the_six_shelves_are_the_contracts():
    assert set(map(str, ShelfType)) == set(map(str, DisplayType))


def test_what_stood_on_any_shelf_or_beside_a_product_can_be_reported():
    assert {*map(str, Placement)} == {*map(str, DisplayType), "SIMILAR"}


def test_the_events_that_change_a_shopper_travel_on_the_topics_that_are_followed():
    assert {EVENTS[name].topic for name in KIND_OF} <= set(TOPICS)


def test_feedback_goes_where_its_events_belong():
    assert {EVENTS[name].topic for name in ("RECOMMENDATION_SHOWN", "RECOMMENDATION_CLICKED")} == {TOPIC}
