import gc

from services.common.runtime.garbage import frozen_heap


def test_what_exists_is_not_scanned_and_a_collector_that_was_put_off_begins():
    gc.disable()
    try:
        with frozen_heap():
            assert gc.isenabled()
            assert gc.get_freeze_count() > 0
        assert gc.get_freeze_count() == 0
    finally:
        gc.enable()
