"""What may be fetched, how long, and under which name it is kept: rules over URLs and names that a server gave us.

Every one of them is hostile (reference/operations.md 7.1, 7.3). A URL is parsed once, here, and what comes out is the
very string to be fetched; whatever two parsers could read differently is refused.
"""

import re
import unicodedata
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple, NoReturn
from urllib.parse import parse_qsl, quote, urlsplit

from claimx.domain.times import SECOND, Micros, parse_time
from claimx.errors import PermanentError

MAX_URL_CHARS = 4096
EXPIRY_MARGIN: Micros = 60 * SECOND

_NON_ASCII = re.compile(r"[^\x00-\x7f]+")
_NETLOC = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([1-9][0-9]{0,4}))?")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)+(?![0-9]){_LABEL}")
_PORTS = {"http": 80, "https": 443}
_MAX_PORT = 65535

_FORBIDDEN_V4 = (
    IPv4Network("168.63.129.16/32"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("100.100.100.200/32"),
)
_NAT64 = IPv6Network("64:ff9b::/96")
_FORBIDDEN_V6 = (IPv6Network("64:ff9b:1::/48"), IPv6Network("2001::/32"), IPv6Network("fec0::/10"))

_MAX_DIGITS = 15
_END_OF_TIME: Micros = 253_402_300_800 * SECOND
_EPOCHS = range(1_000_000_000, 100_000_000_000)
_MAX_FIELDS = 100

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_NAME_BYTES = 120
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_REPLACED = re.compile(r'[<>:"|?*#%~]')
_SUFFIX = re.compile(r"[A-Za-z0-9]{1,10}")
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])", re.IGNORECASE)

_SNIFFED_BYTES = 1024
_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_PAGE_SUFFIXES = (".html", ".htm", ".xhtml", ".mht", ".mhtml")
_PAGE_START = re.compile(rb"<(!doctype\s+html|html|head|body|script|title|meta)[\s>/]", re.IGNORECASE)
_PREAMBLE = re.compile(rb"(\s|<!--.*?-->|<\?xml.*?\?>)*", re.DOTALL)
_BINARY_START = (b"%PDF", b"PK\x03\x04", b"\xff\xd8\xff", b"\x89PNG", b"GIF8")


class UrlRules(NamedTuple):
    """Which hosts may be asked.

    Args:
        allowed_hosts: exact names, or ``*.suffix`` for any name below a suffix of two labels or more.
        allow_insecure_hosts: ``host`` or ``host:port`` for which http, any port, IP literals and private addresses
            are fine.
    """

    allowed_hosts: tuple[str, ...]
    allow_insecure_hosts: tuple[str, ...] = ()


class Target(NamedTuple):
    """A URL that may be fetched.

    Args:
        url: the string to fetch, as it stands: ASCII, scheme and host in lower case, nothing else changed.
        host: in lower case; an IPv6 literal without its brackets.
        may_be_private: its address need not pass ``is_forbidden_address``.
    """

    url: str
    scheme: str
    host: str
    port: int
    may_be_private: bool


def check_url(url: str, rules: UrlRules) -> Target:
    """Check a URL against the rules; to be called again for each hop of a redirect, and its address after resolution.

    Raises:
        PermanentError: ``url.refused``, with a reason that holds nothing of path and query.
    """
    target = _target(_ascii(url))
    if target.port <= _MAX_PORT and _is_insecure(target, rules.allow_insecure_hosts):
        return target._replace(host=target.host.strip("[]"), may_be_private=True)
    if target.scheme != "https":
        _refuse("the scheme is not https")
    if target.port != _PORTS["https"]:
        _refuse(f"port {target.port} is not 443")
    if not _HOST.fullmatch(target.host):
        _refuse("the host is not a name")
    if not _is_allowed(target.host, rules.allowed_hosts):
        _refuse(f"host {target.host[:100]} is not allowed")
    return target


def is_forbidden_address(address: str) -> bool:
    """Whether a resolved address is private, local, reserved or a cloud's own; what is no address is forbidden too."""
    try:
        ip = ip_address(address.partition("%")[0])
    except (AddressValueError, ValueError):
        return True
    if isinstance(ip, IPv6Address):
        inner = _inner_v4(ip)
        if inner is None:
            return not _is_public(ip) or any(ip in network for network in _FORBIDDEN_V6)
        ip = inner
    return not _is_public(ip) or any(ip in network for network in _FORBIDDEN_V4)


def expires_at(url: str) -> Micros | None:
    """When a signed URL stops working, by its parameters; None if it does not say."""
    return _validity(url)[1]


