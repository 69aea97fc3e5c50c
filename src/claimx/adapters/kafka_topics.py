"""Whether Kafka is there, has the topics that we need, and lets us do with them what we must."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient  # type: ignore[attr-defined]

from claimx.adapters.kafka_errors import RIGHTS, Client
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
        metadata = self._client.metadata(self._admin, _ASK_S)
        there = self._client.topics(self._admin, self._needs.topics, _ASK_S)
        if absent := sorted(self._needs.topics - there.keys()):
            raise TopicsAbsentError(f"these topics do not exist: {', '.join(absent)}")
        if metadata.controller_id in metadata.brokers:
            self._check_rights(self._admin)

    def _check_rights(self, admin: AdminClient) -> None:
        needs = self._needs
        topics = admin.describe_topics(
            TopicCollection(sorted(needs.topics)), include_authorized_operations=True, request_timeout=_ASK_S
        )
        groups = admin.describe_consumer_groups(
            sorted(needs.groups), include_authorized_operations=True, request_timeout=_ASK_S
        )
        lacks = [
            *self._lacking(topics, needs.reads, AclOperation.READ),
            *self._lacking(topics, needs.writes, AclOperation.WRITE),
            *self._lacking(groups, needs.groups, AclOperation.READ),
        ]
        if lacks:
            raise KafkaRefusedError(f"we lack rights: {', '.join(lacks)}", RIGHTS)

    def _lacking(
        self, described: Mapping[str, _Answer], names: Iterable[str], wanted: AclOperation
    ) -> Iterator[str]:
        """Names on which we may not do this, as far as the broker tells."""
        for name in sorted(names):
            try:
                may = described[name].result(2 * _ASK_S).authorized_operations
            except KafkaException as error:
                failed = self._client.translated(error.args[0])
                if isinstance(failed, KafkaRefusedError):
                    yield f"{wanted.name} on {name}"
                elif not isinstance(
                    failed, EngineError
                ):  # what this broker does not tell is no reason to stop
                    raise failed from error
                continue
            if may and wanted not in may:
                yield f"{wanted.name} on {name}"
