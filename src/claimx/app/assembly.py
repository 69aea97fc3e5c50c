"""Builds adapters from settings, in the order of their need, and closes them in reverse."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from random import SystemRandom

from claimx.adapters.claimx_api import HttpClaimxApi
from claimx.adapters.clock import WallClock
from claimx.adapters.delay_sqlite import SqliteDelayQueue
from claimx.adapters.delta import DeltaLake
from claimx.adapters.dlq_kafka import KafkaDeadLetters, producer_config
from claimx.adapters.http_files import HttpFileHost
from claimx.adapters.kafka import KafkaSource, source_configs
from claimx.adapters.kafka_client import client_config
from claimx.adapters.kafka_topics import check_topics
from claimx.adapters.object_store import ObjectStore
from claimx.adapters.spool import LocalSpool
from claimx.adapters.state_dir import StateDir
from claimx.config.secrets import reread
from claimx.config.tree import Settings
from claimx.domain.shares import share_out
from claimx.ports.source import Assignments, Source
from claimx.stages.pipeline import Ports
from claimx.stages.redo import Redo
from claimx.telemetry.log import Log


class Assembly:
    """The adapters of one process run.

    Args:
        stack: closes them.
    """

    def __init__(self, settings: Settings, log: Log, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._log = log
        self._stack = stack
        self._redo = Redo(SystemRandom(), log)
        self._clock = WallClock()
        self.lake = DeltaLake(settings.lake, settings.ingest.dedup_days)

    async def open(self) -> Ports:
        """Open everything; what does not answer yet is waited for, what can never do is an error.

        Raises:
            EngineError: a topic is missing, a table does not fit, or another process holds the state directory.
            ConfigError: a URL or option that cannot be used.
        """
        settings, stack = self._settings, self._stack
        state = stack.enter_context(StateDir(settings.process.state_dir, settings.process.instance))
        await self._wait_for_topics()
        store = ObjectStore(settings.lake)
        stack.push_async_callback(self.lake.close)
        await self._redo.until_done("flush.failed", self.lake.open)
        delay = SqliteDelayQueue(state.path / "delay.sqlite")
        delay.open()
        stack.push_async_callback(delay.close)
        spool = LocalSpool(state.path / "spool")
        await self._redo.until_done("delay_queue.failed", spool.open)
        token = partial(reread, settings.api.token)
        return Ports(
            make_source=self._make_source,
            api=await self._api(token),
            host=await self._host(token),
            spool=spool,
            store=store,
            lake=self.lake,
            delay=delay,
            dead_letters=self._dead_letters(),
            clock=self._clock,
            luck=SystemRandom(),
        )

    def _make_source(self, assignments: Assignments) -> Source:
        settings = self._settings
        prefetch = share_out(settings.limits.memory_bytes).prefetch
        configs = source_configs(settings.kafka, "ingest", settings.process.instance, prefetch, self._log)
        source = KafkaSource(configs, settings.kafka.topics.events_raw, assignments, self._log)
        self._stack.push_async_callback(source.close)
        return source

    async def _wait_for_topics(self) -> None:
        topics = self._settings.kafka.topics
        config = client_config(self._settings.kafka, f"{self._settings.process.instance}.check", self._log)
        names = [topics.events_raw, topics.events_dlq, topics.enrichment_dlq, topics.downloads_dlq]
        await self._redo.until_done("kafka.failed", lambda: check_topics(config, names))

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

    def _dead_letters(self) -> KafkaDeadLetters:
        settings = self._settings
        config = producer_config(settings.kafka, settings.process.instance, self._log)
        letters = KafkaDeadLetters(config, settings.kafka.topics)
        self._stack.push_async_callback(letters.close)
        return letters
