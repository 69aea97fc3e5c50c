"""``claimx topics``: make the topics that are absent, and say how those that are there fit."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from claimx.config.tree import Topics
from claimx.ports.topic_admin import NewTopic, TopicAdmin, TopicFacts

DEAD_LETTERS = ("events_dlq", "enrichment_dlq", "downloads_dlq")
"""Keys of [kafka.topics] whose records stay until somebody replays or purges them."""
FOR_EVER: Mapping[str, str] = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}
_SAFE_REPLICAS = 3

State = Literal["exists", "created", "absent", "refused"]


class TopicReport(msgspec.Struct, frozen=True, kw_only=True):
    """One topic.

    Args:
        key: of [kafka.topics].
        problems: what would lose records, or keeps claimx from running.
        hints: what an operator may want to know.
    """

    key: str
    topic: str
    state: State
    partitions: int | None = None
    replication_factor: int | None = None
    problems: list[str] = []
    hints: list[str] = []


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What ``claimx topics init`` or ``check`` found."""

    schema: str = "claimx.topics/1"
    bootstrap_servers: str
    dry_run: bool = False
    topics: list[TopicReport]

    @property
    def is_good(self) -> bool:
        """Whether nothing is a problem."""
        return not any(each.problems for each in self.topics)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """How topics are made; None leaves it to us: 12 partitions, 3 replicas or as many as there are brokers."""

    partitions: int | None = None
    replication_factor: int | None = None
    dry_run: bool = False


def check(admin: TopicAdmin, names: Topics, servers: str) -> Report:
    """Look at every topic; nothing is changed."""
    found, brokers = admin.look(_names(names)), admin.brokers()
    return Report(
        bootstrap_servers=servers,
        topics=[_looked_at(key, name, found.get(name), brokers) for key, name in _by_key(names)],
    )


def init(admin: TopicAdmin, names: Topics, servers: str, wish: Wish) -> Report:
    """Make what is absent; what is there is never changed, but it is said how it differs."""
    before, brokers = admin.look(_names(names)), admin.brokers()
    new = {name: _new(key, name, wish, brokers) for key, name in _by_key(names) if name not in before}
    refused: Mapping[str, str] = {} if wish.dry_run else admin.create(list(new.values()))
    topics = []
    for key, name in _by_key(names):
        if name in refused:
            topics.append(TopicReport(key=key, topic=name, state="refused", problems=[refused[name]]))
        elif name in new:
            topics.append(_made(key, new[name]))
        else:
            topics.append(_looked_at(key, name, before[name], brokers, wish))
    return Report(bootstrap_servers=servers, dry_run=wish.dry_run, topics=topics)


def as_json(report: Report) -> str:
    """One JSON object."""
    return msgspec.json.encode(report).decode()


def as_text(report: Report) -> str:
    """One line for each topic, what is to be said of it below."""
    width = max(len(each.topic) for each in report.topics)
    return "\n".join(line for each in report.topics for line in _lines(each, width, is_dry=report.dry_run))


def _lines(each: TopicReport, width: int, *, is_dry: bool) -> Iterator[str]:
    state = "would be created" if is_dry and each.state == "created" else each.state
    size = (
        f"  {each.partitions} partitions, {each.replication_factor} replicas"
        if each.partitions is not None
        else ""
    )
    yield f"{each.topic:<{width}}  {state:<8}{size}".rstrip()
    for problem in each.problems:
        yield f"  problem: {problem}"
    for hint in each.hints:
        yield f"  hint: {hint}"


def _by_key(names: Topics) -> Sequence[tuple[str, str]]:
    return [(key, getattr(names, key)) for key in Topics.__struct_fields__]


def _names(names: Topics) -> Sequence[str]:
    return [name for _, name in _by_key(names)]


def _new(key: str, name: str, wish: Wish, brokers: int) -> NewTopic:
    replicas = wish.replication_factor or min(_SAFE_REPLICAS, brokers)
    configs = dict(FOR_EVER) if key in DEAD_LETTERS else {}
    if replicas >= _SAFE_REPLICAS:
        configs["min.insync.replicas"] = "2"
    return NewTopic(name, wish.partitions or 12, replicas, configs)


def _made(key: str, new: NewTopic) -> TopicReport:
    return TopicReport(
        key=key,
        topic=new.name,
        state="created",
        partitions=new.partitions,
        replication_factor=new.replication_factor,
    )


def _looked_at(
    key: str, name: str, facts: TopicFacts | None, brokers: int, wish: Wish | None = None
) -> TopicReport:
    if facts is None:
        return TopicReport(
            key=key, topic=name, state="absent", problems=["it is not there: claimx topics init makes it"]
        )
    return TopicReport(
        key=key,
        topic=name,
        state="exists",
        partitions=facts.partitions,
        replication_factor=facts.replication_factor,
        problems=list(_problems(key, name, facts)),
        hints=[*_hints(key, facts, brokers), *_differences(facts, wish or Wish())],
    )


def _problems(key: str, name: str, facts: TopicFacts) -> Iterator[str]:
    configs = facts.configs or {}
    if key in DEAD_LETTERS:
        for option, wanted in FOR_EVER.items():
            if (there := configs.get(option, wanted)) != wanted:
                yield (
                    f"{option} is {there}: dead letters would vanish before anybody replays them; set it:"
                    f" kafka-configs.sh --alter --topic {name} --add-config {option}={wanted}"
                )
    elif "compact" in configs.get("cleanup.policy", ""):
        yield "cleanup.policy has compact: it keeps one record for each key, and every record is needed"


def _hints(key: str, facts: TopicFacts, brokers: int) -> Iterator[str]:
    if facts.configs is None:
        kept = ": look yourself that its records are kept for ever" if key in DEAD_LETTERS else ""
        yield f"the broker does not tell its configuration{kept}"
    if facts.replication_factor == 1 and brokers > 1:
        yield f"1 replica on {brokers} brokers: its records are gone with one disk"
    in_sync = int((facts.configs or {}).get("min.insync.replicas") or 1)
    if facts.replication_factor > 1 and in_sync == 1:
        yield "min.insync.replicas is 1: an acknowledged record may still be lost with one broker"
    if in_sync >= facts.replication_factor > 1:
        yield f"min.insync.replicas is {in_sync} of {facts.replication_factor}: one broker down stops every write"


def _differences(facts: TopicFacts, wish: Wish) -> Iterator[str]:
    if wish.partitions and wish.partitions != facts.partitions:
        yield f"it has {facts.partitions} partitions, not {wish.partitions}; claimx changes no topic that is there"
    if wish.replication_factor and wish.replication_factor != facts.replication_factor:
        yield (
            f"it has {facts.replication_factor} replicas, not {wish.replication_factor};"
            " claimx changes no topic that is there"
        )
