"""The hosts of media files: the file service, and the object host that it sends its callers to."""

import re
from collections.abc import AsyncIterator, Callable, Sequence

from aiohttp import web

from claimx.domain.times import Micros
from claimx.sandbox.simulator.faults import Faults
from claimx.sandbox.simulator.gate import PAGE, Gate
from claimx.sandbox.simulator.signing import BUCKET, FILE_SERVICE, Signer, media_id_of
from claimx.sandbox.simulator.stats import Stats
from claimx.sandbox.simulator.world import Media, World

_TTL_S = 300
_TYPES = {"jpg": "image/jpeg", "pdf": "application/pdf", "mp4": "video/mp4"}
_ANONYMOUS_EVERY = 5
_RANGE = re.compile(r"bytes=(\d{1,12})-(\d{0,12})")


class Hosts:
    """Both hosts.

    Args:
        object_base: base URL of the object host, known once it listens.
    """

    def __init__(
        self,
        world: World,
        faults: Faults,
        stats: Stats,
        signer: Signer,
        object_base: Callable[[], str],
        now: Callable[[], Micros],
    ) -> None:
        self._world = world
        self._faults = faults
        self._stats = stats
        self._signer = signer
        self._object_base = object_base
        self._now = now

    def add_file_service(self, app: web.Application, gate: Gate) -> None:
        """Put the file service behind the gate."""
        app.router.add_get(
            FILE_SERVICE + "{uuid}", gate.guard("file", self._identify, self.redirect), allow_head=False
        )

    def add_objects(self, app: web.Application, gate: Gate) -> None:
        """Put the object host behind the gate."""
        app.router.add_route("*", BUCKET + "{name}", gate.guard("object", self._identify, self.object))

    async def redirect(self, request: web.Request) -> web.Response:
        """Answer 302 to the object host; a link that is bad or old gets the log-in page, with 200."""
        media = self._signer.of_file_link(request.match_info["uuid"], request.query, self._now())
        if media is None:
            return web.Response(text=PAGE, content_type="text/html")
        location = self._signer.object_link(self._object_base(), media, self._now(), _TTL_S)
        return web.Response(status=302, headers={"Location": location})

    async def object(self, request: web.Request) -> web.Response:
        """Answer a presigned GET, whole or a range; anything else is refused: the signature is for GET."""
        found = self._signer.of_object_link(request.method, request.path, request.query, self._now())
        if isinstance(found, str):
            return _denied(found)
        self._stats.files[found.media_id] += 1
        large = self._faults.large_bytes(str(found.media_id))
        content = self._world.content(found) if large is None else b""
        length, kind = large or len(content), _content_type(found)
        asked = _RANGE.fullmatch(request.headers.get("Range", ""))
        first, last = (int(asked[1]), min(int(asked[2] or length), length - 1)) if asked else (0, length - 1)
        if first > last:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{length}"})
        body: bytes | AsyncIterator[bytes] = content[first : last + 1]
        headers = {"Accept-Ranges": "bytes"}
        if large is not None:
            body = _pieces(self._world, found, first, last)
            headers["Content-Length"] = str(last + 1 - first)
        if asked is None:
            return web.Response(body=body, content_type=kind, headers=headers)
        headers["Content-Range"] = f"bytes {first}-{last}/{length}"
        return web.Response(status=206, body=body, content_type=kind, headers=headers)

    async def _identify(self, request: web.Request) -> Sequence[str]:
        name = request.path.rpartition("/")[2].partition(".")[0]
        return (str(media_id_of(name)),)


async def _pieces(world: World, media: Media, first: int, last: int) -> AsyncIterator[bytes]:
    """Pass a large file on; the server waits between the pieces until the client has taken them."""
    for piece in world.pieces(media, last + 1, first):
        yield piece


def _content_type(media: Media) -> str:
    """Now and then the default of object stores instead of the real type."""
    return "binary/octet-stream" if media.media_id % _ANONYMOUS_EVERY == 0 else _TYPES[media.kind]


def _denied(message: str) -> web.Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>'
    return web.Response(status=403, text=text, content_type="application/xml")
