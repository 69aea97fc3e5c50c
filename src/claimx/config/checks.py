"""What only several keys, or the meaning of one, can tell: checks of values that already have their types.

A check looks at what is there: a key that did not convert is absent and has its own problem.
"""

import base64
import binascii
import ipaddress
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import SplitResult, urlsplit

from claimx.config.tree import Secret

Values: TypeAlias = Mapping[str, Any]
"""Converted values by path, defaults included; a map's value is a dict."""

_LAKE_SCHEMES = ("file", "s3", "abfss", "az")
_HOST = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}")


class Finding(NamedTuple):
    """A problem of one key; the loader knows where it stands."""

    path: str
    message: str
    hint: str = ""


def token(values: Values) -> Iterator[Finding]:
    """``api.token`` is base64(user:password) and nothing else."""
    given = values.get("api.token")
    if not isinstance(given, Secret):
        return
    text = given.reveal()
    hint = "give base64(user:password), without the word Basic"
    if text.strip().lower().startswith("basic"):
        yield Finding("api.token", "begins with the word Basic", hint)
        return
    try:
        plain = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        yield Finding("api.token", "is not base64", hint)
        return
    if b":" not in plain:
        yield Finding("api.token", "is not base64 of user:password", hint)


def base_url(values: Values) -> Iterator[Finding]:
    """``api.base_url`` is https, or http to a host for which that is allowed."""
    given = values.get("api.base_url")
    if given is None:
        return
    url = _split(given)
    if url is None or url.scheme not in {"http", "https"} or not url.hostname:
        yield Finding(
            "api.base_url", "is not an http or https URL", "for example https://host/service/cxedirest"
        )
    elif url.username is not None or url.query or url.fragment:
        yield Finding(
            "api.base_url", "must have no user, query or fragment", "the credential stands in api.token"
        )
    elif url.scheme == "http" and not _may_be_insecure(url, values.get("download.allow_insecure_hosts", ())):
        hint = "use https, or name the host in download.allow_insecure_hosts"
        yield Finding("api.base_url", "sends the token over http", hint)


def _split(text: str) -> SplitResult | None:
    try:
        url = urlsplit(text)
        # reading the port is what checks it
        usable = url.port is None or url.port > 0
    except ValueError:
        return None
    return url if usable else None


def _may_be_insecure(url: SplitResult, allowed: tuple[str, ...]) -> bool:
    host = url.hostname or ""
    return host in allowed or f"{host}:{url.port}" in allowed or _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def lake_urls(values: Values) -> Iterator[Finding]:
    """``lake.tables_url`` and ``lake.files_url`` are places that claimx can write, apart from each other."""
    usable = []
    for path in ("lake.tables_url", "lake.files_url"):
        given = values.get(path)
        if given is None:
            continue
        url = _split(given)
        if not given or url is None or (url.scheme or "file") not in _LAKE_SCHEMES:
            schemes = ", ".join(f"{scheme}://" for scheme in _LAKE_SCHEMES)
            yield Finding(path, "is of no known kind", f"use a path, {schemes}")
        elif url.password is not None or url.query:
            # abfss://container@account is fine, a password or a signature is not
            yield Finding(path, "must have no password and no query", "credentials stand in [lake.storage]")
        else:
            usable.append(given.removeprefix("file://").rstrip("/") + "/")
    if any(one.startswith(other) for one, other in itertools.permutations(usable, 2)):
        yield Finding("lake.files_url", "overlaps lake.tables_url", "give tables and files a root each")


def hosts(values: Values) -> Iterator[Finding]:
    """Host lists hold host names: lower case, no scheme, no path; wildcards in ``allowed_hosts`` alone."""
    for path, wildcard, port in (
        ("download.allowed_hosts", True, False),
        ("download.auth_hosts", False, False),
        ("download.allow_insecure_hosts", False, True),
    ):
        for number, host in enumerate(values.get(path, ()), 1):
            name = re.sub(r":\d{1,5}$", "", host) if port else host
            if not _HOST.fullmatch(name) or (name.startswith("*.") and not wildcard):
                allowed = (
                    "a lower-case host name"
                    + (", or *.suffix" if wildcard else "")
                    + (", or host:port" if port else "")
                )
                yield Finding(path, f"entry {number} is not {allowed}", "no scheme, no path")


def bootstrap(values: Values) -> Iterator[Finding]:
    """``kafka.bootstrap_servers`` is a list of ``host:port``."""
    given = values.get("kafka.bootstrap_servers")
    if given is not None and not all(_HOST_PORT.fullmatch(part.strip()) for part in given.split(",")):
        yield Finding(
            "kafka.bootstrap_servers",
            "is not host:port, comma separated",
            "for example broker-1:9092,broker-2:9092",
        )


def unexpanded(values: Values) -> Iterator[Finding]:
    """A ``${NAME}`` that somebody hoped would be replaced."""
    for path, given in values.items():
        texts = given.items() if isinstance(given, dict) else [("", given)]
        for key, text in texts:
            if isinstance(text, str) and "${" in text:
                name = f"{path}.{key}" if key else path
                yield Finding(
                    name,
                    "has ${...} in it, and claimx expands no variables",
                    "set the key by its own variable",
                )


def not_empty(values: Values) -> Iterator[Finding]:
    """Keys that mean nothing when empty."""
    for path in ("kafka.group_id", "process.state_dir", "api.sender_username", "health.host"):
        if values.get(path) == "":
            yield Finding(path, "is empty")


def bounds(values: Values) -> Iterator[Finding]:
    """Bounds that hold other bounds."""
    for small, large in (
        ("download.memory_file_bytes", "limits.memory_bytes"),
        ("api.max_answer_bytes", "limits.memory_bytes"),
        ("lake.flush_bytes", "limits.memory_bytes"),
        ("download.max_bytes", "download.spool_bytes"),
    ):
        if small in values and large in values and values[small] > values[large]:
            yield Finding(small, f"is larger than {large}", f"{large} is {values[large]}")


def finite(values: Values) -> Iterator[Finding]:
    """No time is endless: every wait has a bound."""
    for path, given in values.items():
        numbers = given if isinstance(given, tuple) else (given,)
        if float("inf") in numbers:
            yield Finding(path, "must be finite", "every wait has a bound")
