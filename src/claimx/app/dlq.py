"""``claimx dlq``: builds the clients, runs the command, prints, and says the exit code."""

import dataclasses
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import msgspec

from claimx.adapters.clock import WallClock
from claimx.adapters.dlq_marks import KafkaMarkStore
from claimx.adapters.dlq_reader import KafkaLetterLog
from claimx.adapters.dlq_replay import KafkaRecordDeleter, KafkaReplayer
from claimx.adapters.kafka_errors import Client
from claimx.app.console import answer_to, ended_by_ctrl_c, print_lines
from claimx.config.load import Loaded
from claimx.config.options import Format, LetterFilter, ListOptions, PurgeOptions, Question, ReplayOptions
from claimx.config.tree import Kafka as KafkaSettings
from claimx.config.tree import Topics
from claimx.errors import OperationError
from claimx.ops.dlq import Desk, Found, Selection, select
from claimx.ops.dlq_export import export_line, export_to
from claimx.ops.dlq_inspect import inspect_text, inspected
from claimx.ops.dlq_purge import Purge, PurgeReport, purge_text, sample_text
from claimx.ops.dlq_replay import Kind, Replay, ReplayReport, Target, replay_text
from claimx.ops.dlq_view import grouped, groups_text, list_text, listed, view
from claimx.ops.dlq_watch import TerminalWatch
from claimx.telemetry.log import configure

FAILED = 1
FOUND_SOMETHING = 3
PARTIAL = 6
CANCELLED = 7
INTERRUPTED = 130

ASKED_FROM = 100
"""A replay of more letters must be confirmed."""
_DEFAULT_LIMIT = 50

Load = Callable[[], Loaded]
Confirm = Callable[[Question], bool]


class _Counter:
    """The open desk of one command."""

    def __init__(self, load: Load, asked: LetterFilter) -> None:
        settings = load().settings
        log = configure(settings.log.level, settings.log.format)
        self.client = Client(settings.kafka, f"{settings.process.instance}.dlq", log)
        self.clock = WallClock()
        self.watch = TerminalWatch()
        self.targets = _targets(settings.kafka)
        self._asked = asked
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(ended_by_ctrl_c(self.watch))
            stack.enter_context(self.watch)
            self.log = KafkaLetterLog(self.client)
            stack.callback(self.log.close)
            store = KafkaMarkStore(self.client, self.clock)
            stack.callback(store.close)
            self.desk = Desk(self.log, store, _chosen(self.targets, self._asked.topic), self.watch)
            asked = dataclasses.replace(self._asked, topic=None)
            self.selection: Selection = select(asked, self.clock.now())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def list_letters(load: Load, asked: LetterFilter, options: ListOptions) -> int:
    """Print which dead letters there are; the exit code is for ``--fail-if-any``.

    Raises:
        ClaimxError: the broker cannot be reached, or refuses us.
    """
    with _Counter(load, asked) as counter:
        found = counter.desk.scan(counter.selection, include_done=options.include_done, title="reading")
        if options.group_by is not None:
            groups = grouped(found, options.group_by)
            total, repeats, lines = (
                groups.total,
                groups.repeats,
                _lines(groups, groups_text(groups), options.output),
            )
        elif options.output == "jsonl":
            return _stream(counter, found, options)
        else:
            report = listed(found, options.limit or _DEFAULT_LIMIT)
            text = list_text(report, with_state=options.include_done)
            total, repeats, lines = report.total, report.repeats, _lines(report, text, options.output)
        print_lines(lines)
    if options.output == "text":
        kind = "dead letters" if options.include_done else "open dead letters"
        sys.stderr.write(f"{total:,} {kind}" + (f", {repeats:,} repeats folded" if repeats else "") + "\n")
    return _after_list(counter, total, options)


def inspect(load: Load, id_: str, output: Format) -> int:
    """Print one letter: the open one of this id, else the first that is done.

    Raises:
        OperationError: there is none.
        ClaimxError: the broker cannot be reached, or refuses us.
    """
    with _Counter(load, LetterFilter(ids=(id_,))) as counter:
        best: Found | None = None
        for found in counter.desk.scan(counter.selection, include_done=True, title="looking"):
            best = found if best is None or found.mark is None else best
            if found.mark is None:
                break
    if best is None:
        raise OperationError(f"no dead letter has the id {id_}", "claimx dlq list shows the ids")
    report = inspected(best)
    print_lines(_lines(report, inspect_text(report), output))
    return 0


