"""``claimx verify``: that nothing is lost and nothing is twice, shown from what is durable alone (I1 to I4).

Beside a running daemon it looks in the order opposite to that in which effects become durable: committed offsets, delay
queues, the event log, its tables, dead letters, pending topics. So whatever a step proves was there before.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from claimx.domain import queue_mark
from claimx.domain.tables import ATTACHMENTS, TABLES
from claimx.domain.times import SECOND, Micros, format_time
from claimx.ops.dlq import Watch
from claimx.ops.verify_records import Group, Range, check_offsets, check_records, ranges
from claimx.ops.verify_report import MOST_NAMED, Check, Finding, Problem, Report
from claimx.ops.verify_traces import Traces
from claimx.ports.inspection import DelayFiles, FileAudit, LakeAudit, Period, Positions, RecordLog, Stored

YOUNG_S = 900
"""A file that is younger may still wait for its row."""

_CHECKS = {
    "offsets": "committed offsets",
    "records": "records below them",
    "rows": "settled records",
    "parked": "parked records and retries",
    "forwarded": "records handed to a topic",
    "dead letters": "dead-lettered work",
    "doubles": "rows of the tables",
    "files": "rows of the inventory",
    "sample": "files that were read",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where to look."""

    lake: LakeAudit
    log: RecordLog
    positions: Positions
    delay: DelayFiles
    files: FileAudit


class Scope(NamedTuple):
    """How far to look.

    Args:
        events: the group that takes events in; ``tasks``: those of the stages behind it.
        files: compare the files root with the inventory.
        sample: read so many files and compare their digests.
    """

    period: Period
    events: Group
    tasks: tuple[Group, ...]
    files: bool
    sample: int


