"""Presets: the commented claimx.toml with some of its keys set. There is one template; a preset is what differs."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from claimx.config.master import init_text

_TABLE = re.compile(r"\[([a-z_.]+)\]")
_KEY = re.compile(r"#?([a-z_]+) = ")

Values = Mapping[str, str]

_LOCAL: Values = {
    "kafka.bootstrap_servers": '"127.0.0.1:9092"',
    "download.spool_bytes": "2147483648",
    "lake.flush_interval_s": "1.0",
    "retry.delays_s": "[10.0, 30.0, 60.0]",
    "health.host": '"127.0.0.1"',
    "log.format": '"console"',
}
"""One machine, a broker on loopback, tables and files below .claimx: failures and rows are seen soon."""

_EVENT_HUBS: Values = {
    "kafka.bootstrap_servers": '"NAMESPACE.servicebus.windows.net:9093"',
    "kafka.security_protocol": '"SASL_SSL"',
    "kafka.sasl_mechanism": '"PLAIN"',
    "kafka.sasl_username": '"$ConnectionString"',
    "kafka.sasl_password": '{ env = "EVENTHUBS_CONNECTION_STRING" }',
    'kafka.client."socket.keepalive.enable"': "true",
    'kafka.client."metadata.max.age.ms"': "180000",
    'kafka.client."connections.max.idle.ms"': "180000",
    'kafka.client."request.timeout.ms"': "30000",
    'kafka.client."session.timeout.ms"': "30000",
    'kafka.client."heartbeat.interval.ms"': "3000",
    'kafka.client."compression.codec"': '"none"',
}
"""Source: Microsoft, "Recommended configurations for Apache Kafka clients" (azure/event-hubs/apache-kafka-configurations):
connections that are idle for 240 s are closed; requests of less than 20 s are not guaranteed; compression is no matter of
every tier."""

PRESETS: Mapping[str, Values] = MappingProxyType({"local": _LOCAL, "eventhubs": _EVENT_HUBS})
"""By name, the TOML of each key that is set."""


def preset_text(name: str | None) -> str:
    """The commented file, with the keys of a preset set.

    Raises:
        KeyError: no such preset.
    """
    return overlaid(init_text(), {} if name is None else PRESETS[name])


def overlaid(text: str, values: Values) -> str:
    """Set keys where they stand; those of a table of free keys stand below its heading.

    Raises:
        ValueError: the file has no place for a key.
    """
    left = dict(values)
    lines = []
    table = ""
    for line in text.splitlines():
        key = _KEY.match(line)
        path = f"{table}.{key[1]}" if key else ""
        lines.append(f"{key[1]} = {left.pop(path)}" if key and path in left else line)
        if heading := _TABLE.fullmatch(line):
            table = heading[1]
            free = [each for each in left if each.startswith(f'{table}."')]
            lines += [f"{each.removeprefix(f'{table}.')} = {left.pop(each)}" for each in free]
    if left:
        raise ValueError(f"no place for {', '.join(left)}")
    return "\n".join([*lines, ""])
