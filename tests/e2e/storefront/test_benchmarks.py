"""The benchmarks of a running shop, with so little that their figures say nothing."""

from benchmarks.attacks import look as attacked_look
from benchmarks.freshness import click
from benchmarks.storefront import look as opened
from benchmarks.top_page import look
from stack.state import BrokerKind


def test_pages_are_timed(shop):
    assert [figure.value > 0 for figure in look(shop.environment, seconds=0.3)] == [True, True]


def test_pages_are_timed_under_an_attack(shop):
    (figure,) = attacked_look(shop.environment, ["slow bodies"], seconds=0.3)
    assert figure.value > 0 < figure.reference


def test_clicks_are_followed_until_the_answer_knows_them(shop):
    assert [figure.value > 0 for figure in click(shop.environment, 3, BrokerKind.EMBEDDED)] == [True, True]


def test_pages_are_opened_in_a_slow_browser(shop):
    assert all(figure.value > 0 for figure in opened(shop.gateway_url, rounds=1))
