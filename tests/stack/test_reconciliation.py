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


def test_a_topic_agrees_when_everything_sent_is_accounted_for():
    assert TopicReconciliation(10, 7, 2, 1).agrees
    assert not TopicReconciliation(10, 7, 2, 0).agrees
    assert not all_agree([TopicReconciliation(1, 1, 0, 0), TopicReconciliation(1, 0, 0, 0)])
