"""How Kafka's clients fail: foreign errors become ours, by code."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, ClusterMetadata, TopicMetadata  # type: ignore[attr-defined]

from claimx.adapters.kafka_client import Config, client_config
from claimx.config.tree import Kafka as KafkaSettings
from claimx.errors import (
    ClaimxError,
    ConfigError,
    EngineError,
    KafkaGoneError,
    KafkaRefusedError,
    TransientError,
)
from claimx.telemetry.log import Log

T = TypeVar("T")

_STEP_S = 1.0
_REST_S = 0.1
_AGAIN_S = 0.5
_CLOSE_S = 5.0
_LOGIN = "are kafka.sasl_mechanism, sasl_username and sasl_password right? docs/kafka-security.md"
_TRUST = (
    'is "ssl.ca.location" in [kafka.client] the CA of these brokers, and do they bear the names that'
    " kafka.bootstrap_servers calls them by? docs/kafka-security.md"
)
RIGHTS = "which rights claimx needs on which topics and groups: docs/kafka-security.md"
REFUSALS = {
    KafkaError._AUTHENTICATION: _LOGIN,  # noqa: SLF001  # the library's names
    KafkaError.SASL_AUTHENTICATION_FAILED: _LOGIN,
    KafkaError._SSL: _TRUST,  # noqa: SLF001
    KafkaError.TOPIC_AUTHORIZATION_FAILED: RIGHTS,
    KafkaError.GROUP_AUTHORIZATION_FAILED: RIGHTS,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: RIGHTS,
}
"""What no retry helps against, and what to look at."""
_LATE = {
    KafkaError._TIMED_OUT,  # noqa: SLF001  # the library's names
    KafkaError._TIMED_OUT_QUEUE,  # noqa: SLF001
    KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
    KafkaError._RESOLVE,  # noqa: SLF001
    KafkaError._WAIT_COORD,  # noqa: SLF001
    KafkaError._MSG_TIMED_OUT,  # noqa: SLF001
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.NOT_COORDINATOR,
    KafkaError.LEADER_NOT_AVAILABLE,
}


def patiently(ask: Callable[[], T], for_s: float) -> T:
    """Ask again for a while: a coordinator is not there at once in a group's first moments, or when a broker has gone."""
    until = time.perf_counter() + for_s
    while True:
        try:
            return ask()
        except TransientError:
            if time.perf_counter() > until:
                raise
        time.sleep(_AGAIN_S)


