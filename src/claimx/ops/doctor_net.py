"""The checks of a host, step by step: its name, its port, its certificate, an answer, its clock."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from claimx.domain.files import is_forbidden_address
from claimx.domain.times import SECOND, Micros, format_time
from claimx.errors import OperationError
from claimx.ops.doctor import Check, Seen
from claimx.ports.probes import Endpoint, NetProbe, TlsFacts

CERTIFICATE_DAYS = 14
"""A certificate that runs out sooner is warned of."""
_SKEW_WARN_S = 30
_SKEW_FAIL_S = 300
"""Azure and Kerberos refuse requests that are 5 minutes off, S3 those of 15."""
_DAY_S = 86_400
_PORTS = {"https": 443, "http": 80}
_SHOWN_ADDRESSES = 3


class Site(NamedTuple):
    """A host that is talked to.

    Args:
        group: what its checks are named after.
        key: the setting that names it.
        public_only: claimx refuses to connect to a private address of it.
        url: answers by HTTP; None: it is not asked.
    """

    group: str
    endpoint: Endpoint
    key: str
    is_tls: bool
    public_only: bool = False
    url: str | None = None


def site_of(group: str, url: str, key: str) -> Site:
    """The site of an http or https URL that the settings hold."""
    parts = urlsplit(url)
    port = parts.port or _PORTS[parts.scheme]
    bare = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return Site(group, Endpoint(parts.hostname or "", port), key, parts.scheme == "https", url=bare)


def broker_sites(servers: str, *, is_tls: bool) -> list[Site]:
    """The sites of ``kafka.bootstrap_servers``."""
    found = [urlsplit(f"//{each.strip()}") for each in servers.split(",")]
    return [
        Site("kafka", Endpoint(each.hostname or "", each.port or 9092), "kafka.bootstrap_servers", is_tls)
        for each in found
    ]


def site_checks(net: NetProbe, site: Site, now: Callable[[], Micros]) -> list[Check]:
    """Every step to a site, in the order in which a client takes them."""
    host, target = site.endpoint.host, str(site.endpoint)

    async def resolve() -> Seen:
        addresses = await net.resolve(host)
        if site.public_only and (private := [each for each in addresses if is_forbidden_address(each)]):
            raise OperationError(
                f"{private[0]} is no public address, and files are fetched from public ones alone",
                f"if that is meant, name {host} in download.allow_insecure_hosts",
            )
        return Seen(_some(addresses))

    async def connect() -> Seen:
        await net.connect(site.endpoint)
        return Seen("open")

    async def handshake() -> Seen:
        return judge_certificate(await net.handshake(site.endpoint), now())

    checks = [
        Check(
            f"{site.group}.dns", host, resolve, f"is {site.key} right, and does this host's resolver know it?"
        ),
        Check(
            f"{site.group}.tcp",
            target,
            connect,
            f"is it up, is {site.key} right, does a firewall let this host through?",
        ),
    ]
    if site.is_tls:
        checks.append(Check(f"{site.group}.tls", target, handshake, "renew the certificate, or trust its CA"))
    if site.url is not None:
        checks += _Http(net, site, site.url).checks()
    return checks


class _Http:
    """Whether a host answers, and what its clock is: one question for both."""

    def __init__(self, net: NetProbe, site: Site, url: str) -> None:
        self._net = net
        self._site = site
        self._url = url
        self._ahead: Micros | None = None

    def checks(self) -> list[Check]:
        """The two checks."""
        group, target = self._site.group, str(self._site.endpoint)
        busy = f"the port is open and nobody answers: is {self._site.key} right, is a proxy between, is it overloaded?"
        wrong = "let NTP or chrony set the clock of this host: signatures and signed links depend on it"
        return [
            Check(f"{group}.http", target, self._answers, busy),
            Check(f"{group}.clock", target, self._clock, wrong, is_gate=False),
        ]

    async def _answers(self) -> Seen:
        facts = await self._net.ask(self._url)
        self._ahead = facts.ahead
        return Seen(f"status {facts.status}, without a credential")

    async def _clock(self) -> Seen:
        return judge_skew(self._ahead, str(self._site.endpoint))


def judge_skew(ahead: Micros | None, target: str) -> Seen:
    """Some seconds do no harm.

    Args:
        ahead: how far the other clock is.
    """
    if ahead is None:
        return Seen("it does not tell its time")
    seconds = abs(ahead) / SECOND
    text = f"{seconds:,.0f} s apart"
    said = [f"our clock is {seconds:,.0f} s {'behind' if ahead > 0 else 'ahead of'} {target}"]
    if seconds >= _SKEW_FAIL_S:
        return Seen(text, problems=said)
    return Seen(text, said if seconds >= _SKEW_WARN_S else ())


def file_sites(allowed: Sequence[str], insecure: Sequence[str]) -> list[Site]:
    """The hosts that files come from. A wildcard names none, so it is not among them."""
    sites = []
    ports: dict[str, list[int]] = {}
    for each in insecure:
        name, _, port = each.partition(":")
        ports.setdefault(name, []).extend([int(port)] if port else [])
    for host in allowed:
        if host.startswith("*."):
            continue
        key = "download.allowed_hosts"
        if host in ports:
            sites += [Site("hosts", Endpoint(host, port), key, is_tls=False) for port in ports[host] or [443]]
        else:
            sites.append(Site("hosts", Endpoint(host, 443), key, is_tls=True, public_only=True))
    return sites


def store_url(url: str, storage: Mapping[str, str]) -> str | None:
    """Where the store of a root is asked, without credentials; None for a local one, or where only the library knows.

    Args:
        storage: the options, by name; a secret one may be left out.
    """
    parts = urlsplit(url)
    options = {name.lower(): value for name, value in storage.items()}
    named = next((options[name] for name in _ENDPOINTS.get(parts.scheme, ()) if options.get(name)), None)
    if named is not None:
        return named if "://" in named else f"https://{named}"
    match parts.scheme:
        case "s3":
            region = options.get("aws_region") or options.get("region") or options.get("aws_default_region")
            return f"https://s3.{region}.amazonaws.com" if region else None
        case "abfss" | "abfs" if "." in (parts.hostname or ""):
            return f"https://{parts.hostname}"
        case "abfss" | "abfs" | "az":
            account = options.get("azure_storage_account_name") or options.get("account_name")
            return f"https://{account}.blob.core.windows.net" if account else None
        case _:
            return None


_AZURE = ("azure_storage_endpoint", "azure_endpoint", "endpoint")
_ENDPOINTS: Mapping[str, Sequence[str]] = {
    "s3": ("aws_endpoint_url", "aws_endpoint", "endpoint_url", "endpoint"),
    "abfss": _AZURE,
    "abfs": _AZURE,
    "az": _AZURE,
}


def judge_certificate(facts: TlsFacts, now: Micros) -> Seen:
    """A certificate that is accepted may run out soon."""
    if not facts.is_verified:
        return Seen(facts.protocol, ["nobody looks whether the certificate is the host's own"])
    if facts.not_after is None:
        return Seen(facts.protocol)
    until = f"certificate of {facts.issuer} until {format_time(facts.not_after)[:10]}"
    days = (facts.not_after - now) / SECOND / _DAY_S
    warnings = [f"its certificate runs out in {max(0, int(days))} days"] if days < CERTIFICATE_DAYS else ()
    return Seen(f"{facts.protocol}, {until}", warnings)


def _some(addresses: Sequence[str]) -> str:
    more = len(addresses) - _SHOWN_ADDRESSES
    return ", ".join(addresses[:_SHOWN_ADDRESSES]) + (f" and {more} more" if more > 0 else "")
