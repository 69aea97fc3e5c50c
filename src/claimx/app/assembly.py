"""Builds adapters from settings, in the order of their need, and closes them in reverse."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from random import SystemRandom

from claimx.adapters.claimx_api import HttpClaimxApi
from claimx.adapters.clock import WallClock
from claimx.adapters.delay_sqlite import SqliteDelayQueue
from claimx.adapters.delta import DeltaLake
from claimx.adapters.dlq_kafka import KafkaDeadLetters
from claimx.adapters.handover_kafka import KafkaHandover
from claimx.adapters.http_files import HttpFileHost
from claimx.adapters.kafka import KafkaSource, source_configs
from claimx.adapters.kafka_errors import Client
from claimx.adapters.kafka_producer import KafkaProducer, producer_config
from claimx.adapters.kafka_readers import READERS, needs_of, topics_of
from claimx.adapters.kafka_thread import Subscription
from claimx.adapters.kafka_topics import KafkaAccess
from claimx.adapters.locations import local_path
from claimx.adapters.object_store import ObjectStore
from claimx.adapters.spool import LocalSpool
from claimx.adapters.state_dir import StateDir
from claimx.config.secrets import reread
from claimx.config.tree import Settings
from claimx.domain.shares import share_out
from claimx.domain.stage_names import STAGES, Roles
from claimx.errors import ConfigError
from claimx.ports.source import Assignments, Source
from claimx.stages.outage import Outage
from claimx.stages.pipeline import Ports
from claimx.stages.redo import Redo
from claimx.telemetry.log import Log

_LEAST_PREFETCH_BYTES = 1024 * 1024
"""librdkafka fetches no less than the largest record that a topic takes by default."""


class Assembly:
    """The adapters of one process run.

    Args:
        stack: closes them.
        waits_for: told what is waited for, in order.
    """

    def __init__(
        self,
        settings: Settings,
        roles: Roles,
        log: Log,
        stack: AsyncExitStack,
        waits_for: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._roles = roles
        self._log = log
        self._stack = stack
        self._waits_for = waits_for
        self._redo = Redo(SystemRandom(), log)
        self._clock = WallClock()
        self.lake = DeltaLake(settings.lake, settings.ingest.dedup_days)
        self.spool_dir = Path()
        """The directory of the spool, once it is open."""
        self.outage = self._outage()
        self._sources: list[KafkaSource] = []

    async def open(self) -> Ports:
        """Open everything; what does not answer yet is waited for, what can never do is an error.

        Raises:
            KafkaGoneError: no broker answers for ``kafka.outage_s``.
            KafkaRefusedError: Kafka refuses our login or a right.
            EngineError: a table or topic is missing, or a table does not fit.
            OperationError: another process holds the state directory.
            ConfigError: a URL or option that cannot be used.
        """
        settings, stack = self._settings, self._stack
        state = stack.enter_context(StateDir(settings.process.state_dir, settings.process.instance))
        store = ObjectStore(settings.lake)
        stack.push_async_callback(self.lake.close)
        self._waits_for("the lake")
        await self._redo.until_done("flush.failed", self.lake.open)
        self._waits_for("the broker and its topics")
        await self.outage.until_there()
        self._waits_for("the state directory")
        delay = SqliteDelayQueue(state.path / "delay.sqlite")
        delay.open()
        stack.push_async_callback(delay.close)
        spool = self._spool(state.path / "spool")
        self.spool_dir = spool.directory
        await self._redo.until_done("delay_queue.failed", spool.open)
        producer = self._producer()
        token = partial(reread, settings.api.token)
        return Ports(
            make_source=self._make_source,
            handover=KafkaHandover(producer, settings.kafka.topics),
            api=await self._api(token),
            host=await self._host(token),
            spool=spool,
            store=store,
            lake=self.lake,
            delay=delay,
            dead_letters=KafkaDeadLetters(producer, settings.kafka.topics),
            clock=self._clock,
            luck=SystemRandom(),
            kafka_trouble=lambda: self.outage.reason,
        )

    def _make_source(self, stage: str, assignments: Assignments) -> Source:
        settings = self._settings
        configs = source_configs(
            settings.kafka, stage, settings.process.instance, self._prefetch(stage), self._log
        )
        subscription = Subscription(topics_of(stage, settings.kafka.topics), READERS[stage])
        source = KafkaSource(configs, subscription, assignments, self._log)
        if not self._sources:
            self._stack.push_async_callback(self._close_sources)
        self._sources.append(source)
        return source

    async def _close_sources(self) -> None:
        """All at once: each may take its whole time."""
        async with asyncio.TaskGroup() as group:
            for source in self._sources:
                group.create_task(source.close())

    def _prefetch(self, stage: str) -> int:
        """Half of the prefetch for the stage that comes first, the rest for the others; each holds one record at least."""
        whole = share_out(self._settings.limits.memory_bytes).prefetch
        first, *others = [name for name in STAGES if name in self._roles.stages]
        part = whole // 2 // max(1, len(others))
        if stage == first:
            part = whole // 2 if others else whole
        return max(part, _LEAST_PREFETCH_BYTES)

    def _outage(self) -> Outage:
        kafka = self._settings.kafka
        client = Client(kafka, f"{self._settings.process.instance}.check", self._log)
        access = KafkaAccess(client, needs_of(self._roles, kafka))
        return Outage(access.check, kafka.outage_s, self._log)

    def _spool(self, own: Path) -> LocalSpool:
        """The spool of this process, or the one that download and upload share.

        Raises:
            ConfigError: they have to share one, and none is named.
        """
        url = self._settings.download.spool_url
        if not self._roles.shares_spool:
            return LocalSpool(own)
        shared = local_path(url) if url else None
        if shared is None:
            raise ConfigError(
                "download.spool_url: download and upload are apart here: name a file:// directory that both see"
            )
        return LocalSpool(shared, self._settings.retry.max_age_s, self._settings.download.spool_bytes)

    def _producer(self) -> KafkaProducer:
        settings = self._settings
        config = producer_config(settings.kafka, settings.process.instance, self._log)
        producer = KafkaProducer(config)
        self._stack.push_async_callback(producer.close)
        return producer

    async def _api(self, token: Callable[[], str]) -> HttpClaimxApi:
        api = HttpClaimxApi(self._settings.api, token, self._clock)
        await api.open()
        self._stack.push_async_callback(api.close)
        return api

    async def _host(self, token: Callable[[], str]) -> HttpFileHost:
        host = HttpFileHost(self._settings.download, token, self._clock)
        await host.start()
        self._stack.push_async_callback(host.close)
        return host
