"""What a benchmark measures against: a broker, its topics, servers; and how a measurement is started."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import msgspec

from claimx.adapters.kafka_bench import clean_up, create_topics
from claimx.app.bench import jobs
from claimx.config.tree import Topics
from claimx.errors import EngineError
from claimx.ops.bench.figures import Sample
from claimx.sandbox.launch import PARTITIONS, TOKEN, Broker
from claimx.sandbox.process import Process

_LONGEST_S = 600.0
_TAIL_CHARS = 2000


class Rig:
    """Everything is below ``scratch`` and ends with ``stack``.

    Args:
        broker: ``host:port`` in place of the embedded one. Topics and groups made there are deleted in the end.
    """

    def __init__(self, scratch: Path, stack: AsyncExitStack, broker: str | None) -> None:
        self.scratch = scratch
        self.servers = ""
        self.pids: dict[str, int] = {}
        self._stack = stack
        self._external = broker
        self._numbers = count()

    def topic(self, name: str) -> str:
        """The name of a topic of this run."""
        return f"{self.scratch.name}.{name}"

    async def start_broker(self, loads: Sequence[str]) -> None:
        """Make the topics of the pipeline, and one more for each load."""
        names = [self.topic(name) for name in (*msgspec.structs.asdict(Topics()), *loads)]
        if self._external is None:
            broker = await self._stack.enter_async_context(Broker(self.scratch / "logs", names))
            self.servers, self.pids["broker"] = broker.bootstrap_servers, broker.pid
            return
        self.servers = self._external
        await asyncio.to_thread(create_topics, self.servers, names, PARTITIONS)
        self._stack.push_async_callback(asyncio.to_thread, clean_up, self.servers, self.scratch.name)

    async def start_server(self, module: str, name: str, *arguments: str) -> Mapping[str, str]:
        """Start a server and return what it announces."""
        logs = self.scratch / "logs" / str(next(self._numbers))
        server = await self._stack.enter_async_context(Process(module, arguments, logs))
        self.pids[name] = server.pid
        return server.facts

    async def start_simulator(self, name: str, seed: int, latency_ms: float) -> Mapping[str, str]:
        """Start a simulated API whose every answer takes so long."""
        options = ("--seed", str(seed), "--token", TOKEN, "--latency-ms", str(latency_ms))
        return await self.start_server("claimx.sandbox.simulator", name, *options)

    async def start_media_server(self) -> str:
        """Start a server of files; its base URL."""
        facts = await self.start_server("claimx.sandbox.media_server", "files", "--dir", str(self.scratch))
        return facts["base_url"]

    def pids_of(self, simulator: str) -> dict[str, int]:
        """The broker's process, and that of one simulator as ``api``."""
        broker = {"broker": self.pids["broker"]} if "broker" in self.pids else {}
        return {**broker, "api": self.pids[simulator]}

    async def fill(self, load: jobs.Load, topic: str, items: int, **further: str | int) -> int:
        """Fill a topic; how many records it got."""
        job = jobs.Fill(servers=self.servers, topic=topic, load=load, count=items, **further)  # type: ignore[arg-type]
        return (await self.measured(job)).items

    def folder(self) -> Path:
        """A directory that is not there yet."""
        return self.scratch / f"run-{next(self._numbers)}"

    def settings(self, raw_topic: str, folder: Path, **further: jobs.Setting) -> dict[str, jobs.Setting]:
        """Settings of a pipeline that begins anew: a group, tables and files of its own.

        Args:
            further: by path, with ``__`` for the dot.
        """
        topics = {
            f"kafka.topics.{name}": self.topic(name)
            for name in msgspec.structs.asdict(Topics())
            if name != "events_raw"
        }
        return {
            "process.state_dir": str(folder / "state"),
            "kafka.bootstrap_servers": self.servers,
            "kafka.group_id": f"{self.scratch.name}-{folder.name}",
            **topics,
            "kafka.topics.events_raw": raw_topic,
            "api.token": TOKEN,
            "api.base_url": "http://127.0.0.1:9",
            "lake.tables_url": str(folder / "tables"),
            "lake.files_url": str(folder / "files"),
            "limits.drain_s": 120.0,
            **{name.replace("__", "."): value for name, value in further.items()},
        }

    async def measured(self, job: jobs.Job) -> Sample:
        """Do a job in a process of its own.

        Raises:
            EngineError: it failed, or took too long.
        """
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "claimx.app.bench.child"), stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
        try:
            async with asyncio.timeout(_LONGEST_S):
                answer, said = await child.communicate(msgspec.json.encode(job))
        except TimeoutError:
            raise EngineError(f"a measurement took longer than {_LONGEST_S:.0f} s") from None
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode:
            raise EngineError(f"a measurement failed: {said.decode(errors='replace')[-_TAIL_CHARS:].strip()}")
        return msgspec.json.decode(answer, type=Sample)
