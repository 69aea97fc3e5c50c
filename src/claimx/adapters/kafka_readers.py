"""Which topics each stage takes in, and how their records are read."""

from collections.abc import Mapping, Sequence

from claimx.adapters.kafka_records import Headers, Read
from claimx.config.tree import Topics
from claimx.domain.events import decode
from claimx.domain.results import ResultRecord, read_result
from claimx.domain.tasks import (
    CachedFile,
    DownloadTask,
    EnrichmentTask,
    ProjectTask,
    Task,
    TaskRecord,
    read_task,
)
from claimx.domain.times import Micros


def _tasks(*kinds: type[Task]) -> Read:
    def read(value: bytes, offset: int, _: Micros, __: Headers) -> TaskRecord:
        return read_task(kinds, value, offset)

    return read


def _result(value: bytes, offset: int, _: Micros, __: Headers) -> ResultRecord:
    return read_result(value, offset)


READERS: Mapping[str, Read] = {
    "ingest": decode,
    "enrich": _tasks(EnrichmentTask, ProjectTask),
    "download": _tasks(DownloadTask),
    "upload": _tasks(CachedFile),
    "results": _result,
}
"""By stage."""


def topics_of(stage: str, topics: Topics) -> Sequence[str]:
    """Name the topics that a stage takes in."""
    if stage == "ingest":
        return topics.events_raw, topics.events_replay
    return (topics.pending[stage],)
