"""Checks of ``[kafka]``: topic names, SASL, and which librdkafka options would break a promise."""

import re
from collections.abc import Iterator

from claimx.config.checks import Finding, Values
from claimx.config.leaves import TABLES

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_CREDENTIALS = ("kafka.sasl_username", "kafka.sasl_password")
_OWN_KEY = {
    "bootstrap.servers": "kafka.bootstrap_servers",
    "metadata.broker.list": "kafka.bootstrap_servers",
    "group.id": "kafka.group_id",
    "security.protocol": "kafka.security_protocol",
    "sasl.mechanism": "kafka.sasl_mechanism",
    "sasl.mechanisms": "kafka.sasl_mechanism",
    "sasl.username": "kafka.sasl_username",
    "sasl.password": "kafka.sasl_password",
    "group.protocol": "kafka.group_protocol",
}
_PROMISES = {
    "enable.auto.commit": "offsets follow effects: claimx commits its own frontier",
    "auto.commit.interval.ms": "offsets follow effects: claimx commits its own frontier",
    "enable.auto.offset.store": "offsets follow effects: claimx commits its own frontier",
    "auto.offset.reset": "an offset out of range stops the process: nothing is skipped in silence",
    "enable.partition.eof": "claimx needs the end of each partition to know that it is idle",
    "partition.assignment.strategy": "claimx fences by its own assignment protocol",
    "acks": "a handed-on record must be on every replica",
    "request.required.acks": "a handed-on record must be on every replica",
    "enable.idempotence": "a handed-on record must arrive once and in order",
    "transactional.id": "claimx is idempotent without transactions",
    "isolation.level": "records of an aborted transaction are no events",
    "enable.ssl.certificate.verification": "a broker that is not verified would be told our password",
    "queued.min.messages": "prefetch is part of limits.memory_bytes",
    "queued.max.messages.kbytes": "prefetch is part of limits.memory_bytes",
}
_BROKER_DECIDES = (
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "group.protocol.type",
)
"""What librdkafka refuses with group.protocol = consumer."""


def client(values: Values) -> Iterator[Finding]:
    """``[kafka.client]`` takes any librdkafka option but those that claimx must decide itself."""
    for option in values.get("kafka.client", {}):
        path = f"kafka.client.{option}"
        if option in _OWN_KEY:
            yield Finding(path, "has a key of its own", f"set {_OWN_KEY[option]}")
        elif option in _PROMISES:
            yield Finding(path, "is not for you to set", _PROMISES[option])
        elif option in _BROKER_DECIDES and values.get("kafka.group_protocol") == "consumer":
            yield Finding(path, 'is the broker\'s to decide with group_protocol = "consumer"', "leave it out")


def topics(values: Values) -> Iterator[Finding]:
    """Topic names are valid and distinct."""
    seen: dict[str, str] = {}
    for key in TABLES["kafka.topics"].__struct_fields__:
        path = f"kafka.topics.{key}"
        name = values.get(path)
        if name is None:
            continue
        if not _TOPIC.fullmatch(name):
            yield Finding(
                path, "is not a topic name", "1 to 249 letters, digits, dots, dashes and underscores"
            )
        elif name in seen:
            yield Finding(path, f"is the same topic as {seen[name]}", "give each its own")
        seen.setdefault(name, path)


def sasl(values: Values) -> Iterator[Finding]:
    """SASL is complete, or absent."""
    protocol, mechanism = values.get("kafka.security_protocol"), values.get("kafka.sasl_mechanism")
    if protocol is None or mechanism is None:
        return
    if not protocol.startswith("SASL_"):
        for path in ("kafka.sasl_mechanism", *_CREDENTIALS):
            if values.get(path):
                yield Finding(path, f'has no meaning with security_protocol = "{protocol}"', "use SASL_SSL")
    elif not mechanism:
        hint = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
        yield Finding("kafka.sasl_mechanism", f"is required with {protocol}", hint)
    else:
        yield from _credentials(values, mechanism)


def _credentials(values: Values, mechanism: str) -> Iterator[Finding]:
    for path in _CREDENTIALS if mechanism != "OAUTHBEARER" else ():
        if path in values and not values[path]:
            yield Finding(path, f"is required with {mechanism}")
