"""The topics of a broker, by Kafka's admin API."""

from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import ClusterMetadata, ConfigResource  # type: ignore[attr-defined]
from confluent_kafka.cimpl import NewTopic as KafkaNewTopic

from claimx.adapters.kafka_errors import Client
from claimx.ports.topic_admin import NewTopic, TopicFacts

_ASK_S = 10.0
_ABSENT = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}  # noqa: SLF001  # the library's name
NO_ADMIN = "this broker does not make topics on request: make it by the broker's own means"


class KafkaTopicAdmin:
    """Implements ports.topic_admin.TopicAdmin.

    librdkafka's mock cluster names no controller among its brokers: such a broker answers no admin request, and none
    is sent, for it would only be waited for.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._admin = client.admin()

    def brokers(self) -> int:
        """How many brokers the cluster has."""
        return len(self._metadata().brokers)

    def look(self, names: Sequence[str]) -> Mapping[str, TopicFacts]:
        """Metadata first: it does not make what it is asked for, and tells what is there."""
        metadata = self._metadata()
        found = self._client.topics(self._admin, names, _ASK_S)
        there = {name: each for name, each in found.items() if _is_there(each.error)}
        configs = self._configs(list(there)) if metadata.controller_id in metadata.brokers else {}
        return {
            name: TopicFacts(
                len(each.partitions),
                len(each.partitions[0].replicas) if each.partitions else 0,
                configs.get(name),
            )
            for name, each in there.items()
        }

    def create(self, topics: Sequence[NewTopic]) -> Mapping[str, str]:
        """Ask the controller for each."""
        metadata = self._metadata()
        if metadata.controller_id not in metadata.brokers:
            return {topic.name: NO_ADMIN for topic in topics}
        new = [
            KafkaNewTopic(
                topic.name,
                num_partitions=topic.partitions,
                replication_factor=topic.replication_factor,
                config=dict(topic.configs),
            )
            for topic in topics
        ]
        refused = {}
        for name, made in self._admin.create_topics(new, request_timeout=_ASK_S).items() if new else ():
            try:
                made.result(2 * _ASK_S)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    refused[name] = self._reason(error.args[0])
        return refused

    def _reason(self, error: KafkaError) -> str:
        return str(self._client.translated(error))

    def _metadata(self) -> ClusterMetadata:
        return self._client.metadata(self._admin, _ASK_S)

    def _configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """Configurations of topics; those that the broker does not tell are left out."""
        asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
        told = {}
        for resource, answer in (
            self._admin.describe_configs(asked, request_timeout=_ASK_S).items() if asked else ()
        ):
            try:
                entries = answer.result(2 * _ASK_S)
            except KafkaException:
                continue
            told[resource.name] = {name: entry.value or "" for name, entry in entries.items()}
        return told


def _is_there(error: KafkaError | None) -> bool:
    return error is None or error.code() not in _ABSENT
