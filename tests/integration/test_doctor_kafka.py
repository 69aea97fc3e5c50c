"""``claimx doctor`` against an Apache Kafka that asks who comes, and what they may do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from support.kafka import Apache, Broker, apache_broker, free_ports
from support.letters import Office

pytestmark = [pytest.mark.timeout(240), pytest.mark.kafka]


USER, PASSWORD = "clerk", "not-a-secret"
SECURED = """
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller},SASL_PLAINTEXT://127.0.0.1:{sasl}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker},SASL_PLAINTEXT://127.0.0.1:{sasl}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=\\
org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
"""A second listener, by which a user comes who may do nothing but what ACLs allow."""


class Secured(NamedTuple):
    """A broker, and where its second listener is."""

    broker: Apache
    servers: str


@pytest.fixture(scope="module")
def secured(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A broker of this module's own."""
    assert broker.apache
    (sasl,) = free_ports(1)

    def more(broker: int, controller: int) -> str:
        return SECURED.format(broker=broker, controller=controller, sasl=sasl, user=USER, password=PASSWORD)

    with apache_broker(tmp_path_factory.mktemp("secured"), more) as made:
        yield Secured(made, f"127.0.0.1:{sasl}")


@pytest.fixture
def office(secured: Secured, tmp_path: Path) -> Office:
    made = Office(secured.broker, tmp_path)
    made.create_topics()
    text = made.config.read_text().replace(secured.broker.bootstrap_servers, secured.servers)
    login = f'security_protocol = "SASL_PLAINTEXT"\nsasl_mechanism = "PLAIN"\nsasl_username = "{USER}"\n'
    made.config.write_text(text.replace("[kafka]\n", f'[kafka]\n{login}sasl_password = "{PASSWORD}"\n'))
    return made


def allow(secured: Secured, kind: ResourceType, operation: AclOperation, *names: str) -> None:
    acls = [
        AclBinding(
            kind, name, ResourcePatternType.PREFIXED, f"User:{USER}", "*", operation, AclPermissionType.ALLOW
        )
        for name in names
    ]
    admin = AdminClient({"bootstrap.servers": secured.broker.bootstrap_servers})
    for made in admin.create_acls(acls).values():
        made.result(20)


def checks(office: Office, code: int, *more: str) -> dict[str, Any]:
    found = office.json("doctor", "--only", "kafka", *more, code=code)["checks"]
    return {each["check"]: each for each in found}


def test_a_wrong_password_is_a_refused_credential(office: Office) -> None:
    found = checks(office, 4, "--set", "kafka.sasl_password=wrong-password")
    assert (found["kafka.login"]["state"], found["kafka.login"]["cause"]) == ("fail", "refused")
    assert "docs/kafka-security.md" in found["kafka.login"]["hint"]
    assert found["kafka.rights"]["state"] == "skipped"


def test_rights_are_told_without_writing_and_those_that_lack_are_named(
    office: Office, secured: Secured
) -> None:
    names = [getattr(office.topics, key) for key in office.topics.__struct_fields__]
    allow(secured, ResourceType.TOPIC, AclOperation.READ, *names)
    allow(secured, ResourceType.GROUP, AclOperation.READ, "claimx.")
    readable = checks(office, 4)["kafka.rights"]
    told = [readable["seen"], *readable["notes"]]
    assert f"{office.topics.events_dlq}: WRITE is not allowed" in told
    assert not any("READ is not allowed" in each for each in told)
    allow(secured, ResourceType.TOPIC, AclOperation.WRITE, *names)
    assert checks(office, 0)["kafka.rights"]["state"] == "ok"
    assert not office.records(office.topics.events_dlq)


def test_a_group_that_may_not_be_used_is_named(office: Office, secured: Secured) -> None:
    names = [getattr(office.topics, key) for key in office.topics.__struct_fields__]
    allow(secured, ResourceType.TOPIC, AclOperation.READ, *names)
    allow(secured, ResourceType.TOPIC, AclOperation.WRITE, *names)
    found = checks(office, 4, "--set", "kafka.group_id=forbidden")
    assert (found["kafka.groups"]["cause"], found["kafka.rights"]["state"]) == ("refused", "ok")
    assert "forbidden.enrich: READ is not allowed" in found["kafka.groups"]["notes"]
    assert "forbidden.ingest: READ is not allowed" in found["kafka.groups"]["seen"]
