"""``claimx retries``: through the running process, else at the delay queue's file."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Literal, NamedTuple

import msgspec

from claimx.adapters.clock import WallClock
from claimx.adapters.control_socket import ControlClient
from claimx.adapters.delay_sqlite import SqliteDelayQueue
from claimx.adapters.dlq_kafka import KafkaDeadLetters
from claimx.adapters.kafka_errors import Client
from claimx.adapters.kafka_producer import KafkaProducer, producer_config
from claimx.adapters.state_dir import StateDir, instance_dir
from claimx.adapters.topic_reader import KafkaPositions
from claimx.app.console import INTERRUPTED, answer_to, ended_by_ctrl_c, print_lines
from claimx.config.load import Loaded
from claimx.config.options import Format, Question, RetryFilter, RetryOptions
from claimx.config.tree import Settings
from claimx.domain.dead_letter import DeadLetter
from claimx.errors import EngineError, OperationError, TopicsAbsentError
from claimx.ops.dlq_watch import TerminalWatch
from claimx.ops.retries import Nobody, RetryDesk
from claimx.ops.retries_sweep import (
    SAMPLE,
    ChangeReport,
    ListReport,
    carry_out,
    change_text,
    list_text,
    rows_of,
    rows_text,
    survey,
    totals_text,
    wanted_of,
)
from claimx.ports.control import DropRetries, Retries, RetryRow, RunRetries
from claimx.telemetry.log import Log, configure

PARTIAL = 6
CANCELLED = 7

ASKED_FROM = 100
"""More rows that are made due must be confirmed."""
_DEFAULT_LIMIT = 50
_FILE = "delay.sqlite"

Load = Callable[[], Loaded]
Confirm = Callable[[Question], bool]


class _Open(NamedTuple):
    """The queue of an instance, opened.

    Args:
        through: ``process`` or ``file``.
        prepare: to be awaited before the first row is dropped.
    """

    queue: Retries
    through: Literal["process", "file"]
    prepare: Callable[[], Awaitable[None]]


class Verb(NamedTuple):
    """What is done to rows."""

    kind: type[RunRetries | DropRetries]
    schema: str
    done: str
    question: str
    asked_from: int


RUN = Verb(RunRetries, "claimx.retries.run/1", "made due", "make {} due now", ASKED_FROM)
DROP = Verb(DropRetries, "claimx.retries.drop/1", "dropped", "drop {}: each becomes a dead letter", 0)


def list_rows(load: Load, asked: RetryFilter, limit: int | None, output: Format) -> int:
    """Print which rows wait; 130: ended by Ctrl-C.

    Raises:
        ClaimxError: the queue cannot be opened, or its process does not answer.
    """
    with TerminalWatch() as watch, ended_by_ctrl_c(watch):
        asyncio.run(_list(load().settings, asked, limit, output, watch))
        return INTERRUPTED if watch.is_stopping else 0


def change(load: Load, verb: Verb, asked: RetryFilter, options: RetryOptions, confirm: Confirm) -> int:
    """Make rows due, or drop them, and print what was done; 6: not all, 7: not confirmed, 130: ended by Ctrl-C.

    Raises:
        ClaimxError: the queue cannot be opened, or its process does not answer, or Kafka takes no dead letter; nothing
            was done.
    """
    with TerminalWatch() as watch, ended_by_ctrl_c(watch):
        report = asyncio.run(
            _change(load().settings, verb, asked, options, partial(answer_to, confirm), watch)
        )
    as_json = msgspec.json.encode(report).decode()
    print_lines(change_text(report, verb.done) if options.output == "text" else [as_json])
    if report.interrupted:
        return INTERRUPTED
    if report.cancelled:
        return CANCELLED
    return PARTIAL if report.failed or report.stopped_by else 0


async def _list(
    settings: Settings, asked: RetryFilter, limit: int | None, output: Format, watch: TerminalWatch
) -> None:
    async with _opened(settings) as (queue, through, _):
        wanted = wanted_of(asked, WallClock().now())
        if output == "jsonl":
            await _stream(rows_of(queue, wanted, limit, watch))
            return
        report = ListReport(through=through)
        await survey(queue, wanted, report, limit or _DEFAULT_LIMIT, watch)
    if output == "json":
        print_lines([msgspec.json.encode(report).decode()])
        return
    print_lines(list_text(report.rows))
    sys.stderr.write(totals_text(report) + "\n")


async def _stream(rows: AsyncIterator[RetryRow]) -> None:
    async for row in rows:
        if not print_lines([msgspec.json.encode(row).decode()]):
            return


async def _change(
    settings: Settings,
    verb: Verb,
    asked: RetryFilter,
    options: RetryOptions,
    confirm: Confirm,
    watch: TerminalWatch,
) -> ChangeReport:
    async with _opened(settings) as (queue, through, prepare):
        wanted = wanted_of(asked, WallClock().now())
        report = ChangeReport(schema=verb.schema, through=through, dry_run=options.dry_run)
        found = ListReport(through=through)
        await survey(queue, wanted, found, SAMPLE, watch)
        report.selected, report.leased, report.sample = found.total - found.leased, found.leased, found.rows
        report.interrupted = watch.is_stopping
        if options.dry_run or report.interrupted or not report.selected:
            return report
        if report.selected > verb.asked_from:
            sys.stderr.writelines(line + "\n" for line in list_text(found.rows))
            report.cancelled = not confirm(Question(verb.question.format(rows_text(report.selected))))
        if not report.cancelled:
            report.leased = 0
            if verb.kind is DropRetries:
                await prepare()
            watch.begin(f"rows {verb.done}", report.selected)
            await carry_out(queue, verb.kind, wanted, report, watch)
    return report


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[_Open]:
    """Through the running process where one answers; else under its lock, as it would begin.

    Raises:
        OperationError: there is no queue, or its process runs and does not answer.
        DelayFileError: the file cannot be used.
    """
    state_dir, instance = settings.process.state_dir, settings.process.instance
    client = ControlClient(instance_dir(state_dir, instance))
    if await client.is_answered():
        yield _Open(client, "process", _nothing)
        return
    file = instance_dir(state_dir, instance) / _FILE
    if not file.exists():
        raise OperationError(
            f"{file}: no delay queue is there", "are process.state_dir and process.instance those of the run?"
        )
    log = configure(settings.log.level, settings.log.format)
    async with AsyncExitStack() as stack:
        try:
            stack.enter_context(StateDir(state_dir, instance))
        except (EngineError, OperationError) as error:
            raise OperationError(
                f"{instance} does not answer on its control socket, and holds its lock: {error}",
                "it begins or ends: try again; it warns of control.failed where it could not listen",
            ) from error
        delay, clock = SqliteDelayQueue(file), WallClock()
        await asyncio.to_thread(delay.open)
        stack.push_async_callback(delay.close)
        await delay.recover()  # what a process has left in work when it died counts as at its next start
        letters = _Letters(settings, log, stack)
        yield _Open(RetryDesk(delay, Nobody(delay, clock), letters, clock, log), "file", letters.open)


async def _nothing() -> None:
    """A running process has its own producer."""


class _Letters:
    """The dead-letter topics, by a producer of our own."""

    def __init__(self, settings: Settings, log: Log, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._log = log
        self._stack = stack

    async def open(self) -> None:
        """Look whether the topics are there, before anything is produced.

        Raises:
            TopicsAbsentError: one is missing.
            TransientError: ``kafka.unreachable``.
            AuthError: ``kafka.refused``.
        """
        settings = self._settings
        topics, instance = settings.kafka.topics, settings.process.instance
        client = Client(settings.kafka, f"{instance}.retries", self._log)
        names = sorted({topics.dead_letters[stage] for stage in ("enrich", "download")})
        there = await asyncio.to_thread(KafkaPositions(client).present, names)
        if absent := [name for name in names if name not in there]:
            raise TopicsAbsentError(f"these topics do not exist: {', '.join(absent)}")
        producer = KafkaProducer(producer_config(settings.kafka, instance, self._log))
        self._stack.push_async_callback(producer.close)
        self._port = KafkaDeadLetters(producer, topics)

    async def put(self, letter: DeadLetter) -> None:
        """Produce one letter and wait for its acknowledgement."""
        await self._port.put(letter)
