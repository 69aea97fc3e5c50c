"""``claimx dlq replay``: dead letters go back to the topic of their stage.

A letter is produced, the broker acknowledges it, then it is marked. A crash between the two replays it again, which
folds: rows by their keys, files by theirs. Run it again and it goes on where it ended.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum

import msgspec

from claimx.config.options import ReplayOptions
from claimx.domain.letter_marks import Mark
from claimx.domain.letters import Letter, Outgoing, Place, event_again, task_again
from claimx.errors import ClaimxError, ItemError, OperationError
from claimx.ops.dlq import Desk, Selection
from claimx.ops.dlq_view import shown
from claimx.ports.clock import Clock
from claimx.ports.dlq import Replayer

_BATCH = 500
_BATCH_BYTES = 8 * 1024 * 1024
_NAP_S = 0.1
_FAILURES_KEPT = 100


class Kind(Enum):
    """What the letters of a topic hold."""

    EVENT = "event"
    TASK = "task"


class Target(msgspec.Struct, frozen=True):
    """Where the letters of one dead-letter topic go back to."""

    topic: str
    kind: Kind


class Failure(msgspec.Struct, frozen=True):
    """A letter that could not be put back; it stays open."""

    id: str
    place: str
    reason: str


class ReplayReport(msgspec.Struct, kw_only=True):
    """What ``claimx dlq replay`` did.

    Args:
        selected: letters that were to be replayed.
        replayed: acknowledged by the broker and marked.
        repeats: further copies of them, marked with them.
        already_done: letters asked for by id that were replayed or purged before.
        missing: ids that no letter has.
        to: replayed letters by topic; with ``dry_run`` those that would be.
        failures: the first hundred.
        stopped_by: what ended it before its end.
    """

    schema: str = "claimx.dlq.replay/1"
    dry_run: bool = False
    selected: int = 0
    replayed: int = 0
    repeats: int = 0
    failed: int = 0
    already_done: int = 0
    missing: list[str] = []
    to: dict[str, int] = {}
    failures: list[Failure] = []
    interrupted: bool = False
    stopped_by: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all that was asked for is done."""
        return not (self.failed or self.missing or self.stopped_by)