def is_expired(url: str, now: Micros) -> bool:
    """Whether a URL is expired, or will be within 60 seconds or a quarter of its lifetime, the smaller."""
    begin, end = _validity(url)
    if end is None:
        return False
    lifetime = 4 * EXPIRY_MARGIN if begin is None else max(0, end - begin)
    return now >= end - min(EXPIRY_MARGIN, lifetime // 4)


def object_key(project_id: str, media_id: str, file_name: str | None) -> str:
    """Make the deterministic key of a file under ``files_url``: ``{project_id}/{media_id}/{safe_name}``.

    Raises:
        PermanentError: ``file.bad_id``, an id that cannot be part of a path.
    """
    if not _ID.fullmatch(project_id) or not _ID.fullmatch(media_id):
        raise PermanentError("file.bad_id", "project_id or media_id cannot be part of a path")
    return f"{project_id}/{media_id}/{safe_name(file_name, media_id)}"


def safe_name(name: str | None, media_id: str) -> str:
    """Clean a file name for every file system and store: one path part, no control characters, at most 120 bytes.

    The extension is kept in lower case if it is one (ten letters or digits at most). Nothing left: ``media_<id>``.
    """
    text = unicodedata.normalize("NFC", name or "").replace("\\", "/").rpartition("/")[2]
    text = "".join(char for char in text if unicodedata.category(char) not in _DROPPED or char.isspace())
    text = _REPLACED.sub("_", unicodedata.normalize("NFC", " ".join(text.split()))).strip(" .")
    stem, dot, suffix = text.rpartition(".")
    if not dot or not _SUFFIX.fullmatch(suffix):
        stem, suffix = text, ""
    ending = f".{suffix.lower()}" if suffix else ""
    stem = stem.rstrip(" .")
    if _DEVICE.fullmatch(stem.partition(".")[0].rstrip()):
        stem = f"_{stem}"
    room = _MAX_NAME_BYTES - len(ending)
    stem = stem.encode()[:room].decode(errors="ignore").rstrip(" .")
    return (stem or f"media_{media_id}") + ending


def looks_like_html(content_type: str | None, first_bytes: bytes, file_name: str | None) -> bool:
    """Whether a page came where the name promises another kind of file: then the link is stale.

    Args:
        content_type: as sent, with or without parameters.
        first_bytes: the beginning of the body, some hundred bytes.
        file_name: as the API says.
    """
    if file_name is not None and file_name.strip().lower().endswith(_PAGE_SUFFIXES):
        return False
    head = first_bytes.removeprefix(b"\xef\xbb\xbf")
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        head = head[2:].replace(b"\0", b"")
    head = head[:_SNIFFED_BYTES]
    preamble = _PREAMBLE.match(head)
    if _PAGE_START.match(head, preamble.end() if preamble else 0):
        return True
    kind = (content_type or "").partition(";")[0].strip().lower()
    return kind in _PAGE_TYPES and not head.startswith(_BINARY_START) and b"\0" not in head


def _refuse(reason: str) -> NoReturn:
    raise PermanentError("url.refused", reason)


def _ascii(url: str) -> str:
    """Percent-encode what is not ASCII, as browsers do; in a host that makes it malformed."""
    if not url.isprintable() or " " in url or "\\" in url:
        _refuse("it has blanks, backslashes or control characters")
    if "#" in url:
        _refuse("it has a fragment")
    text = url if url.isascii() else _NON_ASCII.sub(lambda match: quote(match[0]), url)
    if len(text) > MAX_URL_CHARS:
        _refuse(f"it is longer than {MAX_URL_CHARS} characters")
    return text


def _target(text: str) -> Target:
    """Take a URL apart; an IPv6 host keeps its brackets."""
    scheme, colon, rest = text.partition("://")
    scheme = scheme.lower()
    if not colon or scheme not in _PORTS:
        _refuse("the scheme is not https")
    try:
        netloc = urlsplit(f"{scheme}://{rest}").netloc
    except ValueError:
        _refuse("it cannot be parsed")
    if "@" in netloc:
        _refuse("it names a user")
    match = _NETLOC.fullmatch(netloc.lower())
    if match is None:
        _refuse("the host is malformed")
    port = int(match[2]) if match[2] else _PORTS[scheme]
    url = f"{scheme}://{match[0]}{rest[len(netloc) :]}"
    return Target(url, scheme, match[1], port, may_be_private=False)


def _is_insecure(target: Target, hosts: tuple[str, ...]) -> bool:
    known = {name.lower() for name in hosts}
    return not known.isdisjoint({target.host, target.host.strip("[]"), f"{target.host}:{target.port}"})


def _is_allowed(host: str, patterns: tuple[str, ...]) -> bool:
    for pattern in patterns:
        star, _, suffix = pattern.lower().partition(".")
        if host == pattern.lower() or (star == "*" and "." in suffix and host.endswith(f".{suffix}")):
            return True
    return False


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _inner_v4(ip: IPv6Address) -> IPv4Address | None:
    """Unwrap an IPv4 address that travels inside an IPv6 one: mapped, 6to4 or NAT64."""
    inner = ip.ipv4_mapped or ip.sixtofour
    return IPv4Address(int(ip) & 0xFFFFFFFF) if inner is None and ip in _NAT64 else inner


def _validity(url: str) -> tuple[Micros | None, Micros | None]:
    """When a signed URL began to work and when it stops, each if known.

    Source: reference/domain.md 2.4, 5.5: the file service of ClaimX, S3 and Google version 4, version 2 of both, Azure.
    """
    try:
        pairs = parse_qsl(url.partition("?")[2], max_num_fields=_MAX_FIELDS)
    except ValueError:
        return None, None
    fields = {name.lower(): value for name, value in reversed(pairs)}
    begin, end = _signed(fields)
    if end is None or not 0 < end < _END_OF_TIME:
        return None, None
    return begin, end


def _signed(fields: dict[str, str]) -> tuple[Micros | None, Micros | None]:
    begin, ttl = _number(fields.get("systemdate")), _number(fields.get("expires"))
    if begin is not None and ttl is not None:
        return begin * 1000, (begin + ttl) * 1000
    for vendor in ("amz", "goog"):
        begin, ttl = parse_time(fields.get(f"x-{vendor}-date")), _number(fields.get(f"x-{vendor}-expires"))
        if begin is not None and ttl is not None:
            return begin, begin + ttl * SECOND
    end = _number(fields.get("expires"))
    if end is not None and end in _EPOCHS:
        return None, end * SECOND
    if "sig" in fields:
        return parse_time(fields.get("st")), parse_time(fields.get("se"))
    return None, None


def _number(text: str | None) -> int | None:
    if text is None or len(text) > _MAX_DIGITS or not text.isascii() or not text.isdigit():
        return None
    return int(text)
