import pytest

from stack.reconciliation import TopicReconciliation, all_agree, produced_in


def test_the_senders_counter_is_read_by_topic():
    text = (
        "# HELP tanawari_events_produced_total Messages.\n"
        "# TYPE tanawari_events_produced_total counter\n"
        'tanawari_events_produced_total{topic="catalog.v1"} 12.0\n'
        'tanawari_events_produced_total{topic="order.v1"} 3.0\n'
        "# TYPE other_total counter\n"
        "other_total 5.0\n"
    )
    assert produced_in(text) == {"catalog.v1": 12, "order.v1": 3}


@pytest.mark.parametrize(
    ("counted", "agrees"),
    [
        (TopicReconciliation(produced=10, landed=9, duplicates=0, dead_letters=1), True),
        (TopicReconciliation(produced=206, landed=206, duplicates=200, dead_letters=0), True),  # taken, but not said so
        (TopicReconciliation(produced=10, landed=0, duplicates=10, dead_letters=0), True),  # imported anew
        (TopicReconciliation(produced=10, landed=7, duplicates=2, dead_letters=0), False),  # lost
        (TopicReconciliation(produced=10, landed=11, duplicates=0, dead_letters=0), False),  # nobody's
        (TopicReconciliation(produced=10, landed=10, duplicates=5, dead_letters=1), False),
    ],
)
def test_a_topic_agrees_when_what_was_produced_has_arrived_and_nothing_else(counted, agrees):
    assert counted.agrees is agrees


def test_topics_agree_when_each_of_them_does():
    good, lost = TopicReconciliation(1, 1, 0, 0), TopicReconciliation(1, 0, 0, 0)
    assert (all_agree([good, good]), all_agree([good, lost])) == (True, False)
