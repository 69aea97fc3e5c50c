"""Starts the sandbox: broker, simulator and feed, each a process of its own, and tells a pipeline where they are."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from claimx.config.tree import Topics
from claimx.sandbox.manifest import Manifest, manifest_of
from claimx.sandbox.process import Process

TOKEN = "c2FuZGJveDpub3QtYS1zZWNyZXQ="  # noqa: S105 # sandbox:not-a-secret
GROUP_ID = "claimx"
PARTITIONS = 24
TOPICS: Mapping[str, str] = msgspec.structs.asdict(Topics())

Setting = str | float | Sequence[str]


class Broker:
    """The embedded broker alone; an async context manager.

    Args:
        logs: directory for what it says on stderr.
    """

    def __init__(
        self, logs: Path, topics: Sequence[str] = tuple(TOPICS.values()), partitions: int = PARTITIONS
    ) -> None:
        arguments = ["--topics", ",".join(topics), "--partitions", str(partitions)]
        self._process = Process("claimx.sandbox.broker", arguments, logs)

    @property
    def bootstrap_servers(self) -> str:
        """``host:port``."""
        return self._process.facts["bootstrap_servers"]

    async def __aenter__(self) -> Self:
        await self._process.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._process.__aexit__(kind, error, trace)


class Sandbox:
    """Broker, simulator and feed; an async context manager.

    Args:
        events: how many distinct events the feed sends; copies and records that are no events come on top.
        faults: begin with the simulator's moderate set of faults.
        broker: ``host:port`` of a broker that has the topics already, in place of the embedded one.
        state_dir: where tables, files, state and logs go; a temporary directory when None.
    """

    def __init__(
        self,
        seed: int,
        events: int,
        *,
        faults: bool = False,
        partitions: int = PARTITIONS,
        broker: str | None = None,
        state_dir: Path | None = None,
    ) -> None:
        self.seed = seed
        self.events = events
        self._faults = ["--faults"] if faults else []
        self._partitions = partitions
        self._external = broker
        self._given_dir = state_dir
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.directory = (
                self._given_dir.absolute()
                if self._given_dir
                else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="claimx-sandbox-")))
            )
            logs = self.directory / "logs"
            self.bootstrap_servers = self._external or await self._start_broker(stack, logs)
            self._simulator = await stack.enter_async_context(
                Process(
                    "claimx.sandbox.simulator",
                    ["--seed", str(self.seed), "--token", TOKEN, *self._faults],
                    logs,
                )
            )
            self._feed = await stack.enter_async_context(
                Process("claimx.sandbox.feed", self._feed_arguments(), logs)
            )
            self._exits = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exits.aclose()

    async def feed_done(self) -> None:
        """Wait until the feed has sent everything and the broker has acknowledged it.

        Raises:
            EngineError: the feed has failed.
        """
        await self._feed.done()

    @cached_property
    def manifest(self) -> Manifest:
        """What must come out."""
        return manifest_of(self.seed, self.events)

    @property
    def control_url(self) -> str:
        """Where the simulator takes faults and tells what it has seen: below ``/_control``."""
        return self._simulator.facts["control_url"]

    @property
    def tables_dir(self) -> Path:
        """The tables root."""
        return self.directory / "tables"

    @property
    def files_dir(self) -> Path:
        """The files root."""
        return self.directory / "files"

    def settings_overrides(self) -> dict[str, Setting]:
        """The settings by which a pipeline meets this sandbox, by dotted path."""
        hosts = [self._simulator.facts[name].partition("://")[2] for name in ("control_url", "object_base")]
        return {
            "process.state_dir": str(self.directory / "state"),
            "kafka.bootstrap_servers": self.bootstrap_servers,
            "kafka.security_protocol": "PLAINTEXT",
            "kafka.group_id": GROUP_ID,
            **{f"kafka.topics.{name}": topic for name, topic in TOPICS.items()},
            "api.base_url": self._simulator.facts["base_url"],
            "api.token": TOKEN,
            "download.allowed_hosts": ["127.0.0.1"],
            "download.allow_insecure_hosts": hosts,
            "lake.tables_url": str(self.tables_dir),
            "lake.files_url": str(self.files_dir),
            "lake.flush_interval_s": 1.0,
            "health.host": "127.0.0.1",
            "health.port": 0,
        }

    def settings_toml(self) -> str:
        """The same settings as a configuration file."""
        sections: dict[str, list[str]] = {}
        for path, value in self.settings_overrides().items():
            section, _, key = path.rpartition(".")
            sections.setdefault(section, []).append(f"{key} = {msgspec.json.encode(value).decode()}")
        return "\n".join(f"[{name}]\n" + "\n".join(lines) + "\n" for name, lines in sections.items())

    async def _start_broker(self, stack: AsyncExitStack, logs: Path) -> str:
        broker = Broker(logs, partitions=self._partitions)
        return (await stack.enter_async_context(broker)).bootstrap_servers

    def _feed_arguments(self) -> list[str]:
        return [
            *("--bootstrap-servers", self.bootstrap_servers),
            *("--topic", TOPICS["events_raw"]),
            *("--group-id", f"{GROUP_ID}.ingest"),
            *("--seed", str(self.seed)),
            *("--events", str(self.events)),
        ]
