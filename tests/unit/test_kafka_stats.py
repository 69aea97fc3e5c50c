"""What is taken from librdkafka's statistics."""

import json

from claimx.adapters.kafka_stats import Statistics

BROKERS = {
    "one:9092/1": {"nodeid": 1, "state": "UP"},
    "two:9092/2": {"nodeid": 2, "state": "TRY_CONNECT"},
    "one:9092/bootstrap": {"nodeid": -1, "state": "UP"},
    "GroupCoordinator": {"nodeid": 1, "state": "UP", "source": "logical"},
}
TOPICS = {
    "events": {
        "partitions": {
            "-1": {"hi_offset": -1001},
            "0": {"hi_offset": 17, "ls_offset": 17},
            "1": {"hi_offset": 5},
            "2": {"hi_offset": -1001},
        }
    }
}


def test_brokers_and_the_ends_of_assigned_partitions_are_taken_and_an_unreadable_report_changes_nothing() -> (
    None
):
    statistics = Statistics()
    assert (statistics.brokers_up, statistics.ends) == (None, {})
    assigned = [("events", 0), ("events", 2), ("other", 1)]
    statistics.update(json.dumps({"brokers": BROKERS, "topics": TOPICS, "ts": 1}), assigned)
    assert statistics.brokers_up == 1
    assert statistics.ends == {("events", 0): 17}
    for odd in ("{", '{"brokers": 3}'):
        statistics.update(odd, assigned)
    assert statistics.ends == {("events", 0): 17}
    statistics.forget(("events", 0))
    assert statistics.ends == {}
