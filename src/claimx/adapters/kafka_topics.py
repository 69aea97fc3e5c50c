"""Whether Kafka is there, has the topics that we need, and lets us do with them what we must."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient  # type: ignore[attr-defined]

from claimx.adapters.kafka_errors import REFUSALS, RIGHTS, Client
from claimx.errors import EngineError, KafkaRefusedError, TopicsAbsentError

_ASK_S = 5.0


class _Described(Protocol):
    authorized_operations: Sequence[AclOperation] | None


class _Answer(Protocol):
    """A future of the admin client."""

    def result(self, timeout: float) -> _Described: ...


class Needs(NamedTuple):
    """What one process does on Kafka.

    Args:
        topics: that must be there, whoever reads and writes them.
        groups: that consume here.
    """

    topics: frozenset[str]
    reads: frozenset[str]
    writes: frozenset[str]
    groups: frozenset[str]


class KafkaAccess:
    """Asks by metadata, and, where a controller answers, for our rights as well. Nothing is made or changed."""

    def __init__(self, client: Client, needs: Needs) -> None:
        self._client = client
        self._needs = needs
        self._admin: AdminClient | None = None
        self._tells_rights = False

    async def check(self) -> None:
        """Look once; takes a few times 5 s at most.

        Raises:
            KafkaGoneError: no answer in time.
            KafkaRefusedError: the login, the certificate, or a right.
            TopicsAbsentError: topics are missing.
            ConfigError: librdkafka does not take an option of ``[kafka.client]``.
        """
        await asyncio.to_thread(self._check)

    def _check(self) -> None:
        if self._admin is None:
            self._admin = self._client.admin()
        if not self._tells_rights:
            there = self._client.metadata(self._admin, _ASK_S)
            self._tells_rights = there.controller_id in there.brokers
            if not self._tells_rights:
                _refuse_absent(self._needs.topics - there.topics.keys())
        if self._tells_rights:
            self._check_rights(self._admin)

    def _check_rights(self, admin: AdminClient) -> None:
        needs = self._needs
        asked = admin.describe_topics(
            TopicCollection(sorted(needs.topics)), include_authorized_operations=True, request_timeout=_ASK_S
        )
        asked_of_groups = admin.describe_consumer_groups(
            sorted(needs.groups), include_authorized_operations=True, request_timeout=_ASK_S
        )
        topics = {name: self._told(answer) for name, answer in asked.items()}
        groups = {name: self._told(answer) for name, answer in asked_of_groups.items()}
        _refuse_absent(name for name, told in topics.items() if told is None)
        lacks = [
            *_lacking(topics, needs.reads, AclOperation.READ),
            *_lacking(topics, needs.writes, AclOperation.WRITE),
            *_lacking(topics, needs.topics - needs.reads - needs.writes, AclOperation.DESCRIBE),
            *_lacking(groups, needs.groups, AclOperation.READ),
        ]
        if lacks:
            raise KafkaRefusedError(f"we lack rights: {', '.join(lacks)}", RIGHTS)

    def _told(self, answer: _Answer) -> frozenset[AclOperation] | None:
        """What we may do; none at all if we are refused, everything if the broker does not tell, None if it is not there."""
        try:
            return frozenset(answer.result(2 * _ASK_S).authorized_operations or AclOperation)
        except TimeoutError as error:
            raise self._client.unreachable("no answer in time") from error
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            failed = self._client.translated(error.args[0])
            if isinstance(failed, EngineError):
                return frozenset(AclOperation)
            if not isinstance(failed, KafkaRefusedError) or error.args[0].code() not in REFUSALS:
                raise failed from error
            return frozenset()


def _refuse_absent(names: Iterable[str]) -> None:
    if absent := sorted(names):
        raise TopicsAbsentError(f"these topics do not exist: {', '.join(absent)}")


def _lacking(
    told: Mapping[str, frozenset[AclOperation] | None], names: Iterable[str], wanted: AclOperation
) -> Iterator[str]:
    return (f"{wanted.name} on {name}" for name in sorted(names) if wanted not in (told[name] or ()))
