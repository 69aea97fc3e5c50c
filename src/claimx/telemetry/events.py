"""Every log event name: ``<noun>.<past verb>``. Values are fields, never part of the name."""

from typing import Literal

Event = Literal[
    "process.started",
    "process.draining",
    "process.stopped",
    "process.failed",
    "delay_queue.recovered",
    "delay_queue.failed",
    "partition.assigned",
    "partition.revoked",
    "offsets.failed",
    "flush.failed",
    "flush.committed",
    "row.rejected",
    "item.parked",
    "item.dead_lettered",
    "item.dropped",
    "dead_letter.failed",
    "preflight.failed",
    "circuit.opened",
    "circuit.closed",
    "kafka.logged",
    "kafka.failed",
]
