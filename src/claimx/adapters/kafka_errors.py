"""How the one-shot clients of operators' commands fail: foreign errors become ours, by code."""

from confluent_kafka import KafkaError

from claimx.adapters.kafka_client import Config, client_config
from claimx.config.tree import Kafka as KafkaSettings
from claimx.errors import AuthError, ClaimxError, EngineError, TransientError
from claimx.telemetry.log import Log

_REFUSED = {
    KafkaError._AUTHENTICATION,  # noqa: SLF001  # the library's name
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
_LATE = {
    KafkaError._TIMED_OUT,  # noqa: SLF001  # the library's names
    KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
    KafkaError._RESOLVE,  # noqa: SLF001
    KafkaError._MSG_TIMED_OUT,  # noqa: SLF001
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.NOT_COORDINATOR,
    KafkaError.LEADER_NOT_AVAILABLE,
}


class Client:
    """Connection settings of one command, and what the broker has refused meanwhile.

    librdkafka tells a refused login by its error callback only; the call that waits ends with a timeout.
    """

    def __init__(self, settings: KafkaSettings, client_id: str, log: Log) -> None:
        self.config: Config = client_config(settings, client_id, log)
        self._servers = settings.bootstrap_servers
        self._tell = self.config["error_cb"]
        self.config["error_cb"] = self._failed
        self._refused: KafkaError | None = None

    def translated(self, error: KafkaError) -> ClaimxError:
        """Our error for one of librdkafka's."""
        code = error.code()
        if self._refused is not None or code in _REFUSED:
            return AuthError("kafka.refused", f"{self._servers}: {(self._refused or error).str()}")
        if code in _LATE:
            return self.unreachable(error.str())
        return EngineError(f"{self._servers}: {error.name()}: {error.str()}")

    def unreachable(self, detail: str) -> ClaimxError:
        """Our error for a broker that does not answer in time."""
        if self._refused is not None:
            return AuthError("kafka.refused", f"{self._servers}: {self._refused.str()}")
        return TransientError("kafka.unreachable", f"{self._servers}: {detail}")

    def _failed(self, error: KafkaError) -> None:
        if error.code() in _REFUSED:
            self._refused = error
        self._tell(error)
