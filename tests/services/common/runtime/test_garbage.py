import gc

from services.common.runtime.garbage import YOUNG, frozen_heap


def test_what_exists_is_not_scanned_and_a_collector_that_was_put_off_begins():
    gc.disable()
    try:
        with frozen_heap():
            assert gc.isenabled()
            assert gc.get_freeze_count() > 0
        assert gc.get_freeze_count() == 0
    finally:
        gc.enable()


def test_what_is_new_is_looked_through_seldom_while_it_serves():
    usual = gc.get_threshold()
    with frozen_heap():
        assert gc.get_threshold() == (YOUNG, *usual[1:])
    assert gc.get_threshold() == usual
