"""From librdkafka's messages to batches of decoded items, one for each partition."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

from confluent_kafka import KafkaError, Message

from claimx.adapters.kafka_errors import REFUSALS
from claimx.domain.events import RECORD_OVERHEAD_BYTES, Malformed, Tombstone, recorded_at
from claimx.domain.receipts import Partition
from claimx.domain.times import Micros
from claimx.errors import EngineError, KafkaRefusedError, OffsetOutOfRangeError, PoisonError
from claimx.ports.source import Item, RecordBatch

Place = tuple[str, int]
"""Topic and partition."""

Headers = Sequence[tuple[str, bytes | None]] | None
Read = Callable[[bytes, int, Micros, Headers], Item]
"""Decodes a value, given its offset, its Kafka timestamp and its headers; raises PoisonError."""

_NO_TIMESTAMP = -1


class _Pile:
    __slots__ = ("first", "items", "last", "position", "size")

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.first: Message | None = None
        self.last: Message | None = None
        self.position = 0
        self.size = 0


def sort_out(
    messages: Iterable[Message],
    handles: Mapping[Place, Partition],
    read: Read,
    now: Micros,
    failed: Callable[[KafkaError, Message], None],
) -> list[RecordBatch]:
    """Decode what came and sort it by partition; an end-of-partition mark moves the position past trailing markers.

    Args:
        handles: the partitions that are assigned; records of others are left to their new owner.
        now: stands in where a record has no timestamp.
        failed: told of messages that are errors; what it raises ends it all.
    """
    piles: dict[Place, _Pile] = {}
    topic, number, pile = "", -1, _Pile()
    for message in messages:
        if (error := message.error()) is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001  # the library's name
            failed(error, message)
            continue
        if message.partition() != number or message.topic() != topic:  # they come in runs
            place = topic, number = cast(Place, (message.topic(), message.partition()))
            pile = piles.get(place) or piles.setdefault(place, _Pile())
        offset: int = message.offset()  # type: ignore[assignment]  # a record has one
        if error is not None:
            pile.position = max(pile.position, offset)
            continue
        item = _item(message, offset, read, now)
        if pile.first is None:
            pile.first = message
        pile.last = message
        pile.items.append(item)
        pile.size += item.size_bytes
        pile.position = offset + 1
    return [
        RecordBatch(handles[place], pile.items, pile.position, pile.size, _times(pile))
        for place, pile in piles.items()
        if place in handles
    ]


def _times(pile: _Pile) -> tuple[Micros, Micros] | None:
    if pile.first is None or pile.last is None:
        return None
    first, last = pile.first.timestamp()[1], pile.last.timestamp()[1]
    return None if _NO_TIMESTAMP in {first, last} else (first * 1000, last * 1000)


def refuse(error: KafkaError, message: Message) -> None:
    """Raise what the consumer cannot recover from; whatever librdkafka retries by itself is told by its error callback.

    Raises:
        OffsetOutOfRangeError: a committed offset has left the log.
        KafkaRefusedError: rights are missing.
        EngineError: a fatal error.
    """
    where = f"{message.topic()}[{message.partition()}]"
    if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001  # the library's name
        raise OffsetOutOfRangeError(
            f"{where}: the committed offset is out of range: records were deleted before they were read"
        )
    if error.fatal():
        raise EngineError(f"{where}: {error.name()}: {error.str()}")
    if error.code() in REFUSALS:
        raise KafkaRefusedError(
            f"{where if message.topic() else 'the group'}: {error.str()}", REFUSALS[error.code()]
        )


def _item(message: Message, offset: int, read: Read, now: Micros) -> Item:
    value = message.value()
    _, millis = message.timestamp()
    timestamp = now if millis == _NO_TIMESTAMP else millis * 1000
    if value is None:
        return Tombstone(offset, RECORD_OVERHEAD_BYTES)
    headers: Headers = message.headers()  # type: ignore[assignment]  # a list of pairs
    if headers:
        timestamp = recorded_at(headers, timestamp)
    try:
        return read(value, offset, timestamp, headers)
    except PoisonError as error:
        kept = [(name, content or b"") for name, content in headers or ()]
        size = len(value) + RECORD_OVERHEAD_BYTES
        return Malformed(error.code, error.detail, message.key(), value, kept, timestamp, offset, size)
