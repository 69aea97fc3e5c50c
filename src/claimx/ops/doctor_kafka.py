"""The checks of the broker: login, advertised brokers, topics, groups, rights."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar

from claimx.config.tree import Kafka, Topics
from claimx.domain.stage_names import STAGES
from claimx.errors import AuthError, TransientError
from claimx.ops import topics as ops_topics
from claimx.ops.doctor import Check, Seen
from claimx.ports.probes import Endpoint, KafkaProbe, NetProbe, Rights
from claimx.ports.topic_admin import TopicAdmin

T = TypeVar("T")
Apart = Callable[[Callable[[], T]], Awaitable[T]]

_LOGIN_HINT = (
    "kafka.security_protocol, kafka.sasl_*: on Event Hubs the mechanism is PLAIN, the user $ConnectionString, and a"
    " connection string with EntityPath opens that one hub only"
)
_LISTENERS_HINT = "advertised.listeners of the brokers must name what this host can reach"
_RIGHTS_HINT = "grant READ on what is consumed, WRITE on what is produced, READ on the groups"


class Needs(NamedTuple):
    """What the stages of one process ask of Kafka.

    Args:
        consumed: topics, and the group of each stage.
        produced: topics.
    """

    consumed: Sequence[str]
    produced: Sequence[str]
    groups: Sequence[str]


def needs_of(kafka: Kafka, stages: Sequence[str]) -> Needs:
    """What these stages ask of Kafka."""
    topics = kafka.topics
    consumed = [topics.pending[stage] for stage in stages if stage in topics.pending]
    if "ingest" in stages:
        consumed = [topics.events_raw, topics.events_replay, *consumed]
    produced = {*topics.pending.values(), *(topics.dead_letters[stage] for stage in stages)}
    ordered = [getattr(topics, key) for key in Topics.__struct_fields__]
    groups = [f"{kafka.group_id}.{stage}" for stage in STAGES if stage in stages]
    return Needs(consumed, [name for name in ordered if name in produced], groups)


class KafkaChecks:
    """The checks of a cluster.

    Args:
        apart: runs what blocks beside the loop.
    """

    def __init__(self, probe: KafkaProbe, admin: TopicAdmin, kafka: Kafka, needs: Needs) -> None:
        self._probe = probe
        self._admin = admin
        self._kafka = kafka
        self._needs = needs
        self._brokers: Sequence[Endpoint] = ()

    def checks(self, net: NetProbe, apart: "Apart[Seen]") -> list[Check]:
        """Every step, in the order in which a client takes them."""
        servers = self._kafka.bootstrap_servers

        def blocking(look: Callable[[], Seen]) -> Callable[[], Awaitable[Seen]]:
            return lambda: apart(look)

        async def brokers() -> Seen:
            return await self._advertised(net)

        return [
            Check("kafka.login", servers, blocking(self._login), _LOGIN_HINT),
            Check("kafka.brokers", servers, brokers, _LISTENERS_HINT, is_gate=False),
            Check(
                "kafka.topics",
                servers,
                blocking(self._topics),
                "claimx topics check tells more",
                is_gate=False,
            ),
            Check(
                "kafka.groups",
                f"{self._kafka.group_id}.*",
                blocking(self._groups),
                _RIGHTS_HINT,
                is_gate=False,
            ),
            Check("kafka.rights", servers, blocking(self._rights), _RIGHTS_HINT, is_gate=False),
        ]

    def _login(self) -> Seen:
        self._brokers = self._probe.cluster().brokers
        how = f"{self._kafka.security_protocol} {self._kafka.sasl_mechanism}".rstrip()
        return Seen(f"{how}, {_counted(len(self._brokers), 'broker')}")

    async def _advertised(self, net: NetProbe) -> Seen:
        """Clients are sent to the addresses that the brokers advertise, whatever the bootstrap servers are."""
        problems = []
        for each in self._brokers:
            try:
                await net.resolve(each.host)
                await net.connect(each)
            except TransientError as error:
                problems.append(f"{each} is advertised, and cannot be reached: {error.detail}")
        if problems and len(problems) == len(self._brokers):
            raise TransientError("kafka.unreachable", "\n".join(problems))
        return Seen(", ".join(map(str, self._brokers)), problems=problems)

    def _topics(self) -> Seen:
        wanted = {*self._needs.consumed, *self._needs.produced}
        report = ops_topics.check(self._admin, self._kafka.topics, self._kafka.bootstrap_servers)
        needed = [each for each in report.topics if each.topic in wanted]
        problems = [f"{each.topic}: {text}" for each in needed for text in each.problems]
        return Seen(
            f"{_counted(sum(each.state == 'exists' for each in needed), 'topic')} of {len(needed)}",
            [f"{each.topic}: {text}" for each in needed for text in each.hints if not _is_silence(text)],
            problems,
        )

    def _groups(self) -> Seen:
        """Ask for rights first: where one lacks, librdkafka asks for the coordinator until its patience ends."""
        rights = self._probe.group_rights(self._needs.groups)
        _refuse(lacking(rights, self._needs.groups, "READ"))
        stages = {f"{self._kafka.group_id}.{stage}": stage for stage in STAGES}
        found = [
            f"{stages[group]} {self._probe.committed(group, _consumed(self._kafka.topics, stages[group]))}"
            for group in self._needs.groups
        ]
        return Seen(f"partitions with an offset: {', '.join(found)}")

    def _rights(self) -> Seen:
        rights = self._probe.topic_rights(sorted({*self._needs.consumed, *self._needs.produced}))
        _refuse(
            [
                *lacking(rights, self._needs.consumed, "READ"),
                *lacking(rights, self._needs.produced, "WRITE"),
            ]
        )
        told = sum(each is not None for each in rights.values())
        if not told:
            return Seen("the broker does not tell rights: the first record will show them")
        return Seen(f"to read and write {_counted(told, 'topic')}")


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise AuthError("kafka.refused", "\n".join(problems))


def _consumed(topics: Topics, stage: str) -> Sequence[str]:
    return (topics.events_raw, topics.events_replay) if stage == "ingest" else (topics.pending[stage],)


def lacking(rights: Rights, names: Sequence[str], wanted: str) -> list[str]:
    """Name what may not be done; nobody is blamed for what the broker does not tell."""
    told = ((name, rights.get(name)) for name in names)
    return [
        f"{name}: {wanted} is not allowed"
        for name, allowed in told
        if allowed is not None and allowed.isdisjoint({wanted, "ALL"})
    ]


def _is_silence(hint: str) -> bool:
    """Whether a hint says only that the broker told nothing."""
    return hint.startswith("the broker does not tell")


def _counted(number: int, one: str) -> str:
    return f"{number} {one}" if number == 1 else f"{number} {one}s"
