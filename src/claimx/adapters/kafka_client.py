"""What every Kafka client of ours is configured with."""

import time
from typing import Any

from confluent_kafka import KafkaError

from claimx.config.tree import Kafka as KafkaSettings
from claimx.config.tree import Secret
from claimx.telemetry.log import Log

Config = dict[str, Any]  # what librdkafka takes: plain values and callbacks

_QUIET_S = 10.0
"""During an outage librdkafka reports the same error about 20 times a second; one line in this time is told."""


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
        "log_level": 2,  # what matters comes by error_cb, as lines of ours
        "error_cb": _Quiet(log).failed,
    }
    if settings.sasl_mechanism:
        config["sasl.mechanism"] = settings.sasl_mechanism
    if settings.sasl_username:
        config["sasl.username"] = settings.sasl_username
    if settings.sasl_password is not None:
        config["sasl.password"] = settings.sasl_password.reveal()
    return config


def _plain(value: object) -> object:
    return value.reveal() if isinstance(value, Secret) else value


class _Quiet:
    def __init__(self, log: Log) -> None:
        self._log = log
        self._told: dict[str, float] = {}

    def failed(self, error: KafkaError) -> None:
        now = time.perf_counter()
        if now - self._told.get(error.name(), -_QUIET_S) >= _QUIET_S:
            self._told[error.name()] = now
            self._log.warning("kafka.failed", code=error.name(), detail=error.str())
