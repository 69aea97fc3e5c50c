"""``claimx dlq purge``: dead letters are given up for good.

They are marked; then the broker deletes every record below the lowest open one of a partition, if it can. A letter
above an open one stays on the topic, marked.
"""

from collections.abc import Iterator, Mapping

import msgspec

from claimx.config.options import PurgeOptions, Question
from claimx.domain.letter_marks import Mark, Marks
from claimx.ops.dlq import Desk, Found, Selection
from claimx.ops.dlq_export import export_to
from claimx.ops.dlq_view import LetterView, ListReport, list_text, view
from claimx.ports.dlq import RecordDeleter, Shelf

_SAMPLE = 5


class PurgeReport(msgspec.Struct, kw_only=True):
    """What ``claimx dlq purge`` did.

    Args:
        selected: open letters, repeats included, by topic.
        purged: letters that were marked.
        deleted: records that the broker deleted, replayed ones among them; None: it cannot.
        exported: letters in the file.
        sample: some of those selected.
    """

    schema: str = "claimx.dlq.purge/1"
    dry_run: bool = False
    selected: dict[str, int] = {}
    purged: int = 0
    deleted: int | None = 0
    exported: int | None = None
    cancelled: bool = False
    interrupted: bool = False
    sample: list[LetterView] = []


class Purge:
    """One purge."""

    def __init__(self, desk: Desk, options: PurgeOptions) -> None:
        self.report = PurgeReport(dry_run=options.dry_run)
        self._desk = desk
        self._options = options
        self._chosen: dict[Shelf, Marks] = {}
        self._removable: dict[Shelf, int] = {}

    def plan(self, selection: Selection) -> PurgeReport:
        """Count what would be purged and deleted; nothing is changed.

        Raises:
            OperationError: the marks would not fit.
        """
        report = self.report
        for found in self._desk.scan(selection, title="looking"):
            self._choose(found)
        report.interrupted = self._desk.watch.is_stopping
        after = {shelf: Marks(marks.runs) for shelf, marks in self._desk.marks.items()}
        for shelf, marks in self._chosen.items():
            after[shelf].merge(marks)
        self._desk.must_fit({shelf: after[shelf] for shelf in self._chosen})
        topics = set(report.selected) if not selection.asked.is_empty else {each.topic for each in after}
        for shelf, span in self._desk.spans.items():
            frontier = after[shelf].frontier(span.low)
            if shelf.topic in topics and frontier > span.low:
                self._removable[shelf] = frontier
        return report

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self._chosen and not self._removable

    def questions(self) -> Iterator[Question]:
        """What must be confirmed, topic by topic."""
        topics = {shelf.topic for shelf in (*self._chosen, *self._removable)}
        for topic in sorted(topics):
            open_ = self.report.selected.get(topic, 0)
            gone = sum(
                frontier - self._desk.spans[shelf].low
                for shelf, frontier in self._removable.items()
                if shelf.topic == topic
            )
            yield Question(
                f"{topic}: purge {open_:,} open dead letters; {gone:,} records (replayed ones among them) are"
                " deleted from the broker",
                topic,
            )

    def run(self, selection: Selection, deleter: RecordDeleter) -> PurgeReport:
        """Export if asked, mark, delete.

        Raises:
            OperationError: the export cannot be written; then nothing is purged.
            ClaimxError: the broker cannot be reached, or refuses us.
        """
        report, desk = self.report, self._desk
        if self._options.export is not None:
            report.exported = export_to(self._options.export, desk.scan(selection, title="exporting"))
            if desk.watch.is_stopping:
                report.interrupted = True
                return report
        desk.store.store(desk.spans, self._chosen)
        report.purged = sum(report.selected.values())
        is_deleted = deleter.delete_below(self._removable)
        report.deleted = (
            sum(frontier - desk.spans[shelf].low for shelf, frontier in self._removable.items())
            if is_deleted
            else None
        )
        return report

    def _choose(self, found: Found) -> None:
        place = found.letter.place
        self._chosen.setdefault(Shelf(place.topic, place.partition), Marks()).mark(place.offset, Mark.PURGED)
        self.report.selected[place.topic] = self.report.selected.get(place.topic, 0) + 1
        if len(self.report.sample) < _SAMPLE:
            self.report.sample.append(view(found))


def sample_text(report: PurgeReport) -> Iterator[str]:
    """Some of what would be purged, for people."""
    letters = report.sample
    return list_text(ListReport(total=len(letters), repeats=0, letters=letters), with_state=False)


def purge_text(report: PurgeReport) -> Iterator[str]:
    """What was done, for people."""
    total = sum(report.selected.values())
    if report.dry_run or report.cancelled or report.interrupted:
        why = "would be" if report.dry_run else "of them were"
        yield f"{total if report.dry_run else 0:,} dead letters {why} purged"
    else:
        yield f"{report.purged:,} dead letters purged"
    topics: Mapping[str, int] = report.selected
    for topic, letters in sorted(topics.items()):
        yield f"  {topic:<35} {letters:>9,}"
    if report.exported is not None:
        yield f"  {'exported':<35} {report.exported:>9,}"
    if report.deleted is None:
        yield "the broker cannot delete records: they stay on their topics, and are not listed any more"
    elif report.deleted:
        yield f"  {'records deleted from the broker':<35} {report.deleted:>9,}"
