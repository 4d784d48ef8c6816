"""The diagrams of states show what the tables in the code say."""

import re
from pathlib import Path

import pytest

from services.order.domain import FLOWS, TRANSITIONS, OrderStatus, ReturnStatus
from services.payment.domain import NEXT

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "orders.md").read_text()
DIAGRAMS = re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("diagram", "statuses"), list(zip(DIAGRAMS, (OrderStatus, ReturnStatus), strict=True)))
def test_a_diagram_has_the_transitions_of_the_table(diagram, statuses):
    drawn = set(re.findall(r"^ *(\w+) --> (\w+)", diagram, re.MULTILINE))
    assert drawn == {(before, after) for before in statuses for after in TRANSITIONS[before]}


def test_the_diagram_of_a_checkout_has_the_steps_in_their_order():
    drawn = re.search(r"flowchart LR\n(.*?)```", PAGE, re.DOTALL)[1]
    for flow in FLOWS:
        places = [drawn.index(step) for step in flow]
        assert places == sorted(places)


def test_the_diagram_of_a_payment_has_the_transitions_of_the_table():
    diagram = re.search(r"```mermaid\nstateDiagram-v2\n(.*?)```", (DOCS / "payments.md").read_text(), re.DOTALL)[1]
    drawn = set(re.findall(r"^ *(\w+) --> (\w+)", diagram, re.MULTILINE))
    assert drawn == {(before, after) for before in NEXT for after in NEXT[before]}
