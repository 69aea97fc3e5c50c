"""The simulator as an HTTP server: the API and the file service on one port, the object host on another."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import msgspec
from aiohttp import web

from claimx.domain.times import Micros
from claimx.sandbox.simulator.api import BASE, Api, answer
from claimx.sandbox.simulator.faults import Faults, Rule
from claimx.sandbox.simulator.gate import LOGIN, PAGE, Gate, refusal, wall_time
from claimx.sandbox.simulator.hosts import Hosts
from claimx.sandbox.simulator.signing import Signer
from claimx.sandbox.simulator.stats import Stats
from claimx.sandbox.simulator.world import World

_HOST = "127.0.0.1"
_SHUTDOWN_S = 0.5
_rules = msgspec.json.Decoder(list[Rule])


class Simulator:
    """Both servers; an async context manager.

    Args:
        token: what the API wants as ``Authorization: Basic``.
        now: what time it is for links and for what is not visible yet.
    """

    def __init__(
        self, world: World, faults: Faults, token: str, now: Callable[[], Micros] = wall_time
    ) -> None:
        self._faults = faults
        self.stats = Stats()
        self._exits = AsyncExitStack()
        self.file_base = ""
        self.object_base = ""
        gate, signer = Gate(faults, self.stats, token), Signer(world)
        self._main, self._objects = web.Application(), web.Application()
        api = Api(world, faults, signer, lambda: (self.file_base, self.object_base), now)
        api.add_routes(self._main, gate)
        hosts = Hosts(world, faults, self.stats, signer, lambda: self.object_base, now)
        hosts.add_file_service(self._main, gate)
        hosts.add_objects(self._objects, gate)
        for app in (self._main, self._objects):
            app.router.add_get(LOGIN, _login)
        self._main.router.add_post("/_control/faults", self._set_faults)
        self._main.router.add_get("/_control/faults", self._show_faults)
        self._main.router.add_get("/_control/stats", self._show_stats)

    @property
    def base_url(self) -> str:
        """What ``api.base_url`` is to be."""
        return self.file_base + BASE

    async def __aenter__(self) -> Self:
        self.file_base = await self._listen(self._main)
        self.object_base = await self._listen(self._objects)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exits.aclose()

    async def _listen(self, app: web.Application) -> str:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S, handler_cancellation=True)
        await runner.setup()
        self._exits.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, _HOST, 0).start()
        return f"http://{_HOST}:{runner.addresses[0][1]}"

    async def _set_faults(self, request: web.Request) -> web.Response:
        """Put the posted rules in force in place of all others."""
        try:
            self._faults.replace(_rules.decode(await request.read()))
        except msgspec.DecodeError as error:
            return refusal(400, str(error))
        return await self._show_faults(request)

    async def _show_faults(self, _: web.Request) -> web.Response:
        return answer(list(self._faults.rules))

    async def _show_stats(self, _: web.Request) -> web.Response:
        return answer(self.stats.as_json(self._faults.struck))


async def _login(_: web.Request) -> web.Response:
    return web.Response(text=PAGE, content_type="text/html")
