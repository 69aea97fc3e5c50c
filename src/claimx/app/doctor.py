"""``claimx doctor``."""

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Self

from claimx.adapters.claimx_api import HttpClaimxApi
from claimx.adapters.clock import WallClock
from claimx.adapters.delta import DeltaLake
from claimx.adapters.delta_place import shown
from claimx.adapters.kafka_errors import Client
from claimx.adapters.locations import options as store_options
from claimx.adapters.probe_host import ThisHost
from claimx.adapters.probe_kafka import BrokerProbe
from claimx.adapters.probe_net import SocketProbe, Trust, kafka_trust, store_trust
from claimx.adapters.probe_store import StoreProbe
from claimx.adapters.probe_thread import apart
from claimx.adapters.state_dir import instance_dir
from claimx.adapters.topic_admin import KafkaTopicAdmin
from claimx.app.console import print_lines
from claimx.config.load import Loaded
from claimx.config.options import DOCTOR_GROUPS, DoctorOptions, Format
from claimx.config.secrets import reread
from claimx.ops import doctor
from claimx.ops.doctor import Chain, Check, Report, Result
from claimx.ops.doctor_api import token_check
from claimx.ops.doctor_host import StateChecks, config_check, limit_checks
from claimx.ops.doctor_kafka import KafkaChecks, needs_of
from claimx.ops.doctor_lake import fit_check, root_check
from claimx.ops.doctor_net import Site, broker_sites, file_sites, site_checks, site_of, store_url
from claimx.telemetry.events import Event

_ASKS_API = {"enrich", "download"}
_MARGIN = 0.9
"""What blocks gives up a little before its check does, so that its own words are heard."""


def examine(load: Callable[[], Loaded], name: str, options: DoctorOptions, output: Format) -> int:
    """Look at everything that these stages need, and print it; the exit code says what the failures are.

    Args:
        name: of the file that the settings come from.

    Raises:
        ConfigError: without settings there is nothing to look at.
    """
    report = asyncio.run(_Doctor(load(), name, options).report())
    match output:
        case "text":
            print_lines(doctor.as_text(report))
        case "json":
            print_lines([doctor.as_json(report)])
        case "jsonl":
            print_lines(doctor.as_jsonl(report))
    return doctor.exit_code(report.checks, strict=options.strict)


class _Doctor:
    def __init__(self, loaded: Loaded, name: str, options: DoctorOptions) -> None:
        self._loaded = loaded
        self._name = name
        self._settings = settings = loaded.settings
        self._options = options
        self._patience_s = options.timeout_s * _MARGIN
        self._clock = WallClock()
        self._lake = DeltaLake(settings.lake, dedup_days=0)
        self._api = HttpClaimxApi(settings.api, lambda: reread(settings.api.token), self._clock)

    async def report(self) -> Report:
        """Make the chains that were asked for, and go through them."""
        makers: dict[str, Callable[[], Iterable[Chain]]] = {
            "config": self._config_chains,
            "kafka": self._kafka_chains,
            "api": self._api_chains,
            "hosts": self._host_chains,
            "tables": self._table_chains,
            "files": self._file_chains,
            "state": self._state_chains,
            "limits": self._limit_chains,
        }
        chains = [chain for name in DOCTOR_GROUPS if name in self._options.only for chain in makers[name]()]
        await self._api.open()
        try:
            with _Progress(sum(len(chain.checks) for chain in chains)) as progress:
                results = await doctor.examine(chains, self._options.timeout_s, progress.told)
        finally:
            await self._api.close()
            await self._lake.close()
        return Report(stages=self._options.stages, checks=list(results))

    def _config_chains(self) -> Iterator[Chain]:
        yield Chain("config", [config_check(self._loaded, self._name)])

    def _kafka_chains(self) -> Iterator[Chain]:
        kafka = self._settings.kafka
        net = self._net(kafka_trust(kafka))
        sites = broker_sites(kafka.bootstrap_servers, is_tls=kafka.security_protocol.endswith("SSL"))
        brokers = list(self._sites(net, sites))
        yield from brokers
        client = Client(kafka, f"{self._settings.process.instance}.doctor", _Silent())
        probe = BrokerProbe(client, self._patience_s)
        checks = KafkaChecks(probe, KafkaTopicAdmin(client), kafka, needs_of(kafka, self._options.stages))
        yield Chain("kafka", checks.checks(net, apart), after=[chain.name for chain in brokers])

    def _api_chains(self) -> Iterator[Chain]:
        if not _ASKS_API.isdisjoint(self._options.stages):
            api = self._settings.api
            (chain,) = self._sites(self._net(), [site_of("api", api.base_url, "api.base_url")])
            token = token_check(self._api, chain.name.partition(" ")[2], self._loaded.origins["api.token"])
            yield chain._replace(checks=[*chain.checks, token])

    def _host_chains(self) -> Iterator[Chain]:
        if "download" in self._options.stages:
            download = self._settings.download
            sites = file_sites(download.allowed_hosts, download.allow_insecure_hosts)
            yield from self._sites(self._net(), sites)

    def _table_chains(self) -> Iterator[Chain]:
        yield self._root_chain("tables", self._settings.lake.tables_url, [fit_check(self._lake)])

    def _file_chains(self) -> Iterator[Chain]:
        if "upload" in self._options.stages:
            yield self._root_chain("files", self._settings.lake.files_url, [])

    def _root_chain(self, group: str, url: str, more: Sequence[Check]) -> Chain:
        lake = self._settings.lake
        revealed = store_options(lake.storage)
        checks: list[Check] = []
        if (asked := store_url(url, revealed)) is not None:
            net = self._net(store_trust(revealed))
            checks += site_checks(net, site_of(group, asked, f"lake.{group}_url"), self._clock.now)
        checks.append(root_check(group, shown(url), StoreProbe(url, lake), apart))
        return Chain(group, [*checks, *more])

    def _state_chains(self) -> Iterator[Chain]:
        process = self._settings.process
        path = str(instance_dir(process.state_dir, process.instance))
        yield Chain("state", StateChecks(ThisHost(process), self._settings).checks(path, apart))

    def _limit_chains(self) -> Iterator[Chain]:
        host = ThisHost(self._settings.process)
        yield Chain("limits", limit_checks(host, self._settings, self._options.stages))

    def _net(self, trust: Trust | None = None) -> SocketProbe:
        return SocketProbe(self._clock, self._patience_s, trust)

    def _sites(self, net: SocketProbe, sites: Iterable[Site]) -> Iterator[Chain]:
        for site in sites:
            yield Chain(f"{site.group} {site.endpoint}", site_checks(net, site, self._clock.now))


class _Progress:
    """How many checks are done, on a terminal; nothing elsewhere, for it is over in a few seconds."""

    def __init__(self, checks: int) -> None:
        self._checks = checks
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._write("")

    def told(self, result: Result) -> None:
        """Count a check."""
        self._done += 1
        self._write(f"{self._done} of {self._checks} checks: {result.check}")

    def _write(self, text: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{text:<60}\r")
            sys.stderr.flush()


class _Silent:
    """The log of librdkafka's errors: what a check finds stands in the report."""

    def debug(self, event: Event, **fields: object) -> None:
        """Nothing."""

    info = warning = error = debug
