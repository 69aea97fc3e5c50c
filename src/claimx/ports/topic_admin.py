"""What an operator's commands need of topics: look at them, make them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol


class TopicFacts(NamedTuple):
    """A topic as it is.

    Args:
        replication_factor: of its first partition.
        configs: by Kafka's names; None if the broker does not tell.
    """

    partitions: int
    replication_factor: int
    configs: Mapping[str, str] | None


class NewTopic(NamedTuple):
    """A topic to make."""

    name: str
    partitions: int
    replication_factor: int
    configs: Mapping[str, str]


class TopicAdmin(Protocol):
    """The topics of a broker."""

    def brokers(self) -> int:
        """How many brokers the cluster has.

        Raises:
            TransientError: ``kafka.unreachable``.
            AuthError: ``kafka.refused``.
        """
        ...

    def look(self, names: Sequence[str]) -> Mapping[str, TopicFacts]:
        """Those of the topics that are there.

        Raises:
            TransientError, AuthError: as in ``brokers``.
        """
        ...

    def create(self, topics: Sequence[NewTopic]) -> Mapping[str, str]:
        """Make topics; for each that was not made, why. One that somebody else has made meanwhile is made.

        Raises:
            TransientError, AuthError: as in ``brokers``.
        """
        ...
