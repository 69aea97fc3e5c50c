"""What both HTTP clients do alike: sessions without surprises, and how patience is read."""

from email.utils import parsedate_to_datetime

import aiohttp

import claimx
from claimx.domain.times import SECOND, Micros

READ_BYTES = 256 * 1024
_MAX_PATIENCE_S = 3600.0


def make_session(connector: aiohttp.TCPConnector, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientSession:
    """Make a session that reads no environment, keeps no cookies, and takes bodies as they were sent."""
    return aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        trust_env=False,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=READ_BYTES,
        headers={"Accept-Encoding": "identity", "User-Agent": f"claimx/{claimx.__version__}"},
    )


def basic(token: str) -> str:
    """The value of the Authorization header for a token with or without the word Basic, a BOM, a line's end."""
    bare = token.removeprefix("\ufeff").strip()
    return f"Basic {bare[6:].strip() if bare[:6].lower() == 'basic ' else bare}"


def is_encoded(response: aiohttp.ClientResponse) -> bool:
    """Whether the body is compressed although we asked for it as it is."""
    return response.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}


def retry_after_s(response: aiohttp.ClientResponse, now: Micros) -> float:
    """Seconds of patience that a Retry-After header asks for, as a number or a date; at most an hour, else 0."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), _MAX_PATIENCE_S)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - now / SECOND
    except (ValueError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), _MAX_PATIENCE_S)