class Replay:
    """One replay.

    Args:
        targets: by dead-letter topic.
    """

    def __init__(
        self, desk: Desk, targets: Mapping[str, Target], clock: Clock, options: ReplayOptions
    ) -> None:
        self.report = ReplayReport(dry_run=options.dry_run)
        self._desk = desk
        self._targets = targets
        self._clock = clock
        self._options = options
        self._failed: set[str] = set()

    def plan(self, selection: Selection) -> ReplayReport:
        """Count what would be replayed, and make sure that it can be marked; nothing is changed.

        Raises:
            OperationError: no letter has any of the ids, or the marks would not fit.
        """
        report, wanted = self.report, set(selection.asked.ids)
        places: list[Place] = []
        for found in self._desk.scan(selection, include_done=bool(wanted), title="looking"):
            wanted -= {each for each in wanted if found.letter.id.startswith(each)}
            if found.mark is not None:
                report.already_done += 1
            elif found.is_repeat:
                report.repeats += 1
                places.append(found.letter.place)
            elif self._options.limit is None or report.selected < self._options.limit:
                report.selected += 1
                places.append(found.letter.place)
                self._count(found.letter)
        report.missing = sorted(wanted)
        if wanted and not (report.selected or report.already_done):
            raise OperationError(
                f"no dead letter has the id {', '.join(report.missing)}", "claimx dlq list shows the ids"
            )
        self._must_fit(places)
        return report

    def run(self, selection: Selection, replayer: Replayer) -> ReplayReport:
        """Replay what ``plan`` has counted."""
        report, watch = self.report, self._desk.watch
        report.to, report.repeats = {}, 0
        watch.begin("replaying", report.selected)
        try:
            for batch in self._batches(selection):
                began = time.perf_counter()
                self._send(batch, replayer)
                watch.advance(len(batch.letters))
                self._pace(began, len(batch.letters))
        except ClaimxError as error:
            report.stopped_by = str(error)
        report.interrupted = watch.is_stopping
        return report

    def _batches(self, selection: Selection) -> Iterator["_Batch"]:
        """Letters in groups; what is not full when a person asks for the end is left."""
        batch, taken = _Batch(self._options.rate_per_s), 0
        for found in self._desk.scan(selection):
            if found.is_repeat:
                if found.letter.id not in self._failed:
                    batch.repeat(found.letter)
                continue
            if taken == self.report.selected:
                break
            taken += 1
            batch.add(found.letter)
            if batch.is_full:
                yield batch
                batch = _Batch(self._options.rate_per_s)
                if self._desk.watch.is_stopping:
                    return
        if batch.places and not self._desk.watch.is_stopping:
            yield batch

    def _send(self, batch: "_Batch", replayer: Replayer) -> None:
        ready: list[tuple[Letter, Outgoing]] = []
        for letter in batch.letters:
            try:
                ready.append((letter, self._outgoing(letter)))
            except ItemError as error:
                self._fail(letter, shown(str(error)))
        answers = replayer.send([(self._target(letter).topic, record) for letter, record in ready])
        for (letter, _), answer in zip(ready, answers, strict=True):
            if answer is not None:
                self._fail(letter, answer)
        done = {id_: places for id_, places in batch.places.items() if id_ not in self._failed}
        marks = self._desk.marked((place for places in done.values() for place in places), Mark.REPLAYED)
        self._desk.store.store(self._desk.spans, marks)
        for letter in batch.letters:
            if letter.id in done:
                self.report.replayed += 1
                self._count(letter)
        self.report.repeats += sum(map(len, done.values())) - sum(each.id in done for each in batch.letters)

    def _outgoing(self, letter: Letter) -> Outgoing:
        if self._target(letter).kind is Kind.EVENT:
            return event_again(letter)
        return task_again(letter, self._clock.now())

    def _pace(self, began: float, letters: int) -> None:
        if self._options.rate_per_s is None:
            return
        until = began + letters / self._options.rate_per_s
        while not self._desk.watch.is_stopping and (left := until - time.perf_counter()) > 0:
            time.sleep(min(left, _NAP_S))

    def _must_fit(self, places: Iterable[Place]) -> None:
        marks = self._desk.marked(places, Mark.REPLAYED)
        for shelf, each in marks.items():
            each.merge(self._desk.marks[shelf])
        self._desk.must_fit(marks)

    def _target(self, letter: Letter) -> Target:
        return self._targets[letter.place.topic]

    def _count(self, letter: Letter) -> None:
        topic = self._target(letter).topic
        self.report.to[topic] = self.report.to.get(topic, 0) + 1

    def _fail(self, letter: Letter, reason: str) -> None:
        self._failed.add(letter.id)
        self.report.failed += 1
        if len(self.report.failures) < _FAILURES_KEPT:
            self.report.failures.append(Failure(letter.id, str(letter.place), reason))


class _Batch:
    """Letters that are produced and marked together. With a rate it is what half a second takes."""

    def __init__(self, rate_per_s: float | None) -> None:
        self.letters: list[Letter] = []
        self.places: dict[str, list[Place]] = {}
        self._bytes = 0
        self._most = _BATCH if rate_per_s is None else min(_BATCH, max(1, int(rate_per_s / 2)))

    @property
    def is_full(self) -> bool:
        return len(self.letters) >= self._most or self._bytes >= _BATCH_BYTES

    def add(self, letter: Letter) -> None:
        self.letters.append(letter)
        self._bytes += len(letter.record.value or b"")
        self.repeat(letter)

    def repeat(self, letter: Letter) -> None:
        self.places.setdefault(letter.id, []).append(letter.place)


def replay_text(report: ReplayReport) -> Iterator[str]:
    """What was done, for people."""
    count = report.selected if report.dry_run else report.replayed
    word = "would be replayed" if report.dry_run else "replayed"
    of = "" if report.dry_run or count == report.selected else f" of {report.selected:,}"
    yield f"{count:,}{of} dead letters {word}"
    for topic, letters in sorted(report.to.items()):
        yield f"  to {topic:<32} {letters:>9,}"
    for label, number in (
        ("repeats marked with them", report.repeats),
        ("done before", report.already_done),
        ("failed, still open", report.failed),
    ):
        if number:
            yield f"  {label:<35} {number:>9,}"
    for failure in report.failures:
        yield f"failed: {failure.id} {failure.place} {failure.reason}"
    for id_ in report.missing:
        yield f"missing: {id_}"
    if report.stopped_by:
        yield f"stopped: {report.stopped_by}; run it again to go on"
    elif report.interrupted:
        yield "interrupted; run it again to go on"
