from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.order.domain import TRANSITIONS, IllegalTransition, OrderStatus, check_transition, refund_of


def test_every_status_has_its_row_and_no_other_transition_is_legal():
    for before in OrderStatus:
        for after in OrderStatus:
            if after in TRANSITIONS[before]:
                check_transition("The order 1", before, after)
            else:
                with pytest.raises(IllegalTransition, match=f"is {before}"):
                    check_transition("The order 1", before, after)


@given(st.integers(1, 10**6), st.integers(1, 50), st.data())
def test_the_refunds_of_a_lines_pieces_add_up_to_its_amount(minor, quantity, data):
    amount, before, parts = Decimal(minor) / 100, 0, []
    while before < quantity:
        now = data.draw(st.integers(1, quantity - before))
        parts.append(refund_of(amount, quantity, before, now, "USD"))
        before += now
    assert (sum(parts), min(parts) >= 0) == (amount, True)
