"""Starts the sandbox's processes, each ended by its own process id, and tells what a pipeline needs to reach them."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import msgspec

from claimx.config.tree import Topics
from claimx.errors import ClaimxError

_READY_S = 30.0
_END_S = 5.0
_TAIL_BYTES = 2000
_TOKEN = "c2FuZGJveC11c2VyOm5vdC1hLXJlYWwtcGFzc3dvcmQ="  # noqa: S105  # base64 of sandbox-user:not-a-real-password
_GROUP = "claimx-sandbox"
PARTITIONS = 24


class SandboxError(ClaimxError):
    """A process of the sandbox did not start, or ended too early."""


class Child:
    """One process of the sandbox: ``python -m <module>``.

    Args:
        log: where its stderr goes.
    """

    def __init__(self, module: str, arguments: Sequence[str], log: Path) -> None:
        self.facts: dict[str, str | int] = {}
        self._module = module
        self._arguments = arguments
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self._module,
                *self._arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # a Ctrl-C is ours to handle: the children end after the drain
            )
        try:
            async with asyncio.timeout(_READY_S):
                line = await self._process.stdout.readline() if self._process.stdout else b""
            self.facts = msgspec.json.decode(line)
        except (TimeoutError, msgspec.DecodeError) as error:
            await self.__aexit__(None, None, None)
            raise SandboxError(f"{self._module} did not start: {self._tail()}") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(_END_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def done(self) -> None:
        """Wait until the process has ended by itself.

        Raises:
            SandboxError: it failed.
        """
        if self._process is not None and await self._process.wait():
            raise SandboxError(f"{self._module} failed: {self._tail()}")

    def _tail(self) -> str:
        return self._log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip() or "no message"


class Broker(Child):
    """The embedded broker in a process of its own, with every topic of ours."""

    def __init__(self, topics: Topics, log: Path) -> None:
        names = ",".join(msgspec.structs.astuple(topics))
        super().__init__("claimx.sandbox.broker", ["--topics", names, "--partitions", str(PARTITIONS)], log)

    @property
    def bootstrap_servers(self) -> str:
        """``host:port``."""
        return str(self.facts["bootstrap_servers"])


class Sandbox:
    """Broker, simulator and feed.

    Args:
        broker: ``host:port`` of a broker to use in place of the embedded one; its topics must be there.
        state_dir: tables, files, state and the logs of the processes go below it.
    """

    def __init__(
        self, seed: int, events: int, *, faults: bool = False, broker: str | None = None, state_dir: Path
    ) -> None:
        self._seed = str(seed)
        self._events = str(events)
        self._faults = faults
        self._servers = broker or ""
        self._dir = state_dir
        self._stack = AsyncExitStack()
        self._simulator: Child | None = None
        self._feed: Child | None = None

    async def __aenter__(self) -> Self:
        logs = self._dir / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        try:
            if not self._servers:
                broker = await self._stack.enter_async_context(Broker(Topics(), logs / "broker.log"))
                self._servers = broker.bootstrap_servers
            faults = ["--faults"] if self._faults else []
            simulator = Child(
                "claimx.sandbox.simulator",
                ["--seed", self._seed, "--token", _TOKEN, *faults],
                logs / "simulator.log",
            )
            self._simulator = await self._stack.enter_async_context(simulator)
            self._feed = await self._stack.enter_async_context(self._make_feed(logs / "feed.log"))
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def _make_feed(self, log: Path) -> Child:
        return Child(
            "claimx.sandbox.feed",
            [
                *("--bootstrap-servers", self._servers),
                *("--topic", Topics().events_raw),
                *("--group-id", f"{_GROUP}.ingest"),
                *("--seed", self._seed),
                *("--events", self._events),
            ],
            log,
        )

    async def feed_done(self) -> None:
        """Wait until every event is on the topic.

        Raises:
            SandboxError: the feed failed.
        """
        if self._feed is not None:
            await self._feed.done()

    def settings_overrides(self) -> dict[str, object]:
        """Settings, by dotted key, with which a pipeline works on this sandbox."""
        facts = self._simulator.facts if self._simulator else {}
        hosts = [urlsplit(str(facts[name])).netloc for name in ("base_url", "object_base")]
        return {
            "process.state_dir": str(self._dir / "state"),
            "kafka.bootstrap_servers": self._servers,
            "kafka.group_id": _GROUP,
            "api.base_url": str(facts["base_url"]),
            "api.token": _TOKEN,
            "download.allowed_hosts": sorted({host.partition(":")[0] for host in hosts}),
            "download.allow_insecure_hosts": hosts,
            "lake.tables_url": str(self._dir / "tables"),
            "lake.files_url": str(self._dir / "files"),
            "lake.flush_interval_s": 1.0,
        }

    def settings_toml(self) -> str:
        """The same as a claimx.toml."""
        sections: dict[str, list[str]] = {}
        for key, value in self.settings_overrides().items():
            section, _, name = key.rpartition(".")
            sections.setdefault(section, []).append(f"{name} = {msgspec.json.encode(value).decode()}")
        return "\n".join(f"[{name}]\n" + "\n".join(lines) + "\n" for name, lines in sections.items())
