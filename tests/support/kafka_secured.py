"""An Apache Kafka with a listener for each kind of security, certificates of its own, users and rights.

Where nothing is said about security (``bootstrap_servers``), the client is a superuser: tests make topics there.
"""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from support.kafka import Apache, apache_broker, free_ports
from support.oidc import AUDIENCE, ISSUER, write_key_set

USER, PASSWORD = "claimx", "canary-pass-7d1f"
POOR, LEAST = "poor", "least"
"""Users who log in with the same password; the one has no rights, the other those that a test grants."""
LISTENERS = {
    "PLAIN": "SASL_PLAINTEXT",
    "SCRAM": "SASL_PLAINTEXT",
    "TLS": "SSL",
    "MUTUAL": "SSL",
    "SASLTLS": "SASL_SSL",
    "ODDNAME": "SSL",
    "OAUTH": "SASL_PLAINTEXT",
}
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required"
_OAUTH = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required"
_VALIDATOR = "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler"


@dataclass
class Certificates:
    """A CA and what it has signed: PEM files, key and chain in one.

    Args:
        broker: for 127.0.0.1.
        odd: for a host of another name.
        client: of a user named claimx.
    """

    ca: Path
    broker: Path
    odd: Path
    client: Path
    other_ca: Path


@dataclass
class Secured:
    """The broker, its listeners by name, and its certificates."""

    broker: Apache
    listeners: Mapping[str, str]
    certificates: Certificates
    directory: Path


def make_certificates(directory: Path) -> Certificates:
    """Make them with openssl, valid for two days."""
    ca, other = _authority(directory, "ca"), _authority(directory, "other-ca")
    return Certificates(
        ca,
        _signed(directory, "broker", "IP:127.0.0.1"),
        _signed(directory, "odd", "DNS:elsewhere.example"),
        _signed(directory, USER, "DNS:client.example"),
        other,
    )


@contextlib.contextmanager
def secured_broker(directory: Path) -> Iterator[Secured]:
    """Run it, with one user who may do everything on topics and groups, and one who may do nothing."""
    certificates = make_certificates(directory)
    ports = dict(zip(LISTENERS, free_ports(len(LISTENERS)), strict=True))
    keys = write_key_set(directory)
    allowed = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://{keys}"

    def more(broker: int, controller: int) -> str:
        return _properties(ports, broker, controller, certificates, directory)

    with apache_broker(directory, more, [allowed]) as broker:
        _make_users(broker)
        yield Secured(
            broker, {name: f"127.0.0.1:{port}" for name, port in ports.items()}, certificates, directory
        )


def _authority(directory: Path, name: str) -> Path:
    _openssl(directory, name, "-subj", f"/CN={name}", "-addext", "keyUsage=keyCertSign")
    return directory / f"{name}.pem"


def _signed(directory: Path, name: str, alternative: str) -> Path:
    signer = ["-CA", str(directory / "ca.pem"), "-CAkey", str(directory / "ca.key")]
    names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName={alternative}"]
    _openssl(directory, name, *signer, *names, "-addext", "basicConstraints=CA:FALSE")
    both = directory / f"{name}-chain.pem"
    both.write_text((directory / f"{name}.key").read_text() + (directory / f"{name}.pem").read_text())
    return both


def _openssl(directory: Path, name: str, *arguments: str) -> None:
    files = ["-keyout", str(directory / f"{name}.key"), "-out", str(directory / f"{name}.pem")]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *files, *arguments]
    subprocess.run(made, check=True, capture_output=True, timeout=60)


def _properties(
    ports: Mapping[str, int], broker: int, controller: int, certificates: Certificates, directory: Path
) -> str:
    listeners = {"PLAINTEXT": broker, **ports}
    urls = [f"{name}://127.0.0.1:{port}" for name, port in listeners.items()]
    kinds = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", **LISTENERS}
    users = "".join(f' user_{name}="{PASSWORD}"' for name in (USER, POOR, LEAST))
    plain = f"{_PLAIN}{users};"
    lines = {
        "listeners": ",".join([*urls, f"CONTROLLER://127.0.0.1:{controller}"]),
        "advertised.listeners": ",".join(urls),
        "listener.security.protocol.map": ",".join(f"{name}:{kind}" for name, kind in kinds.items()),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
        "ssl.keystore.type": "PEM",
        "ssl.truststore.type": "PEM",
        "ssl.keystore.location": str(certificates.broker),
        "ssl.truststore.location": str(certificates.ca),
        "ssl.principal.mapping.rules": "RULE:^CN=(.*?)$/$1/,DEFAULT",
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.oddname.ssl.keystore.type": "PEM",
        "listener.name.oddname.ssl.keystore.location": str(certificates.odd),
        "listener.name.plain.plain.sasl.jaas.config": plain,
        "listener.name.sasltls.plain.sasl.jaas.config": plain,
        "listener.name.plain.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasltls.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.scram.scram-sha-256.sasl.jaas.config": f"{_SCRAM};",
        "listener.name.scram.scram-sha-512.sasl.jaas.config": f"{_SCRAM};",
        "listener.name.oauth.sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.oauth.oauthbearer.sasl.jaas.config": f"{_OAUTH};",
        "listener.name.oauth.oauthbearer.sasl.server.callback.handler.class": _VALIDATOR,
        "listener.name.oauth.sasl.oauthbearer.jwks.endpoint.url": f"file://{directory}/jwks.json",
        "listener.name.oauth.sasl.oauthbearer.expected.audience": AUDIENCE,
        "listener.name.oauth.sasl.oauthbearer.expected.issuer": ISSUER,
    }
    return "".join(f"{key}={value}\n" for key, value in lines.items())


def _make_users(broker: Apache) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    wanted = [
        UserScramCredentialUpsertion(name, ScramCredentialInfo(mechanism, 4096), PASSWORD.encode())
        for name in (USER, POOR, LEAST)
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)
    ]
    for one in wanted:
        for made in admin.alter_user_scram_credentials([one]).values():
            made.result(20)
    grant(broker, ResourceType.TOPIC, AclOperation.ALL)
    grant(broker, ResourceType.GROUP, AclOperation.ALL)


def grant(
    broker: Apache, kind: ResourceType, operation: AclOperation, name: str = "*", user: str = USER
) -> None:
    """Allow a user something, on everything or on what has this name."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    right = (f"User:{user}", "*", operation, AclPermissionType.ALLOW)
    for made in admin.create_acls([AclBinding(kind, name, ResourcePatternType.LITERAL, *right)]).values():
        made.result(20)


def withdraw(broker: Apache, kind: ResourceType, operation: AclOperation, name: str, user: str) -> None:
    """Take a right back."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    right = (f"User:{user}", "*", operation, AclPermissionType.ALLOW)
    gone = AclBindingFilter(kind, name, ResourcePatternType.LITERAL, *right)
    for done in admin.delete_acls([gone]).values():
        done.result(20)
