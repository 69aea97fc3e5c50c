"""The lines of claimx_event_log: one for each settled receipt."""

import msgspec

from claimx.domain.events import Event
from claimx.domain.outcomes import Outcome
from claimx.domain.receipts import Receipt
from claimx.domain.times import Micros


class LogLine(msgspec.Struct, gc=False):
    """What happened to one record or one leased row.

    Args:
        child: null for a record; for a leased row the work it held.
        first_origin: for a duplicate that joined: ``topic/partition/offset`` of the first copy.
        duration_ms: from receipt to settlement.
    """

    event_id: str | None
    event_type: str | None
    project_id: str | None
    outcome: str
    stage: str
    attempts: int
    api_calls: int
    duration_ms: int
    error_code: str | None
    topic: str
    partition: int
    offset: int
    child: str | None
    first_origin: str | None
    processed_at: Micros


def lines(receipt: Receipt, first: Receipt, now: Micros) -> list[LogLine]:
    """Make the lines of a concluded receipt: one for a record or lease, one for each record of a run.

    Args:
        receipt: the one to tell of.
        first: the receipt that did the work; another one if ``receipt`` joined it.
        now: the time of the flush.
    """
    duration_ms = max(0, (now - receipt.began_at) // 1000)
    topic, partition, offset = receipt.origin
    label = receipt.outcome.label
    if receipt.run:
        return [
            LogLine(
                event.event_id,
                event.event_type,
                event.project_id,
                label,
                receipt.stage,
                1,
                0,
                duration_ms,
                None,
                topic,
                partition,
                event.offset,
                None,
                None,
                now,
            )
            if event.event_id not in receipt.buried
            else _buried(receipt, event, duration_ms, now)
            for event in receipt.run
        ]
    return [
        LogLine(
            receipt.event_id,
            receipt.event_type,
            receipt.project_id,
            label,
            receipt.stage,
            first.attempts,
            first.api_calls,
            duration_ms,
            receipt.error_code,
            topic,
            partition,
            offset,
            receipt.lease.child if receipt.lease else None,
            None if first is receipt else "/".join(map(str, first.origin)),
            now,
        )
    ]


def _buried(receipt: Receipt, event: Event, duration_ms: int, now: Micros) -> LogLine:
    topic, partition, _ = receipt.origin
    return LogLine(
        event.event_id,
        event.event_type,
        event.project_id,
        Outcome.DEAD_LETTERED.label,
        receipt.stage,
        1,
        0,
        duration_ms,
        receipt.buried[event.event_id],
        topic,
        partition,
        event.offset,
        None,
        None,
        now,
    )
