"""A broker as the configured user sees it."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from claimx.adapters.kafka_errors import Client, patiently
from claimx.adapters.topic_reader import KafkaPositions
from claimx.errors import AuthError, TransientError
from claimx.ports.dlq import Shelf
from claimx.ports.probes import Cluster, Endpoint, Rights

if TYPE_CHECKING:
    from confluent_kafka.admin import ClusterMetadata  # type: ignore[attr-defined]

T = TypeVar("T")

_SLICE_S = 0.5
"""A refused login is told by a callback: the call that waits is broken off to look."""


class BrokerProbe:
    """Implements ports.probes.KafkaProbe.

    Args:
        timeout_s: for each question.
    """

    def __init__(self, client: Client, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._admin = AdminClient(client.config)

    def cluster(self) -> Cluster:
        """Ask for metadata, until they come or the login is refused."""
        until = time.perf_counter() + self._timeout_s
        while True:
            left = until - time.perf_counter()
            try:
                found = self._admin.list_topics(timeout=max(0.05, min(_SLICE_S, left)))
            except KafkaException as error:
                self._admin.poll(0)  # calls back
                failure = self._client.translated(error.args[0])
                if left <= _SLICE_S or not isinstance(failure, TransientError):
                    raise failure from error
            else:
                return Cluster([Endpoint(str(each.host), each.port) for each in found.brokers.values()])

    def topic_rights(self, topics: Sequence[str]) -> Rights:
        """Have the topics described."""
        there = self._told_by_controller()
        if there is None:
            return dict.fromkeys(topics)
        asked = self._admin.describe_topics(
            TopicCollection([name for name in topics if name in there.topics]),
            include_authorized_operations=True,
            request_timeout=self._timeout_s,
        )
        return self._operations(asked)

    def group_rights(self, groups: Sequence[str]) -> Rights:
        """Have the groups described; one that nobody has used is told of as well."""
        if self._told_by_controller() is None:
            return dict.fromkeys(groups)
        return patiently(lambda: self._group_rights(groups), self._timeout_s)

    def committed(self, group: str, topics: Sequence[str]) -> int:
        """Read them as a consumer would that joins nothing."""
        there = self._metadata().topics
        shelves = [
            Shelf(name, number) for name in topics if name in there for number in there[name].partitions
        ]
        positions = KafkaPositions(self._client)
        return len(patiently(lambda: positions.committed(group, shelves), self._timeout_s)) if shelves else 0

    def _group_rights(self, groups: Sequence[str]) -> Rights:
        asked = self._admin.describe_consumer_groups(
            list(groups), include_authorized_operations=True, request_timeout=self._timeout_s
        )
        return self._operations(asked)

    def _metadata(self) -> "ClusterMetadata":
        try:
            return self._admin.list_topics(timeout=self._timeout_s)
        except KafkaException as error:
            raise self._client.translated(error.args[0]) from error

    def _told_by_controller(self) -> "ClusterMetadata | None":
        """A cluster without a controller, such as librdkafka's mock, leaves such questions unanswered."""
        found = self._metadata()
        return found if found.controller_id in found.brokers else None

    def _operations(self, asked: Mapping[str, "Future[Any]"]) -> Rights:
        rights: dict[str, frozenset[str] | None] = {}
        for name, answer in asked.items():
            try:
                told = answer.result(2 * self._timeout_s).authorized_operations
            except TimeoutError as error:
                raise self._client.unreachable("no answer in time") from error
            except KafkaException as error:
                rights[name] = self._refusal(error.args[0])
            else:
                rights[name] = frozenset(each.name for each in told) if told is not None else None
        return rights

    def _refusal(self, error: KafkaError) -> frozenset[str] | None:
        """Who may not even describe a thing may do nothing with it; an old broker does not tell."""
        failure = self._client.translated(error)
        if isinstance(failure, AuthError):
            return frozenset()
        if isinstance(failure, TransientError):
            raise failure
        return None
