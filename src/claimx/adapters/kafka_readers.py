"""Which topics each stage takes in, and how their records are read."""

from collections.abc import Mapping, Sequence

from claimx.adapters.kafka_records import Headers, Read
from claimx.adapters.kafka_topics import Needs
from claimx.config.tree import Kafka, Topics
from claimx.domain.events import decode
from claimx.domain.results import ResultRecord, read_result
from claimx.domain.stage_names import Roles
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


_HANDS_TO: Mapping[str, Sequence[str]] = {
    "ingest": ("enrich",),
    "enrich": ("download",),
    "download": ("upload", "results"),
    "upload": ("download", "results"),
}
"""By stage; an upload whose file is gone goes back."""


def topics_of(stage: str, topics: Topics) -> Sequence[str]:
    """Name the topics that a stage takes in."""
    if stage == "ingest":
        return topics.events_raw, topics.events_replay
    return (topics.pending[stage],)


def needs_of(roles: Roles, kafka: Kafka) -> Needs:
    """What a process of these roles does on Kafka."""
    topics, stages = kafka.topics, roles.stages
    reads = frozenset(topic for stage in stages for topic in topics_of(stage, topics))
    onward = {topics.pending[stage] for stage in _edges(roles) if not roles.is_local(stage)}
    return Needs(
        frozenset({*topics.dead_letters.values(), *topics.pending.values(), *reads}),
        reads,
        frozenset({topics.dead_letters[stage] for stage in stages} | onward),
        frozenset(f"{kafka.group_id}.{stage}" for stage in stages),
    )


def _edges(roles: Roles) -> set[str]:
    """The stages that the stages of a process hand work to."""
    return {target for stage in roles.stages for target in _HANDS_TO.get(stage, ())}
