"""``claimx verify``."""

from collections.abc import Callable
from contextlib import ExitStack
from random import SystemRandom

from claimx.adapters.clock import WallClock
from claimx.adapters.delay_reader import SqliteDelayFiles
from claimx.adapters.dlq_reader import KafkaLetterLog
from claimx.adapters.file_reader import StoredFiles
from claimx.adapters.kafka_errors import Client
from claimx.adapters.lake_reader import DeltaAudit
from claimx.adapters.topic_reader import KafkaPositions
from claimx.app.console import ended_by_ctrl_c, print_lines
from claimx.config.load import Loaded
from claimx.config.options import Format, VerifyOptions
from claimx.config.tree import Kafka, Settings
from claimx.domain.times import Micros
from claimx.ops.dlq_watch import TerminalWatch
from claimx.ops.verify import Evidence, Scope, Verify
from claimx.ops.verify_records import Group, read_event, read_task
from claimx.ops.verify_report import Report, as_json, as_jsonl, as_text
from claimx.ports.inspection import Period
from claimx.telemetry.log import configure

FOUND_SOMETHING = 3
INTERRUPTED = 130


def verify(load: Callable[[], Loaded], options: VerifyOptions, output: Format) -> int:
    """Look at everything that is durable and print what is wrong; 3 if something is, 130 if ended by Ctrl-C.

    Raises:
        ClaimxError: Kafka, the lake, the files or a delay queue cannot be read.
    """
    settings = load().settings
    with ExitStack() as stack, TerminalWatch() as watch:
        stack.enter_context(ended_by_ctrl_c(watch))
        now = WallClock().now()
        look = Verify(
            _evidence(settings, stack),
            _scope(settings, options, now),
            settings.kafka.topics.dead_letters,
            watch,
            now,
        )
        report = look.run()
    print_lines(_lines(report, output))
    if report.is_interrupted:
        return INTERRUPTED
    return 0 if report.is_clean else FOUND_SOMETHING


def event_group(kafka: Kafka) -> Group:
    """Who takes events in."""
    topics = kafka.topics
    return Group(f"{kafka.group_id}.ingest", (topics.events_raw, topics.events_replay), read_event)


def task_groups(kafka: Kafka) -> tuple[Group, ...]:
    """Who takes tasks from the pending topics."""
    return tuple(
        Group(f"{kafka.group_id}.{stage}", (topic,), read_task)
        for stage, topic in kafka.topics.pending.items()
        if stage != "results"
    )


def _evidence(settings: Settings, stack: ExitStack) -> Evidence:
    kafka = settings.kafka
    client = Client(
        kafka, f"{settings.process.instance}.verify", configure(settings.log.level, settings.log.format)
    )
    log = KafkaLetterLog(client)
    stack.callback(log.close)
    tasks = [topic for group in task_groups(kafka) for topic in group.topics]
    lake = DeltaAudit(settings.lake, event_group(kafka).topics, tasks, SystemRandom())
    return Evidence(
        lake=lake,
        log=log,
        positions=KafkaPositions(client),
        delay=SqliteDelayFiles(settings.process.state_dir),
        files=StoredFiles(settings.lake, lake.tables),
    )


def _scope(settings: Settings, options: VerifyOptions, now: Micros) -> Scope:
    period = Period(
        None if options.since is None else options.since.at(now),
        None if options.until is None else options.until.at(now),
    )
    kafka = settings.kafka
    return Scope(period, event_group(kafka), task_groups(kafka), options.files, options.sample)


def _lines(report: Report, output: Format) -> "list[str]":
    match output:
        case "text":
            return list(as_text(report))
        case "json":
            return [as_json(report)]
        case "jsonl":
            return list(as_jsonl(report))
