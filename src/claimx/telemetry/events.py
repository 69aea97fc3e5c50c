"""Every log event name: ``<noun>.<past verb>``. Values are fields, never part of the name."""

from typing import Literal

Event = Literal[
    "process.started",
    "process.draining",
    "process.stopped",
    "process.failed",
    "delay_queue.recovered",
    "delay_queue.failed",
    "delay_queue.foreign_stage",
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
    "flood.began",
    "flood.ended",
    "handover.failed",
    "preflight.failed",
    "file.failed",
    "results.counted",
    "circuit.opened",
    "circuit.closed",
    "kafka.logged",
    "kafka.failed",
]
