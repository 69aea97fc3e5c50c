"""Signed links of the file service and presigned links of the object host (Source: reference/domain.md 2.4). Pure."""

import hmac
import re
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import quote, urlencode
from uuid import UUID

from claimx.domain.times import SECOND, Micros, parse_time, to_datetime
from claimx.sandbox.simulator.world import Media, World

FILE_SERVICE = "/service/cxfileservice/get/"
BUCKET = "/bucket/"
_CREDENTIAL = "SANDBOX/20260111/us-west-2/s3/aws4_request"
_MILLISECOND = SECOND // 1000
_MOST_DIGITS = 15
_NAME = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-([0-9a-f]{12})")


class Signer:
    """Makes links, and tells whose file a link names and whether it still holds."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._secret = sha256(f"signing:{world.seed}".encode()).digest()

    def file_link(self, base_url: str, media: Media, now: Micros, ttl_ms: int) -> str:
        """Sign a link of the file service. Its path has no extension: the name is in the query."""
        uuid, name = self._uuid(media.media_id), media.name or f"{media.media_id}.{media.kind}"
        made_ms = now // _MILLISECOND
        query = {
            "filename": name,
            "sign": self._sign(uuid, name, made_ms, ttl_ms),
            "systemDate": made_ms,
            "expires": ttl_ms,
        }
        return f"{base_url}{FILE_SERVICE}{uuid}?{urlencode(query, quote_via=quote)}"

    def of_file_link(self, uuid: str, query: Mapping[str, str], now: Micros) -> Media | None:
        """Find the file of a link of the file service; None for a bad signature or an old link."""
        made_ms, ttl_ms = _number(query.get("systemDate")), _number(query.get("expires"))
        signed = self._sign(uuid, query.get("filename", ""), made_ms, ttl_ms)
        if not hmac.compare_digest(signed.encode(), query.get("sign", "").encode()):
            return None
        return self._media(uuid) if now // _MILLISECOND < made_ms + ttl_ms else None

    def object_link(self, base_url: str, media: Media, now: Micros, ttl_s: int) -> str:
        """Presign a link of the object host, for GET alone."""
        path = f"{BUCKET}{self._uuid(media.media_id)}.{media.kind}"
        made = f"{to_datetime(now):%Y%m%dT%H%M%SZ}"
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": _CREDENTIAL,
            "X-Amz-Date": made,
            "X-Amz-Expires": ttl_s,
            "X-Amz-SignedHeaders": "host",
            "X-Amz-Signature": self._sign("GET", path, made, ttl_s),
        }
        return f"{base_url}{path}?{urlencode(query)}"

    def of_object_link(self, method: str, path: str, query: Mapping[str, str], now: Micros) -> Media | str:
        """Find the file of a presigned link, or say what is wrong with the link."""
        made, ttl_s = query.get("X-Amz-Date", ""), _number(query.get("X-Amz-Expires"))
        signed = self._sign(method, path, made, ttl_s)
        if not hmac.compare_digest(signed.encode(), query.get("X-Amz-Signature", "").encode()):
            return "The request signature we calculated does not match the signature you provided"
        if now >= (parse_time(made) or 0) + ttl_s * SECOND:
            return "Request has expired"
        uuid = path.removeprefix(BUCKET).partition(".")[0]
        return self._media(uuid) or "Access Denied"

    def _sign(self, *parts: object) -> str:
        text = "\n".join(map(str, parts))
        return hmac.new(self._secret, text.encode(errors="surrogatepass"), sha256).hexdigest()

    def _uuid(self, media_id: int) -> str:
        """Make the public name of a file."""
        tag = hmac.new(self._secret, f"uuid:{media_id}".encode(), sha256).digest()[:10]
        return str(UUID(bytes=tag + media_id.to_bytes(6, "big")))

    def _media(self, uuid: str) -> Media | None:
        return self._world.media(media_id_of(uuid))


def media_id_of(uuid: str) -> int:
    """Read the media id off the public name of a file; 0 where it is no such name."""
    found = _NAME.fullmatch(uuid)
    return int(found[1], 16) if found else 0


def _number(text: str | None) -> int:
    return int(text) if text and len(text) <= _MOST_DIGITS and text.isascii() and text.isdigit() else 0
