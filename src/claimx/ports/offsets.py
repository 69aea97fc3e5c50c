"""Where the groups of a pipeline are in its topics, and how they are moved."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from claimx.domain.times import Micros
from claimx.ports.dlq import Shelf, Span
from claimx.ports.inspection import Committed


class Member(NamedTuple):
    """A consumer of a group."""

    client_id: str
    host: str


class OffsetsAdmin(Protocol):
    """All of it raises TransientError ``kafka.unreachable`` and AuthError ``kafka.refused``."""

    def shelves(self, topics: Sequence[str]) -> Sequence[Shelf]:
        """Name the partitions of topics.

        Raises:
            TopicsAbsentError: a topic is not there.
        """
        ...

    def spans(self, shelves: Sequence[Shelf]) -> Mapping[Shelf, Span]:
        """Ask what each partition holds now."""
        ...

    def first_at(self, when: Micros, shelves: Sequence[Shelf]) -> Mapping[Shelf, int]:
        """Ask for the first offset whose record came at ``when`` or later; the end where there is none."""
        ...

    def committed(self, group: str, shelves: Sequence[Shelf]) -> Mapping[Shelf, Committed]:
        """Ask what a group has committed; partitions without an offset are left out."""
        ...

    def members(self, group: str) -> Sequence[Member] | None:
        """Name who is in a group; None: the broker does not tell."""
        ...

    def move(self, group: str, offsets: Mapping[Shelf, Committed]) -> None:
        """Commit offsets for a group without members.

        Raises:
            OperationError: the broker refuses, because the group has members.
        """
        ...
