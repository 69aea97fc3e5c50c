"""Logins, certificates and rights, against Apache Kafka: what is right works, what is wrong is said and ends in time."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka.admin import AclOperation, ResourceType  # type: ignore[attr-defined]

from claimx.domain.stage_names import STAGES
from support.commands import claimx
from support.kafka_secured import LEAST, PASSWORD, POOR, USER, Secured, grant, secured_broker, withdraw
from support.oidc import CLIENT_SECRET, token_endpoint
from support.rig import PARTITIONS, SIGTERM, Daemon, Rig, rig_on, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

Changes = dict[str, str]
TRUSTED = 'kafka.client__"ssl.ca.location"'
READ, WRITE, DESCRIBE = AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured_broker(tmp_path_factory.mktemp("secured")) as made:
        yield made


@pytest.fixture(scope="module")
def rig(secured: Secured, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig_on(secured.broker, tmp_path_factory.mktemp("rig"), 7, 100) as made:
        yield made


def login(
    secured: Secured, listener: str, mechanism: str = "PLAIN", user: str = USER, password: str = PASSWORD
) -> Changes:
    changes = {
        "kafka__bootstrap_servers": f'"{secured.listeners[listener]}"',
        "kafka__security_protocol": '"SASL_SSL"' if listener == "SASLTLS" else '"SASL_PLAINTEXT"',
        "kafka__sasl_mechanism": f'"{mechanism}"',
        "kafka__sasl_username": f'"{user}"',
        "kafka__sasl_password": f'"{password}"',
    }
    return changes | (trust(secured) if listener == "SASLTLS" else {})


def trust(secured: Secured) -> Changes:
    return {TRUSTED: f'"{secured.certificates.ca}"'}


def tls(secured: Secured, listener: str = "TLS") -> Changes:
    servers = f'"{secured.listeners[listener]}"'
    return {
        "kafka__bootstrap_servers": servers,
        "kafka__security_protocol": '"SSL"',
        **trust(secured),
    }


def mutual(secured: Secured) -> Changes:
    ours = f'"{secured.certificates.client}"'
    return tls(secured, "MUTUAL") | {
        'kafka.client__"ssl.certificate.location"': ours,
        'kafka.client__"ssl.key.location"': ours,
    }


GOOD: dict[str, Callable[[Secured], Changes]] = {
    "plain": lambda secured: login(secured, "PLAIN"),
    "scram-256": lambda secured: login(secured, "SCRAM", "SCRAM-SHA-256"),
    "scram-512": lambda secured: login(secured, "SCRAM", "SCRAM-SHA-512"),
    "tls and plain": lambda secured: login(secured, "SASLTLS"),
    "mutual tls": mutual,
}
BAD: dict[str, Callable[[Secured], Changes]] = {
    "wrong password": lambda secured: login(secured, "PLAIN", password="canary-bad"),
    "wrong scram password": lambda secured: login(secured, "SCRAM", "SCRAM-SHA-512", password="canary-bad"),
    "another mechanism": lambda secured: login(secured, "SCRAM"),
    "unknown authority": lambda secured: tls(secured) | {TRUSTED: f'"{secured.certificates.other_ca}"'},
    "another name": lambda secured: tls(secured, "ODDNAME"),
    "no rights": lambda secured: login(secured, "PLAIN", user=POOR),
}

OTHERS = (("dlq", "list"), ("offsets", "show"))


@pytest.mark.parametrize("kind", GOOD)
def test_a_login_that_is_right_works(secured: Secured, rig: Rig, kind: str) -> None:
    done = claimx("topics", "check", "-c", rig.config(**GOOD[kind](secured)), code=3)
    assert done.stdout.count("exists") == len(rig.topics.__struct_fields__)
    assert "kafka.failed" not in done.stderr


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        *((kind, ("topics", "check")) for kind in BAD),
        *((kind, words) for kind in ("wrong password", "no rights") for words in OTHERS),
    ],
)
def test_what_kafka_refuses_ends_a_command_with_a_hint(
    secured: Secured, rig: Rig, kind: str, command: tuple[str, ...]
) -> None:
    done = claimx(*command, "-c", rig.config(**BAD[kind](secured)), code=4)
    assert "error: kafka.refused: " in done.stderr
    assert "  hint: " in done.stderr
    assert "docs/kafka-security.md" in done.stderr
    assert "canary" not in done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["wrong password", "unknown authority", "no rights"])
def test_what_kafka_refuses_at_the_start_ends_a_run(secured: Secured, rig: Rig, kind: str) -> None:
    daemon = rig.run(rig.config(**BAD[kind](secured)))
    assert daemon.wait(60) == 4, daemon.log()[-2000:]
    assert "error: kafka.refused: " in daemon.log()
    assert "  hint: " in daemon.log()
    assert "canary" not in daemon.log()


def test_a_key_file_that_is_not_there_is_a_configuration_error(secured: Secured, rig: Rig) -> None:
    config = rig.config(**tls(secured) | {TRUSTED: '"no-such.pem"'})
    assert "ssl.ca.location failed" in claimx("topics", "check", "-c", config, code=78).stderr
    assert rig.run(config).wait(60) == 78


def test_certificates_cannot_be_left_unchecked(secured: Secured, rig: Rig) -> None:
    config = rig.config(**tls(secured), **{'kafka.client__"enable.ssl.certificate.verification"': "false"})
    assert "is not for you to set" in claimx("config", "check", "-c", config, code=78).stderr


def test_a_token_of_openid_connect_is_a_login(secured: Secured, rig: Rig) -> None:
    with token_endpoint(secured.directory, USER) as url:
        changes = {
            "kafka__bootstrap_servers": f'"{secured.listeners["OAUTH"]}"',
            "kafka__security_protocol": '"SASL_PLAINTEXT"',
            "kafka__sasl_mechanism": '"OAUTHBEARER"',
            'kafka.client__"sasl.oauthbearer.method"': '"oidc"',
            'kafka.client__"sasl.oauthbearer.client.id"': '"claimx"',
            'kafka.client__"sasl.oauthbearer.client.secret"': f'"{CLIENT_SECRET}"',
            'kafka.client__"sasl.oauthbearer.token.endpoint.url"': f'"{url}"',
        }
        claimx("topics", "check", "-c", rig.config(**changes), code=3)
        shown = claimx("config", "show", "-c", rig.config(**changes)).stdout
        assert CLIENT_SECRET not in shown
        changes['kafka.client__"sasl.oauthbearer.client.secret"'] = '"canary-wrong"'
        refused = claimx("topics", "check", "-c", rig.config(**changes), code=4)
        assert "OAUTHBEARER token" in refused.stderr
        assert "canary" not in refused.stderr


def least(rig: Rig, secured: Secured) -> None:
    """Grant what docs/kafka-security.md says that a run of all stages needs, and nothing else."""
    topics = rig.topics
    for name in msgspec.structs.astuple(topics):
        grant(secured.broker, ResourceType.TOPIC, DESCRIBE, name, LEAST)
    for name in (topics.events_raw, topics.events_replay, *topics.pending.values()):
        grant(secured.broker, ResourceType.TOPIC, READ, name, LEAST)
    for name in {*topics.dead_letters.values()}:
        grant(secured.broker, ResourceType.TOPIC, WRITE, name, LEAST)
    for stage in STAGES:
        grant(secured.broker, ResourceType.GROUP, READ, f"{rig.group}.{stage}", LEAST)


@pytest.mark.timeout(240)
def test_the_rights_that_are_documented_are_enough_and_each_that_lacks_is_named(
    secured: Secured, rig: Rig
) -> None:
    least(rig, secured)
    config = rig.config(**login(secured, "SASLTLS", user=LEAST))
    rig.feed_all()
    daemon = rig.run(config, "--exit-when-idle")
    assert daemon.wait(120) == 0, daemon.log()[-3000:]
    assert rig.problems() == []
    lacking = [
        (ResourceType.TOPIC, READ, rig.topics.events_raw),
        (ResourceType.TOPIC, WRITE, rig.topics.enrichment_dlq),
        (ResourceType.GROUP, READ, f"{rig.group}.ingest"),
    ]
    for kind, operation, name in lacking:
        withdraw(secured.broker, kind, operation, name, LEAST)
    daemon = rig.run(config)
    assert daemon.wait(60) == 4, daemon.log()[-3000:]
    for _, operation, name in lacking:
        assert f"{operation.name} on {name}" in daemon.log()
    for kind, operation, name in lacking:
        grant(secured.broker, kind, operation, name, LEAST)


def told(daemon: Daemon, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in daemon.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


@pytest.mark.timeout(240)
def test_a_right_that_is_taken_while_it_runs_is_borne_for_a_while(secured: Secured, tmp_path: Path) -> None:
    with rig_on(secured.broker, tmp_path, 8, 100) as rig:
        least(rig, secured)
        right = (ResourceType.TOPIC, READ, rig.topics.events_raw, LEAST)
        secured_by = login(secured, "PLAIN", user=LEAST)
        daemon = rig.run(rig.config(**secured_by))
        wait_until(lambda: daemon.assigned(rig.topics.events_raw) == PARTITIONS, "the start")
        withdraw(secured.broker, *right)
        wait_until(lambda: bool(told(daemon, "kafka.missed")), "it is said", 40)
        assert f"READ on {rig.topics.events_raw}" in told(daemon, "kafka.missed")[0]["reason"]
        rig.feed_all()
        grant(secured.broker, *right)
        wait_until(lambda: bool(told(daemon, "kafka.returned")), "it is over", 40)
        wait_until(lambda: sum(rig.committed().values()) == rig.manifest.records, "all committed", 60)
        daemon.send(SIGTERM)
        assert daemon.wait(40) == 0, daemon.log()[-2000:]
        assert rig.problems() == []
        impatient = rig.run(rig.config(kafka__outage_s="3.0", **secured_by))
        wait_until(lambda: impatient.assigned(rig.topics.events_raw) == PARTITIONS, "the start")
        withdraw(secured.broker, *right)
        assert impatient.wait(60) == 4, impatient.log()[-2000:]
        assert "error: kafka.refused: " in impatient.log()
