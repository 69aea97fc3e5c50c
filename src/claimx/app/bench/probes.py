"""Wrappers of ports that tell how many calls are under way, and for how long any is."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

from claimx.domain.answers import ApiAnswer, ApiRequest
from claimx.domain.event_log import LogLine
from claimx.domain.events import Event
from claimx.domain.rows import Row
from claimx.domain.times import Micros
from claimx.ports.api import ClaimxApi
from claimx.ports.files import FileHost, FileStore, RemoteFile
from claimx.ports.lake import Lake
from claimx.stages.pipeline import Ports


class Gauge:
    """Adds up over time what is under way."""

    def __init__(self) -> None:
        self.calls = 0
        self.begun_at: float | None = None
        self.ended_at = 0.0
        self._under_way = 0
        self._since = perf_counter()
        self._sum_s = 0.0
        self._any_s = 0.0

    @contextmanager
    def one(self) -> Iterator[None]:
        """One call is under way."""
        self._move(1)
        self.calls += 1
        self.begun_at = self._since if self.begun_at is None else self.begun_at
        try:
            yield
        finally:
            self._move(-1)
            self.ended_at = self._since

    @property
    def span_s(self) -> float:
        """From the beginning of the first call to the end of the last one."""
        return 0.0 if self.begun_at is None else self.ended_at - self.begun_at

    def mean(self, wall_s: float) -> float:
        """How many were under way, on average."""
        self._move(0)
        return self._sum_s / wall_s

    def busy(self, wall_s: float) -> float:
        """For which part of the time any was."""
        self._move(0)
        return self._any_s / wall_s

    def _move(self, change: int) -> None:
        now = perf_counter()
        passed, self._since = now - self._since, now
        self._sum_s += passed * self._under_way
        self._any_s += passed if self._under_way else 0.0
        self._under_way += change


@dataclass(frozen=True, slots=True)
class Probes:
    """A gauge for each port that takes time."""

    api: Gauge
    download: Gauge
    upload: Gauge
    lake: Gauge
    requests: list[ApiRequest]
    """What was asked, in order."""

    def around(self, ports: Ports) -> Ports:
        """The same ports, measured."""
        return replace(
            ports,
            api=_Api(ports.api, self),
            host=_Host(ports.host, self.download),
            store=_Store(ports.store, self.upload),
            lake=_Lake(ports.lake, self.lake),
        )


def new_probes() -> Probes:
    """Make gauges that have seen nothing."""
    return Probes(Gauge(), Gauge(), Gauge(), Gauge(), [])


class _Api:
    def __init__(self, api: ClaimxApi, probes: Probes) -> None:
        self._api = api
        self._probes = probes

    async def send(self, request: ApiRequest) -> ApiAnswer:
        self._probes.requests.append(request)
        with self._probes.api.one():
            return await self._api.send(request)


class _Host:
    def __init__(self, host: FileHost, gauge: Gauge) -> None:
        self._host = host
        self._gauge = gauge

    @asynccontextmanager
    async def open(self, url: str) -> AsyncGenerator[RemoteFile, None]:
        with self._gauge.one():
            async with self._host.open(url) as remote:
                yield remote


class _Store:
    def __init__(self, store: FileStore, gauge: Gauge) -> None:
        self._store = store
        self._gauge = gauge

    async def put(self, key: str, content: bytes | Path, sha256: str) -> None:
        with self._gauge.one():
            await self._store.put(key, content, sha256)


class _Lake:
    def __init__(self, lake: Lake, gauge: Gauge) -> None:
        self._lake = lake
        self._gauge = gauge

    async def merge_events(self, events: Sequence[Event], written_at: Micros) -> None:
        with self._gauge.one():
            await self._lake.merge_events(events, written_at)

    async def merge(self, table: str, rows: Sequence[Row]) -> None:
        with self._gauge.one():
            await self._lake.merge(table, rows)

    async def append_log(self, lines: Sequence[LogLine]) -> None:
        with self._gauge.one():
            await self._lake.append_log(lines)

    async def projects_fetched_at(self, project_ids: Sequence[str]) -> Mapping[str, Micros]:
        return await self._lake.projects_fetched_at(project_ids)
