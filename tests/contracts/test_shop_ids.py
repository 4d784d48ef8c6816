import uuid

import pytest

from services.contracts.shop_ids import event_id, order_id


def test_an_event_id_is_a_uuid_v7_of_its_time():
    identifier = uuid.UUID(event_id("ORDER_COMPLETED/42", 1_700_000_000_123))
    assert identifier.version == 7
    assert identifier.variant == uuid.RFC_4122
    assert identifier.int >> 80 == 1_700_000_000_123


def test_an_event_id_is_the_same_in_every_run():
    assert event_id("ORDER_COMPLETED/42", 1_700_000_000_123) == "018bcfe5-687b-7bed-b262-69b3614199bf"


def test_kinds_sources_and_times_make_different_events():
    ids = {event_id(*each) for each in (("A/1", 1), ("A/2", 1), ("B/1", 1), ("A/1", 2))}
    assert len(ids) == 4


@pytest.mark.parametrize("number", ["1", "31198570044", str(8 * 10**15)])
def test_an_order_number_is_kept(number):
    assert order_id(number) == int(number)


@pytest.mark.parametrize("text", ["0", "-5", "9" * 400, "9" * 5_000, str(2**53), "2026-A-17", "007", "\uff11"])
def test_anything_else_becomes_a_stable_53_bit_number(text):
    assert 0 < order_id(text) < 2**53
    assert order_id(text) == order_id(text)


def test_no_order_of_a_shop_has_the_number_of_one_of_ours():
    ours = range(8_000_000_000_000_001, 8_000_000_000_001_001)
    assert not set(ours) & {order_id(str(number)) for number in ours}