class Client:
    """Connection settings, the handles that were made with them, and what their error callbacks have told.

    librdkafka tells of a refused login by the error callback only, which is served when a handle is polled; the call
    that waits meanwhile ends with a timeout.
    """

    def __init__(self, settings: KafkaSettings, client_id: str, log: Log) -> None:
        self.config: Config = client_config(settings, client_id, log)
        self._servers = settings.bootstrap_servers
        self._tell = self.config["error_cb"]
        self.config["error_cb"] = self._failed
        self._handles: list[AdminClient | Consumer | Producer] = []
        self._refused: KafkaError | None = None
        self._last: KafkaError | None = None

    def admin(self) -> AdminClient:
        """Make a client for admin requests.

        Raises:
            ConfigError: an option of ``[kafka.client]`` cannot be used.
        """
        return self._made(AdminClient, {})

    def consumer(self, config: Config) -> Consumer:
        """Make a consumer.

        Raises:
            ConfigError: an option of ``[kafka.client]`` cannot be used.
        """
        return self._made(Consumer, config)

    def producer(self, config: Config) -> Producer:
        """Make a producer.

        Raises:
            ConfigError: an option of ``[kafka.client]`` cannot be used.
        """
        return self._made(Producer, config)

    def metadata(self, handle: AdminClient | Consumer, timeout_s: float) -> ClusterMetadata:
        """Ask for metadata in short steps, so that a refusal ends it early.

        Raises:
            ClaimxError: as ``translated``.
        """
        until = time.perf_counter() + timeout_s
        while True:
            try:
                found = handle.list_topics(timeout=min(_STEP_S, timeout_s))
            except KafkaException as error:
                failed = self.translated(error.args[0])
                if isinstance(failed, KafkaRefusedError) or time.perf_counter() >= until:
                    raise failed from error
                time.sleep(_REST_S)
            else:
                self._refused = self._last = None
                return found

    def topics(
        self, handle: AdminClient | Consumer, names: Iterable[str], timeout_s: float
    ) -> Mapping[str, TopicMetadata]:
        """Those of these topics that are there.

        Raises:
            KafkaRefusedError: one of them is not ours to see.
            ClaimxError: as ``translated``.
        """
        found = self.metadata(handle, timeout_s)
        absent = [name for name in names if name not in found.topics]
        if absent and found.controller_id in found.brokers:  # a mock cluster would make what it is asked for
            self._refuse_hidden(handle, absent, timeout_s)
        return {name: found.topics[name] for name in names if name in found.topics}

    def close(self, consumer: Consumer) -> None:
        """Close a consumer, not waiting for ever: with a commit that is not answered, a frozen broker holds it."""
        self._handles.remove(consumer)
        thread = threading.Thread(target=consumer.close, name="kafka-close", daemon=True)
        thread.start()
        thread.join(_CLOSE_S)

    def translated(self, error: KafkaError) -> ClaimxError:
        """Our error for one of librdkafka's."""
        if error.code() in REFUSALS:
            return self._refusal(error)
        if error.code() in _LATE:
            return self.unreachable(error.str())
        return EngineError(f"{self._servers}: {error.name()}: {error.str()}")

    def unreachable(self, detail: str) -> ClaimxError:
        """Our error for a broker that does not answer in time."""
        self._listen()
        if self._refused is not None:
            return self._refusal(self._refused)
        last = f" ({self._last.str()})" if self._last is not None else ""
        return KafkaGoneError(f"{self._servers}: {detail}{last}")

    def _refusal(self, error: KafkaError) -> KafkaRefusedError:
        return KafkaRefusedError(f"{self._servers}: {error.str()}", REFUSALS[error.code()])

    def _refuse_hidden(self, handle: AdminClient | Consumer, names: Iterable[str], timeout_s: float) -> None:
        """A list of all topics leaves out those that we may not see; asked for by name, they are refused."""
        for name in names:
            try:
                told = handle.list_topics(name, timeout=timeout_s).topics[name].error
            except KafkaException as error:
                raise self.translated(error.args[0]) from error
            if told is not None and told.code() in REFUSALS:
                raise KafkaRefusedError(f"{self._servers}: {name}: {told.str()}", REFUSALS[told.code()])

    def _made(self, kind: type[T], config: Config) -> T:
        try:
            handle = kind({**self.config, **config})  # type: ignore[call-arg]
        except KafkaException as error:
            raise _unusable(error) from error
        self._handles.append(handle)  # type: ignore[arg-type]
        return handle

    def _listen(self) -> None:
        """Let the error callbacks be called; a consumer is told of a group that it may not use by a message."""
        for handle in self._handles:
            told = handle.poll(0)
            if isinstance(told, Message) and (error := told.error()) is not None and error.code() in REFUSALS:
                self._refused = error

    def _failed(self, error: KafkaError) -> None:
        if error.code() in REFUSALS:
            self._refused = error
        elif error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001  # the library's name
            self._last = error
        self._tell(error)


def opened(config: Config) -> Consumer:
    """Make a consumer.

    Raises:
        ConfigError: an option of ``[kafka.client]`` cannot be used.
    """
    try:
        return Consumer(config)
    except KafkaException as error:
        raise _unusable(error) from error


def _unusable(error: KafkaException) -> ConfigError:
    """Librdkafka's texts name the option, never a value that is secret."""
    return ConfigError(f"kafka: {error.args[0].str()}")
