"""What every Kafka client of ours is configured with."""

from typing import Any

from confluent_kafka import KafkaError

from claimx.config.tree import Kafka as KafkaSettings
from claimx.config.tree import Secret
from claimx.telemetry.log import Log

Config = dict[str, Any]  # what librdkafka takes: plain values and callbacks

_CRITICAL, _WARNING, _INFO = 50, 30, 20  # of the standard library
_DEBUG_LEVEL = 7
_UNUSED = "CONFWARN"
"""An option that is for another kind of client: ``[kafka.client]`` goes to all of them."""
_LOG_LEVEL = 6
"""Of syslog: information. What repeats in an outage, some 20 times a second, the log itself counts."""


def client_config(settings: KafkaSettings, client_id: str, log: Log) -> Config:
    """Connection, security and logging. What we promise wins over ``settings.client``.

    Args:
        client_id: tells the broker's operator who we are.
    """
    config: Config = {
        "ssl.endpoint.identification.algorithm": "https",
        **{name: _plain(value) for name, value in settings.client.items()},
        "bootstrap.servers": settings.bootstrap_servers,
        "client.id": client_id,
        "security.protocol": settings.security_protocol,
        "enable.metrics.push": False,
        "log_level": _LOG_LEVEL,
        "logger": _Voice(log, client_id),
        "error_cb": _Voice(log, client_id).failed,
    }
    if config.get("debug"):
        config["log_level"] = _DEBUG_LEVEL
    if settings.sasl_mechanism:
        config["sasl.mechanism"] = settings.sasl_mechanism
    if settings.sasl_username:
        config["sasl.username"] = settings.sasl_username
    if settings.sasl_password is not None:
        config["sasl.password"] = settings.sasl_password.reveal()
    return config


def _plain(value: object) -> object:
    return value.reveal() if isinstance(value, Secret) else value


class _Voice:
    """What one client says, as lines of ours: its log, which comes in the form of the standard library, and its errors.

    Both come from within a poll of that client, in whichever thread that is.
    """

    def __init__(self, log: Log, client_id: str) -> None:
        self._log = log
        self._client_id = client_id

    def log(self, level: int, form: str, facility: str, _name: str, text: str, /) -> None:
        """Take a line of librdkafka's log; a problem that it copes with is none of ours."""
        del form
        say = self._log.info
        if level >= _CRITICAL:
            say = self._log.error
        elif level >= _WARNING and facility != _UNUSED:
            say = self._log.warning
        elif level < _INFO:
            say = self._log.debug
        say("kafka.logged", client=self._client_id, code=facility, detail=text)

    def failed(self, error: KafkaError) -> None:
        """Take an error that librdkafka retries by itself."""
        self._log.warning("kafka.failed", client=self._client_id, code=error.name(), detail=error.str())
