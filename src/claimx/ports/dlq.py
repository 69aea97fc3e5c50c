"""What an operator's commands need of the dead-letter topics: read them, remember what is done, put back, delete."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from claimx.domain.letter_marks import Marks
from claimx.domain.letters import DeadRecord, Outgoing


class Shelf(NamedTuple):
    """One partition of a dead-letter topic."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]"


class Span(NamedTuple):
    """Offsets from ``low`` up to ``high``, not included."""

    low: int
    high: int


class LetterLog(Protocol):
    """The dead-letter topics, read without touching anybody's place in them."""

    def spans(self, topics: Sequence[str]) -> Mapping[Shelf, Span]:
        """What each partition holds now, between its watermarks.

        Raises:
            TopicsAbsentError: a topic is not there.
            TransientError: ``kafka.unreachable``.
            AuthError: ``kafka.refused``.
        """
        ...

    def read(self, spans: Mapping[Shelf, Span]) -> Iterator[Sequence[DeadRecord]]:
        """Records in order of offset within a partition, in small groups; an empty one now and then while waiting.

        Ends at the end of the spans, whatever is produced meanwhile.

        Raises:
            TransientError: ``kafka.unreachable``, nothing came for a while.
            AuthError: ``kafka.refused``.
        """
        ...


class MarkStore(Protocol):
    """What was replayed and purged. Two operators at once may lose marks of each other: a letter is replayed twice then."""

    def load(self, spans: Mapping[Shelf, Span]) -> Mapping[Shelf, Marks]:
        """The marks of each partition.

        Raises:
            EngineError: the marks are not ours, or of a newer version.
            TransientError, AuthError: as in ``LetterLog``.
        """
        ...

    def fits(self, spans: Mapping[Shelf, Span], marks: Mapping[Shelf, Marks]) -> Sequence[Shelf]:
        """Partitions whose marks would be too long to be kept; none when all is well."""
        ...

    def store(self, spans: Mapping[Shelf, Span], marks: Mapping[Shelf, Marks]) -> None:
        """Add marks to what is stored; returns after the broker's acknowledgement.

        Raises:
            EngineError: the marks of a partition are too long; the others may be stored.
            TransientError, AuthError: as in ``LetterLog``.
        """
        ...


class Replayer(Protocol):
    """Puts records on topics."""

    def send(self, records: Sequence[tuple[str, Outgoing]]) -> Sequence[str | None]:
        """Produce to topics and wait for every acknowledgement; for each record None, or why it was not taken.

        Raises:
            TransientError, AuthError: nothing at all was acknowledged in time.
        """
        ...


class RecordDeleter(Protocol):
    """Deletes the beginning of partitions."""

    def delete_below(self, offsets: Mapping[Shelf, int]) -> bool:
        """Delete all records below the offsets; False if the broker cannot.

        Raises:
            TransientError, AuthError: as in ``LetterLog``.
        """
        ...
