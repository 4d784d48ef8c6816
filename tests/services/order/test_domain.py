import pytest

from services.order.domain import TRANSITIONS, IllegalTransition, OrderStatus, check_transition


def test_every_status_has_its_row_and_no_other_transition_is_legal():
    for before in OrderStatus:
        for after in OrderStatus:
            if after in TRANSITIONS[before]:
                check_transition("The order 1", before, after)
            else:
                with pytest.raises(IllegalTransition, match=f"is {before}"):
                    check_transition("The order 1", before, after)
