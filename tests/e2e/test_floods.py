"""Too many dead letters: intake pauses, and what is left stays in Kafka."""

import json
import signal
from pathlib import Path

import pytest
from confluent_kafka import Producer

from support.kafka import Broker
from support.rig import rig_on, wait_until

BAD, LIMIT = 20, 3


@pytest.mark.timeout(120)
def test_of_twenty_bad_records_three_are_buried_and_seventeen_are_still_in_kafka(
    broker: Broker, tmp_path: Path
) -> None:
    with rig_on(broker, tmp_path, 31, 1) as rig:
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
        for n in range(BAD):
            producer.produce(rig.topics.events_raw, b"no event %d" % n, partition=0)
        assert producer.flush(30) == 0
        daemon = rig.run(rig.config(flood__max_consecutive=str(LIMIT), limits__drain_s="2.0"))
        wait_until(lambda: '"flood.began"' in daemon.log(), "the flood")
        wait_until(lambda: rig.committed()[0] == LIMIT, "the offset of the last letter")
        signal.sigtimedwait([], 3.0)
        assert len(rig.letters(rig.topics.events_dlq)) == LIMIT
        assert rig.committed()[0] == LIMIT, "an offset passed the flood"
        assert daemon.process.poll() is None
        daemon.send(signal.SIGTERM)
        assert daemon.wait(30) == 75
        assert daemon.summary["in_flight"] == BAD - LIMIT
        again = rig.run(rig.config(), "--exit-when-idle")
        assert again.wait(60) == 0, again.log()[-2000:]
        values = {message.value() for message in rig.letters(rig.topics.events_dlq)}
        assert values == {b"no event %d" % n for n in range(BAD)}
        reasons = {
            line["reason"]
            for line in map(json.loads, filter(lambda text: text.startswith("{"), daemon.log().splitlines()))
            if line["event"] == "flood.began"
        }
        assert reasons == {"consecutive"}
