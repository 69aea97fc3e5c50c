"""The invariants, checked from durable state alone: at every commit and deletion, every few seconds, at the end."""

from claimx.domain.dead_letter import letter_id
from claimx.domain.events import Event, Malformed
from claimx.domain.files import object_key
from claimx.domain.outcomes import Outcome
from claimx.domain.receipts import Partition
from claimx.domain.results import ResultRecord
from claimx.domain.tasks import CachedFile, DownloadTask, EnrichmentTask, Origin, Task, TaskRecord
from claimx.ports.delay import DelayRow
from claimx.ports.source import Item
from claimx.stages.pipeline import Pipeline
from simulation.stories import Story, content_of
from simulation.world import Place, World

CRASHED = "retry.crashed"
HELD = frozenset({Outcome.COMMITTED.label, Outcome.SKIPPED.label})


class Checker:
    """Looks at the world; raises ViolationError."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.checked = self.commit
        world.deleted = self.deleted  # type: ignore[attr-defined]

    # ---- what is durable ----

    def has_row(self, table: str, key: tuple[object, ...], event_id: str) -> bool:
        if table == "claimx_events":
            return key[0] in self._world.lake.events or (event_id, "row") in self._world.letter_of
        name = f"row:{table}:{'/'.join(map(str, key))}"
        return key in self._world.lake.rows[table] or (event_id, name) in self._world.letter_of

    def is_parked(self, event_id: str, child: str) -> bool:
        """Whether work waits: in a delay queue, or on a topic."""
        return self._world.waits(event_id, child) or any(
            row.task.event_id == event_id and row.task.child == child
            for state in self._world.delay.values()
            for row, _ in state.rows.values()
        )

    def has_file(self, story: Story, media_id: str) -> bool:
        key = object_key(story.event.project_id, media_id, f"{media_id}.jpg")
        stored = self._world.files.get(key) == content_of(media_id)
        return stored and self.has_row("claimx_attachments", (media_id,), story.event.event_id)

    def is_covered(self, story: Story, media_id: str) -> bool:
        """Whether a download is done, waits durably, or was given up."""
        event_id, letters = story.event.event_id, self._world.letter_of
        return (
            (event_id, f"download:{media_id}") in letters
            or (event_id, f"upload:{media_id}") in letters
            or self.is_parked(event_id, f"download:{media_id}")
            or self.is_parked(event_id, f"upload:{media_id}")
            or self.has_file(story, media_id)
        )

    def is_enriched(self, story: Story) -> bool:
        """Whether all that the event owes beside its own row is done, waits durably, or was given up."""
        event_id = story.event.event_id
        if (event_id, "enrich") in self._world.letter_of or self.is_parked(event_id, "enrich"):
            return True
        if story.fate != "ok":
            return False
        return all(self.has_row(table, key, event_id) for table, key in story.rows) and all(
            self.is_covered(story, media_id) for media_id in story.media
        )

    def is_done(self, story: Story) -> bool:
        """Strictly committed: nothing waits, nothing was given up."""
        return (
            story.fate == "ok"
            and all(key in self._world.lake.rows[table] for table, key in story.rows)
            and all(self.has_file(story, media_id) for media_id in story.media)
        )

    def has_project(self, story: Story) -> bool:
        """Whether the project and its contacts are there, or a row of them was given up, or the project."""
        buried = {name for _, name in self._world.letter_of}
        return f"project:{story.event.project_id}" in buried or all(
            key in self._world.lake.rows[table] or f"row:{table}:{'/'.join(map(str, key))}" in buried
            for table, key in story.project_rows
        )

    # ---- I2, at every step ----

    def commit(self, place: Place, old: int, new: int) -> None:
        for item in self._world.log[place]:
            if old <= item.offset < new:
                self._passed(place, item)

    def _passed(self, place: Place, item: Item) -> None:
        need, at = self._world.need, f"{place[0]}/{place[1]}/{item.offset}"
        if isinstance(item, ResultRecord):
            return
        outcome = self._world.logged.get((*place, item.offset))
        need(outcome is not None, f"I1: no line in the event log for {at}")
        if isinstance(item, Malformed):
            need(
                letter_id(Origin(*place, item.offset), "") in self._world.letters,
                f"I2: {at} not dead-lettered",
            )
        if isinstance(item, TaskRecord):
            self._passed_task(at, item.task, outcome)
        if isinstance(item, Event):
            story = self._world.stories.events[item.event_id]
            need(
                self.has_row("claimx_events", (item.event_id,), item.event_id),
                f"I2: no row in claimx_events for {at}",
            )
            if item.is_enriched:
                need(self.is_enriched(story), f"I2: enrichment of {at} is not durable")
                need(
                    outcome not in HELD or self.is_done(story), f"I1: {at} logged as {outcome}, but it is not"
                )

    def _passed_task(self, at: str, task: Task, outcome: str | None) -> None:
        story, need = self._world.stories.events[task.event_id], self._world.need
        if isinstance(task, EnrichmentTask):
            need(self.is_enriched(story), f"I2: enrichment of {at} is not durable")
            need(outcome not in HELD or self.is_done(story), f"I1: {at} logged as {outcome}, but it is not")
        elif isinstance(task, DownloadTask | CachedFile):
            media_id = task.child.partition(":")[2]
            need(self.is_covered(story, media_id), f"I2: {task.child} of {at} is not durable")
            need(
                outcome not in HELD or self.has_file(story, media_id),
                f"I1: {at} logged as {outcome}, but there is no file",
            )

    def deleted(self, row: DelayRow) -> None:
        story, child = self._world.stories.events[row.task.event_id], row.task.child
        if child == "enrich":
            self._world.need(
                self.is_enriched(story), f"I1: delay row {row.task.event_id} deleted without an outcome"
            )
        elif child.startswith("project:"):
            is_ended = child in {name for _, name in self._world.letter_of} or self.is_parked(
                row.task.event_id, child
            )
            self._world.need(
                is_ended or self.has_project(story), f"I1: delay row {child} deleted without an outcome"
            )
        else:
            media_id = child.partition(":")[2]
            self._world.need(
                self.is_covered(story, media_id), f"I1: delay row {child} deleted without an outcome"
            )

    # ---- I1 and I4, every few seconds ----

    def laws(self, process: str, pipeline: Pipeline) -> None:
        need, flow, parts = self._world.need, pipeline.flow, pipeline.partitions
        problem = parts.violation()
        need(problem is None, f"I1: {process}: {problem}")
        for budget in (flow.pools.intake, flow.pools.api, flow.pools.files, flow.pools.spool):
            need(
                0 <= budget.used <= max(budget.limit, 64 * 2**20),
                f"I4: {process}: {budget.used} of {budget.limit}",
            )
        for partition in parts.owned.values():
            need(self._is_near(partition, parts.max_ahead), f"I4: {process}: {partition.ahead()} ahead")

    @staticmethod
    def _is_near(partition: Partition, max_ahead: int) -> bool:
        return partition.ahead() <= max(max_ahead, 16)

    # ---- the end ----

    def end(self) -> None:
        for story in self._world.stories.events.values():
            self._end_of(story)
        for place, log in self._world.log.items():
            for item in log:
                self._passed(place, item)
        for letter in self._world.letter_of:
            self._is_justified(*letter)

    def _end_of(self, story: Story) -> None:
        need, event_id, letters = self._world.need, story.event.event_id, self._world.letter_of
        need(self.has_row("claimx_events", (event_id,), event_id), f"end: no row of {event_id}")
        if not story.event.is_enriched:
            return
        need(self.has_project(story), f"end: no project of {event_id}")
        is_buried = (event_id, "enrich") in letters
        if letters.get((event_id, "enrich")) == CRASHED:
            return
        need(is_buried == (story.fate != "ok"), f"end: {event_id} {story.fate} buried={is_buried}")
        for table, key in story.rows:
            need(self.has_row(table, key, event_id), f"end: no row {table} {key} of {event_id}")
        for media_id in story.media:
            fate = self._world.stories.fates[f"file:{media_id}"]
            is_lost = (event_id, f"download:{media_id}") in letters
            is_crashed = letters.get((event_id, f"download:{media_id}")) == CRASHED
            need(is_crashed or is_lost == (fate != "ok"), f"end: file {media_id} {fate} buried={is_lost}")
            need(is_lost or self.has_file(story, media_id), f"end: no file {media_id}")

    def _is_justified(self, event_id: str, child: str) -> None:
        bad, code = self._world.stories.bad_rows, self._world.letter_of[event_id, child]
        if code == CRASHED:
            self._world.need(
                (event_id, child) in self._world.suspects, f"I5: {event_id} {child} killed nobody"
            )
        if child == "row":
            self._world.need(f"claimx_events/{event_id}" in bad, f"I5: the good row of {event_id} was buried")
        elif child.startswith("row:"):
            _, table, key = child.split(":", 2)
            self._world.need(f"{table}/{key}" in bad, f"I5: the good row {child} was buried")

    def settled(self, process: str, pipeline: Pipeline) -> None:
        """A process that is idle holds nothing."""
        need, flow = self._world.need, pipeline.flow
        problem = pipeline.delay_counts.violation(len(self._world.delay[process].rows))
        need(problem is None, f"I1: {process}: {problem}")
        for budget in (flow.pools.intake, flow.pools.api, flow.pools.files, flow.pools.spool):
            need(budget.used == 0, f"I4: {process} leaks {budget.used} bytes")
        need(
            len(flow.settlement.in_flight) == 0, f"I1: {process}: the map of receipts in flight is not empty"
        )