class Verify:
    """One look at everything.

    Args:
        now: the time of the look.
    """

    def __init__(
        self, evidence: Evidence, scope: Scope, letter_topics: Mapping[str, str], watch: Watch, now: Micros
    ) -> None:
        self._evidence = evidence
        self._scope = scope
        self._letter_topics = letter_topics
        self._watch = watch
        self._now = now
        since, until = scope.period
        self.report = Report(
            since=None if since is None else format_time(since),
            until=None if until is None else format_time(until),
        )
        asked = {"files": scope.files, "sample": scope.sample > 0}
        self._checks = {
            name: Check(name=name, of=of) for name, of in _CHECKS.items() if asked.get(name, True)
        }

    def run(self) -> Report:
        """Look; ended early, the report is of what was looked at.

        Raises:
            ClaimxError: something cannot be reached or read.
        """
        evidence, scope = self._evidence, self._scope
        groups = (scope.events, *scope.tasks)
        found = ranges(evidence.positions, evidence.log, groups)
        traces = Traces(self._letter_topics, are_queues_whole=self._sees_all_queues(found))
        traces.delay.fill(evidence.delay)
        evidence.lake.pin()
        traces.delay.fill(evidence.delay)
        traces.letters.fill(evidence.log, list(self._letter_topics.values()), self._watch)
        pending = [each for each in found if each.group in scope.tasks]
        traces.backlog.fill(evidence.log, pending, self._watch)
        self._note(found, traces)
        steps: tuple[Callable[[], None], ...] = (
            lambda: self._take("offsets", check_offsets(found)),
            lambda: self._records(found),
            lambda: self._days(traces),
            lambda: self._again(traces),
            self._doubles,
            self._files,
        )
        for step in steps:
            if not self._watch.is_stopping:
                step()
        self.report.checks = list(self._checks.values())
        self.report.is_interrupted = self._watch.is_stopping
        self.report.is_clean = not any(check.problems for check in self.report.checks)
        return self.report

    def _note(self, found: list[Range], traces: Traces) -> None:
        notes = self.report.notes
        if all(each.committed is None for each in found if each.group == self._scope.events):
            notes.append(f"group {self._scope.events.name} has committed nothing: no record was looked at")
        instances = ", ".join(self._evidence.delay.instances) or "none"
        notes.append(f"delay queues on this host: {instances}; {traces.delay.rows:,} rows wait")

    def _sees_all_queues(self, found: list[Range]) -> bool:
        """Whether this host has the delay queue of every process that has committed."""
        told = {entry[0] for each in found if (entry := queue_mark.read(each.metadata)) is not None}
        others = sorted(told - set(self._evidence.delay.instances))
        if others:
            where = f"the delay queues of {', '.join(others)} are not on this host"
            self.report.notes.append(f"{where}: what waits there cannot be told from what is lost")
        return not others

    def _records(self, found: list[Range]) -> None:
        sources = self._evidence.log, self._evidence.positions
        findings = check_records(found, sources, self._evidence.lake, self._scope.period, self._watch)
        self._take("records", findings)

    def _days(self, traces: Traces) -> None:
        """Go through the log day by day."""
        lake, period = self._evidence.lake, self._scope.period
        days = lake.days(period)
        self._watch.begin("reading the event log", len(days))
        for day in days:
            if self._watch.is_stopping:
                return
            self._add("rows", Finding(looked_at=lake.count(day, period)))
            for absent in lake.absent(day, period):
                self._add("rows", traces.owes(absent))
            for line in lake.unfinished(day, period):
                self._add(*traces.judge(line))
            self._watch.advance(1)

    def _again(self, traces: Traces) -> None:
        for line in self._evidence.lake.parked_again(self._scope.period):
            self._add(*traces.judge(line))

    def _doubles(self) -> None:
        lake = self._evidence.lake
        keyed = [table.name for table in TABLES.values() if table.key]
        self._watch.begin("looking for doubles", len(keyed))
        for table in keyed:
            self._add("doubles", Finding(looked_at=lake.row_count(table)))
            for twice in lake.twice(table):
                what = f"the key stands {twice.rows} times"
                problem = Problem(check="doubles", what=what, table=twice.table, key=twice.key)
                self._add("doubles", Finding(problem=problem))
            self._watch.advance(1)
        if again := lake.repeated_lines():
            self.report.notes.append(f"{again:,} lines of the event log tell of work that was done again")

    def _files(self) -> None:
        lake, files = self._evidence.lake, self._evidence.files
        if self._scope.files:
            self._watch.begin("listing files", 0)
            self._add("files", Finding(looked_at=lake.row_count(ATTACHMENTS.name)))
            for misfit in files.misfits(self._now - YOUNG_S * SECOND):
                key = misfit.media_id and f"{misfit.media_id}: {misfit.path}"
                self._add("files", Finding(problem=_of_file("files", misfit.what, key or misfit.path)))
        if self._scope.sample:
            drawn = lake.sample(self._scope.sample)
            self._watch.begin("reading files", len(drawn))
            self._take("sample", self._sampled(drawn))

    def _sampled(self, drawn: Iterable[Stored]) -> Iterator[Finding]:
        for stored in drawn:
            if self._watch.is_stopping:
                return
            what = _difference(stored, self._evidence.files.digest)
            key = f"{stored.media_id}: {stored.path}"
            yield Finding(looked_at=1, problem=None if what is None else _of_file("sample", what, key))
            self._watch.advance(1)

    def _take(self, name: str, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self._add(name, finding)

    def _add(self, name: str, finding: Finding) -> None:
        check = self._checks[name]
        check.looked_at += finding.looked_at
        check.unprovable += finding.unprovable
        if finding.problem is not None:
            check.problems += 1
            if check.problems <= MOST_NAMED:
                self.report.problems.append(finding.problem)


def _difference(stored: Stored, digest: Callable[[str], tuple[int, str] | None]) -> str | None:
    found = digest(stored.path)
    if found is None:
        return "the file is not there"
    size, sha256 = found
    if size != stored.size:
        return f"{size} bytes, the inventory says {stored.size}"
    return None if sha256 == stored.sha256 else "its content is not what was stored"


def _of_file(check: str, what: str, key: str) -> Problem:
    return Problem(check=check, what=what, table=ATTACHMENTS.name, key=key)
