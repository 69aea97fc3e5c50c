"""Figures of a benchmark, for people and for programs."""

import msgspec


class IngestFigures(msgspec.Struct, kw_only=True):
    """What ``claimx bench ingest`` measures, from Kafka to the offset commit, in one process, all guarantees on.

    Args:
        cpu_us_per_event: CPU of the whole process, every thread, user and system, per event.
        bare_loop_cpu_us_per_event: the same of a loop that only consumes and decodes, measured in the same run.
        rss_mb: highest resident memory, in MB.
    """

    schema: str = "claimx.bench.ingest/1"
    events: int
    events_per_s: float
    cpu_us_per_event: float
    bare_loop_cpu_us_per_event: float
    ratio_to_bare_loop: float
    rss_mb: float
    broker: str
    flushes: int
    duration_s: float


def as_json(figures: IngestFigures) -> str:
    """One JSON object."""
    return msgspec.json.encode(figures).decode()


def as_text(figures: IngestFigures) -> str:
    """One line for each figure."""
    return "\n".join(f"{name:28} {getattr(figures, name)}" for name in figures.__struct_fields__)
