"""``claimx topics`` against a broker."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from claimx.adapters.kafka_errors import Client
from claimx.config.load import load
from claimx.config.tree import Topics
from claimx.errors import AuthError, EngineError, TransientError
from claimx.ops.topics import Wish, check, init
from claimx.ports import topic_admin
from claimx.ports.topic_admin import TopicFacts
from claimx.telemetry.log import configure
from support.kafka import Broker
from support.letters import Office

pytestmark = pytest.mark.timeout(120)
DEAD = {"events_dlq", "enrichment_dlq", "downloads_dlq"}


@pytest.fixture
def office(broker: Broker, tmp_path: Path) -> Office:
    return Office(broker, tmp_path)


def test_absent_topics_are_said_and_fail_the_check(office: Office) -> None:
    report = office.json("topics", "check", code=3)
    assert {each["state"] for each in report["topics"]} == {"absent"}
    assert [each["key"] for each in report["topics"]] == list(Topics.__struct_fields__)
    assert "problem: it is not there" in office.claimx("topics", "check", code=3).stdout


def test_topics_that_are_there_are_looked_at(office: Office) -> None:
    office.create_topics()
    report = office.json("topics", "check", code=3 if office.broker.apache else 0)
    for each in report["topics"]:
        assert (each["state"], each["partitions"], each["replication_factor"]) == ("exists", 4, 1)
        if office.broker.apache:
            assert bool(each["problems"]) == (each["key"] in DEAD)
        else:
            assert each["problems"] == []
            assert "the broker does not tell its configuration" in each["hints"][0]


def test_what_the_broker_cannot_make_is_said(office: Office) -> None:
    if office.broker.apache:
        return
    report = office.json("topics", "init", code=3)
    assert {each["state"] for each in report["topics"]} == {"refused"}
    assert "by the broker's own means" in report["topics"][0]["problems"][0]


@pytest.mark.kafka
def test_init_makes_what_is_absent_and_dead_letters_stay_for_ever(office: Office) -> None:
    dry = office.json("topics", "init", "--dry-run")
    assert {each["state"] for each in dry["topics"]} == {"created"}
    office.json("topics", "check", code=3)
    report = office.json("topics", "init", "--partitions", "5")
    assert {(each["state"], each["partitions"]) for each in report["topics"]} == {("created", 5)}
    assert office.json("topics", "check")["topics"][0]["state"] == "exists"
    for key in Topics.__struct_fields__:
        configs = configs_of(office, getattr(office.topics, key))
        assert (configs["retention.ms"] == "-1") == (key in DEAD)
        assert configs["cleanup.policy"] == "delete"
    assert "created" not in office.claimx("topics", "init").stdout


@pytest.mark.kafka
def test_init_changes_no_topic_that_is_there_but_says_how_it_differs(office: Office) -> None:
    admin = AdminClient({"bootstrap.servers": office.broker.bootstrap_servers})
    theirs = [
        NewTopic(office.topics.events_dlq, 2, 1, config={"retention.ms": "60000"}),
        NewTopic(office.topics.events_raw, 2, 1, config={"cleanup.policy": "compact"}),
    ]
    for made in admin.create_topics(theirs).values():
        made.result(20)
    report = office.json("topics", "init", "--partitions", "3", code=3)
    told = {each["key"]: each for each in report["topics"]}
    assert told["events_dlq"]["state"] == "exists"
    assert "retention.ms is 60000" in told["events_dlq"]["problems"][0]
    assert "--add-config retention.ms=-1" in told["events_dlq"]["problems"][0]
    assert "it has 2 partitions, not 3" in told["events_dlq"]["hints"][-1]
    assert "compact" in told["events_raw"]["problems"][0]
    assert told["enrichment_dlq"]["state"] == "created"
    assert configs_of(office, office.topics.events_dlq)["retention.ms"] == "60000"


def test_a_broker_that_does_not_answer_is_exit_5(office: Office) -> None:
    done = office.claimx("topics", "check", "--set", "kafka.bootstrap_servers=127.0.0.1:1", code=5)
    assert done.stderr.startswith("error: kafka.unreachable") or "kafka.failed" in done.stderr


class Fixed:
    """A cluster of three brokers as it is told to be."""

    def __init__(self, facts: Mapping[str, TopicFacts]) -> None:
        self.facts = facts
        self.made: list[topic_admin.NewTopic] = []

    def brokers(self) -> int:
        return 3

    def look(self, names: Sequence[str]) -> Mapping[str, TopicFacts]:
        return {name: self.facts[name] for name in names if name in self.facts}

    def create(self, topics: Sequence[topic_admin.NewTopic]) -> Mapping[str, str]:
        self.made += topics
        return {}


@pytest.mark.parametrize(
    ("facts", "hint"),
    [
        (TopicFacts(3, 1, {}), "1 replica on 3 brokers"),
        (TopicFacts(3, 3, {"min.insync.replicas": "1"}), "may still be lost with one broker"),
        (TopicFacts(3, 3, {"min.insync.replicas": "3"}), "one broker down stops every write"),
        (TopicFacts(3, 3, {"min.insync.replicas": "2"}), None),
    ],
)
def test_replicas_are_hinted_at(facts: TopicFacts, hint: str | None) -> None:
    report = check(Fixed({"claimx.events.raw": facts}), Topics(), "b:9092")
    raw = report.topics[0]
    assert raw.problems == []
    assert len(raw.hints) == (hint is not None)
    assert hint is None or hint in raw.hints[0]


def test_on_three_brokers_new_topics_have_three_replicas_of_which_two_must_answer() -> None:
    cluster = Fixed({})
    init(cluster, Topics(), "b:9092", Wish())
    assert len(cluster.made) == 9
    assert {(each.replication_factor, each.configs["min.insync.replicas"]) for each in cluster.made} == {
        (3, "2")
    }


def test_a_refused_login_that_only_the_error_callback_tells_of_is_a_refusal(office: Office) -> None:
    client = Client(load(office.config, {}).settings.kafka, "test", configure("error", "json"))
    late = KafkaError(KafkaError._TIMED_OUT)
    assert isinstance(client.translated(late), TransientError)
    assert isinstance(client.translated(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)), AuthError)
    assert isinstance(client.translated(KafkaError(KafkaError.INVALID_CONFIG)), EngineError)
    client.config["error_cb"](KafkaError(KafkaError._AUTHENTICATION))
    assert isinstance(client.translated(late), AuthError)
    assert isinstance(client.unreachable("late"), AuthError)


def configs_of(office: Office, topic: str) -> dict[str, str]:
    admin = AdminClient({"bootstrap.servers": office.broker.bootstrap_servers})
    (answer,) = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)]).values()
    return {name: entry.value for name, entry in answer.result(20).items()}
