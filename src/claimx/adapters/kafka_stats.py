"""What librdkafka's statistics tell of a consumer."""

from collections.abc import Collection

import msgspec

from claimx.adapters.kafka_records import Place

INTERVAL_MS = 5000


class _Broker(msgspec.Struct):
    nodeid: int = -1
    state: str = ""
    source: str = ""

    @property
    def is_up(self) -> bool:
        """Whether the connection stands; the group's coordinator is a second one to a broker that is counted already."""
        return self.state == "UP" and self.nodeid >= 0 and self.source != "logical"


class _Partition(msgspec.Struct):
    hi_offset: int = -1


class _Topic(msgspec.Struct):
    partitions: dict[int, _Partition] = {}


class _Statistics(msgspec.Struct):
    brokers: dict[str, _Broker] = {}
    topics: dict[str, _Topic] = {}


class Statistics:
    """What of a report is of use; written on the consumer's thread, read from any.

    Args:
        ends: the high watermark of each partition that is assigned and was fetched from.
    """

    def __init__(self) -> None:
        self.brokers_up: int | None = None
        self.ends: dict[Place, int] = {}
        self._decode = msgspec.json.Decoder(_Statistics).decode

    def update(self, report: str, assigned: Collection[Place]) -> None:
        """Take a report in; one that cannot be read is as good as none."""
        try:
            told = self._decode(report)
        except msgspec.DecodeError:
            return
        self.brokers_up = sum(each.is_up for each in told.brokers.values())
        self.ends = {
            (topic, number): partition.hi_offset
            for topic, named in told.topics.items()
            for number, partition in named.partitions.items()
            if partition.hi_offset >= 0 and (topic, number) in assigned
        }

    def forget(self, place: Place) -> None:
        """Leave a revoked partition out."""
        self.ends = {there: end for there, end in self.ends.items() if there != place}
