"""``claimx reenrich``."""

import asyncio
from collections.abc import Callable
from functools import partial

from claimx.adapters.claimx_api import HttpClaimxApi
from claimx.adapters.clock import WallClock
from claimx.adapters.dlq_replay import KafkaReplayer
from claimx.adapters.kafka_errors import Client
from claimx.adapters.topic_reader import KafkaPositions
from claimx.app.console import ended_by_ctrl_c, print_lines
from claimx.config.load import Loaded
from claimx.config.options import Format, Question, ReenrichOptions
from claimx.config.secrets import reread
from claimx.config.tree import Settings
from claimx.errors import TopicsAbsentError
from claimx.ops.dlq_watch import TerminalWatch
from claimx.ops.reenrich import Reenrich, Report, as_json, as_text
from claimx.telemetry.log import configure

FAILED = 1
PARTIAL = 6
CANCELLED = 7
INTERRUPTED = 130

ASKED_FROM = 100
"""More projects must be confirmed."""


def reenrich(
    load: Callable[[], Loaded], options: ReenrichOptions, confirm: Callable[[Question], bool], output: Format
) -> int:
    """Produce the tasks and print what was done; 1: nothing, 6: not all, 7: not confirmed, 130: ended by Ctrl-C.

    Raises:
        ClaimxError: Kafka or the API refuses us, or Kafka cannot be reached.
    """
    number = len(options.projects) + len(options.claims)
    if (
        not options.dry_run
        and number > ASKED_FROM
        and not confirm(Question(f"fetch {number:,} projects anew"))
    ):
        return CANCELLED
    settings = load().settings
    with TerminalWatch() as watch, ended_by_ctrl_c(watch):
        report = asyncio.run(_reenrich(settings, options, watch))
    print_lines([as_json(report)] if output == "json" else as_text(report))
    if report.is_interrupted:
        return INTERRUPTED
    if report.failures:
        return PARTIAL if report.projects else FAILED
    return 0


async def _reenrich(settings: Settings, options: ReenrichOptions, watch: TerminalWatch) -> Report:
    log = configure(settings.log.level, settings.log.format)
    client = Client(settings.kafka, f"{settings.process.instance}.reenrich", log)
    topic = settings.kafka.topics.enrichment_pending
    if not await asyncio.to_thread(KafkaPositions(client).present, [topic]):
        raise TopicsAbsentError(f"this topic does not exist: {topic}")
    clock = WallClock()
    api = HttpClaimxApi(settings.api, partial(reread, settings.api.token), clock)
    await api.open()
    try:
        work = Reenrich(
            api,
            KafkaReplayer(client),
            Report(dry_run=options.dry_run, topic=topic),
            clock.now(),
            options.rate_per_s,
        )
        projects = [*options.projects, *await work.projects_of(options.claims)]
        await work.run(projects, watch)
    finally:
        await api.close()
    return work.report