def replay(load: Load, asked: LetterFilter, options: ReplayOptions, confirm: Confirm) -> int:
    """Put letters back, print what was done; 6: not all, 7: not confirmed, 130: ended by Ctrl-C.

    Raises:
        OperationError: no letter has the id.
        ClaimxError: the broker cannot be reached, or refuses us, before anything was done.
    """
    with _Counter(load, asked) as counter:
        counter.log.spans([target.topic for target in counter.targets.values()])
        work = Replay(counter.desk, counter.targets, counter.clock, options)
        report = work.plan(counter.selection)
        counter.watch.pause()
        if counter.watch.is_stopping:
            return INTERRUPTED
        is_many = not options.dry_run and report.selected > ASKED_FROM
        if is_many and not answer_to(confirm, Question(f"replay {report.selected:,} dead letters")):
            return CANCELLED
        if not options.dry_run and report.selected:
            work.run(counter.selection, KafkaReplayer(counter.client))
    print_lines(_lines(report, replay_text(report), options.output))
    return _after_replay(report)


def purge(load: Load, asked: LetterFilter, options: PurgeOptions, confirm: Confirm) -> int:
    """Give letters up, print what was done; 7: not confirmed, 130: ended by Ctrl-C before anything was.

    Raises:
        OperationError: the export cannot be written; then nothing is purged.
        ClaimxError: the broker cannot be reached, or refuses us.
    """
    with _Counter(load, asked) as counter:
        work = Purge(counter.desk, options)
        report = work.plan(counter.selection)
        counter.watch.pause()
        if not report.interrupted and not work.is_empty:
            sys.stderr.writelines(line + "\n" for line in sample_text(report))
            report.cancelled = not options.dry_run and not all(
                answer_to(confirm, question) for question in work.questions()
            )
            if not report.cancelled and not options.dry_run:
                work.run(counter.selection, KafkaRecordDeleter(counter.client))
    print_lines(_lines(report, purge_text(report), options.output))
    return _after_purge(report)


def export(load: Load, asked: LetterFilter, path: Path | None, *, include_done: bool) -> int:
    """Write letters as JSON lines to a new file, or to stdout.

    Raises:
        OperationError: the file is there, or cannot be written.
        ClaimxError: the broker cannot be reached, or refuses us.
    """
    with _Counter(load, asked) as counter:
        found = counter.desk.scan(counter.selection, include_done=include_done, title="exporting")
        if path is None:
            print_lines(export_line(each).decode() for each in found)
        else:
            count = export_to(path, found)
            sys.stderr.write(f"{count:,} dead letters written to {path}\n")
    return INTERRUPTED if counter.watch.is_stopping else 0


def _stream(counter: _Counter, found: Iterable[Found], options: ListOptions) -> int:
    total = 0

    def lines() -> Iterator[str]:
        nonlocal total
        for each in found:
            if each.is_repeat:
                continue
            if options.limit is not None and total == options.limit:
                return
            total += 1
            yield msgspec.json.encode(view(each)).decode()

    print_lines(lines())
    return _after_list(counter, total, options)


def _after_list(counter: _Counter, total: int, options: ListOptions) -> int:
    if counter.watch.is_stopping:
        return INTERRUPTED
    return FOUND_SOMETHING if options.fail_if_any and total else 0


def _after_replay(report: ReplayReport) -> int:
    if report.interrupted:
        return INTERRUPTED
    return 0 if report.is_whole else PARTIAL


def _after_purge(report: PurgeReport) -> int:
    if report.interrupted:
        return INTERRUPTED
    return CANCELLED if report.cancelled else 0


def _targets(kafka: KafkaSettings) -> dict[str, Target]:
    names: Topics = kafka.topics
    return {
        names.events_dlq: Target(names.events_replay, Kind.EVENT),
        names.enrichment_dlq: Target(names.enrichment_pending, Kind.TASK),
        names.downloads_dlq: Target(names.downloads_pending, Kind.TASK),
    }


def _chosen(targets: dict[str, Target], topic: str | None) -> list[str]:
    if topic is None:
        return list(targets)
    if topic not in targets:
        raise OperationError(f"{topic} is no dead-letter topic", f"there are: {', '.join(targets)}")
    return [topic]


def _lines(report: msgspec.Struct, text: Iterator[str], output: Format) -> Iterator[str]:
    return text if output == "text" else iter([msgspec.json.encode(report).decode()])
