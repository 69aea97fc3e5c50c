"""What a running process is asked by an operator on its host, and what it answers."""

from typing import Protocol

import msgspec

from claimx.domain.ledger import DelayCounts, TopicCounts
from claimx.domain.tasks import Origin
from claimx.domain.times import Micros
from claimx.ports.delay import DelayRow, RowKey


class Wanted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which rows of the delay queue: those that fit all that is given. Times are microseconds UTC.

    Args:
        code: a whole code, or its first words.
        event: a whole id, or its beginning.
        due_by, parked_by: at that time or before.
    """

    stage: str | None = None
    code: str | None = None
    project: str | None = None
    event: str | None = None
    due_by: Micros | None = None
    parked_by: Micros | None = None

    def takes(self, row: DelayRow) -> bool:
        """Whether a row fits."""
        return (
            (self.stage is None or row.stage == self.stage)
            and (self.code is None or f"{row.code}.".startswith(f"{self.code}."))
            and (self.project is None or row.task.project_id == self.project)
            and (self.event is None or row.task.event_id.startswith(self.event))
            and (self.due_by is None or row.due_at <= self.due_by)
            and (self.parked_by is None or row.parked_at <= self.parked_by)
        )


class _Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step through the delay queue: a bounded number of its rows, those after ``after``."""

    wanted: Wanted = Wanted()
    after: RowKey | None = None


class ListRetries(_Step, frozen=True, tag_field="command", tag="retries.list"):
    """Show rows."""


class RunRetries(_Step, frozen=True, tag_field="command", tag="retries.run"):
    """Let rows be due now."""


class DropRetries(_Step, frozen=True, tag_field="command", tag="retries.drop"):
    """Give rows up: each becomes a dead letter, then it is deleted."""


class AskStatus(msgspec.Struct, frozen=True, tag_field="command", tag="status"):
    """Tell the live numbers.

    Args:
        lag: ask the broker for it, too.
    """

    lag: bool = False


class Drain(msgspec.Struct, frozen=True, tag_field="command", tag="drain"):
    """Drain, as SIGTERM does; the answer comes at once."""


Step = ListRetries | RunRetries | DropRetries
Command = Step | AskStatus | Drain


class RetryRow(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="claimx.retries.row/1"):
    """A row of the delay queue for programs. Times are ISO 8601 in UTC.

    Args:
        is_leased: it is being worked on.
        attempt: the pass that comes next, from 1.
        asked: times the thing was not visible yet.
        crashes: process runs in a row that died while they worked on it.
    """

    stage: str
    code: str
    due_at: str
    parked_at: str
    first_tried_at: str
    is_leased: bool
    attempt: int
    asked: int
    crashes: int
    event_id: str
    event_type: str
    project_id: str
    media_id: str | None
    child: str
    origin: Origin


class Page(msgspec.Struct, kw_only=True):
    """What one step has found or done.

    Args:
        rows: those that were found, made due or dropped.
        leased: that fit, but are being worked on, and are left alone.
        unchanged: that fit, but were due already, or gone when their turn came.
        failed: that fit, and whose dead letter was not acknowledged: they stay.
        reason: of a failure.
        after: where the next step begins; None: that was the end.
    """

    rows: list[RetryRow] = []
    leased: int = 0
    unchanged: int = 0
    failed: int = 0
    reason: str | None = None
    after: RowKey | None = None


class Queue(msgspec.Struct, frozen=True):
    """A channel between two stages, or a budget of bytes."""

    used: int
    limit: int


class DelayStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The delay queue of this moment; None: its disk did not answer in time.

    Args:
        due: rows whose time has come, those being worked on included.
    """

    counts: DelayCounts
    waiting: int | None
    due: int | None
    by_stage: dict[str, int] | None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A running process at one moment. Counts are of this process run.

    Args:
        circuits: closed, open or half_open, by dependency.
        circuit_transitions: by dependency, how often its circuit came into each state.
        flood: which limit of [flood] is reached; None: there is no flood.
        kafka_trouble: what is wrong with Kafka, as the last look at it told; None: nothing.
        failing: durable writes that fail and are done again.
        stuck: why liveness is red; empty while it is green.
        queues: items between stages, by the stage that takes them.
        bytes: held of each pool.
        lag: records of the assigned partitions that are not committed; None: not asked for, or the broker did not tell.
    """

    schema: str = "claimx.status/1"
    instance: str
    version: str
    pid: int
    stages: list[str]
    uptime_s: float
    is_draining: bool
    in_flight: int
    topics: dict[str, TopicCounts]
    topics_in_flight: dict[str, int]
    delay_queue: DelayStatus
    circuits: dict[str, str]
    circuit_transitions: dict[str, dict[str, int]] = {}
    flood: str | None
    kafka_trouble: str | None = None
    failing: list[str] = []
    stuck: list[str] = []
    queues: dict[str, Queue]
    bytes: dict[str, Queue]
    lag: int | None
    ledger_violation: str | None


class Draining(msgspec.Struct, frozen=True):
    """The drain has begun.

    Args:
        in_flight: receipts that are not settled.
    """

    in_flight: int


Answer = Page | Status | Draining


class Retries(Protocol):
    """The delay queue of one instance, through its running process or straight at its file."""

    async def step(self, command: Step) -> Page:
        """Take one step.

        Raises:
            OperationError: the process refuses.
            TransientError: ``delay.disk``, ``control.*``; what it has done meanwhile is not known.
        """
        ...
