"""How checks follow from each other, what they come to, and what is worth a warning."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from claimx.config.tree import Kafka
from claimx.domain.stage_names import STAGES
from claimx.domain.times import SECOND
from claimx.errors import AuthError, ClaimxError, LakeError, OperationError, TransientError
from claimx.ops import doctor
from claimx.ops.doctor import Chain, Check, Report, Result, Seen, examine, exit_code
from claimx.ops.doctor_host import judge_directory, judge_disk, judge_files, judge_fsync, judge_memory
from claimx.ops.doctor_kafka import lacking, needs_of
from claimx.ops.doctor_net import (
    broker_sites,
    file_sites,
    judge_certificate,
    judge_skew,
    site_of,
    store_url,
)
from claimx.ports.probes import Directory, Disk, Endpoint, TlsFacts

DAY = 86_400 * SECOND
NOW = 1_770_000_000 * SECOND
GB = 1_000_000_000
DOWN = TransientError("tcp.failed", "Connection refused")
REFUSED = AuthError("api.401", "no")
BROKEN = OperationError("no disk", "buy one")


def check(name: str, error: ClaimxError | None = None, *, is_gate: bool = True) -> Check:
    async def look() -> Seen:
        if error is not None:
            raise error
        return Seen("well")

    return Check(name, "target", look, "do something", is_gate=is_gate)


def run(*chains: Chain, timeout_s: float = 30.0) -> Sequence[Result]:
    return asyncio.run(examine(chains, timeout_s, lambda _: None))


def states(results: Sequence[Result]) -> list[tuple[str, str]]:
    return [(each.check, each.state) for each in results]


def test_what_follows_from_a_failure_is_skipped() -> None:
    results = run(Chain("api", [check("api.dns"), check("api.tcp", DOWN), check("api.tls")]))
    assert states(results) == [("api.dns", "ok"), ("api.tcp", "fail"), ("api.tls", "skipped")]
    assert (results[1].cause, results[1].hint, results[2].seen) == (
        "unreachable",
        "do something",
        "api.tcp failed",
    )


def test_what_does_not_follow_from_a_failure_is_looked_at() -> None:
    results = run(Chain("api", [check("api.clock", BROKEN, is_gate=False), check("api.token")]))
    assert states(results) == [("api.clock", "fail"), ("api.token", "ok")]
    assert results[0].hint == "buy one"


def test_one_broker_that_answers_is_enough_for_the_login() -> None:
    brokers = [Chain("kafka a", [check("kafka.tcp", DOWN)]), Chain("kafka b", [check("kafka.tcp")])]
    login = Chain("kafka", [check("kafka.login")], after=["kafka a", "kafka b"])
    assert states(run(*brokers, login))[-1] == ("kafka.login", "ok")
    assert states(run(brokers[0], login._replace(after=["kafka a"])))[-1] == ("kafka.login", "skipped")


def test_a_check_that_never_answers_is_given_up() -> None:
    async def look() -> Seen:
        await asyncio.Event().wait()
        return Seen("never")

    (result,) = run(Chain("api", [Check("api.tcp", "target", look)]), timeout_s=0.05)
    assert (result.state, result.cause) == ("fail", "unreachable")
    assert "no answer within 0.05 s" in result.seen


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([None], 0),
        ([DOWN, DOWN], 5),
        ([LakeError("torn")], 5),
        ([REFUSED, None], 4),
        ([BROKEN], 3),
        ([DOWN, REFUSED], 3),
        ([REFUSED, BROKEN], 3),
    ],
)
def test_the_exit_code_says_what_all_failures_are(errors: list[ClaimxError | None], code: int) -> None:
    results = run(*(Chain(str(n), [check("a.b", error)]) for n, error in enumerate(errors)))
    assert exit_code(results, strict=False) == exit_code(results, strict=True) == code


def test_warnings_count_only_where_that_is_asked_for() -> None:
    results = [Result(check="a.b", target="t", state="warn", notes=["old"])]
    assert (exit_code(results, strict=False), exit_code(results, strict=True)) == (0, 3)


def test_text_and_json_tell_the_same() -> None:
    results = run(Chain("api", [check("api.dns"), check("api.tcp", DOWN), check("api.tls")]))
    report = Report(stages=STAGES, checks=list(results))
    text = list(doctor.as_text(report))
    assert text[-1] == "3 checks: 1 ok, 0 warn, 1 fail, 1 skipped"
    assert text[1].startswith("fail     api.tcp  target: tcp.failed: Connection refused")
    assert text[2] == "           hint: do something"
    told = msgspec.json.decode(doctor.as_json(report))
    lines = [msgspec.json.decode(line) for line in doctor.as_jsonl(report)]
    assert (told["schema"], {line.pop("schema") for line in lines}) == (
        "claimx.doctor/1",
        {"claimx.doctor/1"},
    )
    assert lines == told["checks"]


@pytest.mark.parametrize(("days", "warns"), [(100, False), (15, False), (13, True), (0.5, True)])
def test_a_certificate_is_warned_of_before_it_runs_out(days: float, warns: bool) -> None:
    facts = TlsFacts("TLS 1.3", "an authority", NOW + int(days * DAY), is_verified=True)
    assert bool(judge_certificate(facts, NOW).warnings) == warns


def test_a_certificate_that_nobody_looks_at_is_warned_of() -> None:
    assert judge_certificate(TlsFacts("TLS 1.3", "", None, is_verified=False), NOW).warnings


@pytest.mark.parametrize(
    ("ahead_s", "state"),
    [(0, "ok"), (29, "ok"), (-29, "ok"), (31, "warn"), (-31, "warn"), (301, "fail"), (-301, "fail")],
)
def test_a_clock_may_be_off_by_some_seconds(ahead_s: int, state: str) -> None:
    seen = judge_skew(ahead_s * SECOND, "host")
    assert ("fail" if seen.problems else "warn" if seen.warnings else "ok") == state
    for said in (*seen.problems, *seen.warnings):
        assert f"{abs(ahead_s)} s {'behind' if ahead_s > 0 else 'ahead of'} host" in said


def test_files_come_from_public_hosts_by_https_and_from_insecure_ones_at_their_ports() -> None:
    sites = file_sites(["a.example", "*.b.example", "c.example"], ["c.example:8080", "c.example:8081"])
    assert [(each.endpoint, each.is_tls, each.public_only) for each in sites] == [
        (Endpoint("a.example", 443), True, True),
        (Endpoint("c.example", 8080), False, False),
        (Endpoint("c.example", 8081), False, False),
    ]


def test_brokers_are_read_one_by_one() -> None:
    sites = broker_sites("a:9093, [::1]:9094", is_tls=True)
    assert [each.endpoint for each in sites] == [Endpoint("a", 9093), Endpoint("::1", 9094)]
    assert str(sites[1].endpoint) == "[::1]:9094"


def test_a_site_has_the_port_of_its_scheme_and_no_credential() -> None:
    site = site_of("api", "https://user:secret@api.example/service", "api.base_url")
    assert (site.endpoint, site.url) == (Endpoint("api.example", 443), "https://api.example/service")


@pytest.mark.parametrize(
    ("url", "storage", "asked"),
    [
        ("/var/lake", {}, None),
        ("s3://bucket/x", {"aws_region": "eu-central-1"}, "https://s3.eu-central-1.amazonaws.com"),
        ("s3://bucket/x", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"}, "http://127.0.0.1:9000"),
        ("s3://bucket/x", {}, None),
        ("abfss://box@account.dfs.core.windows.net/x", {}, "https://account.dfs.core.windows.net"),
        ("az://box/x", {"azure_storage_account_name": "acc"}, "https://acc.blob.core.windows.net"),
        ("az://box/x", {"azure_storage_endpoint": "http://127.0.0.1:10000/a"}, "http://127.0.0.1:10000/a"),
    ],
)
def test_where_a_store_is_asked(url: str, storage: dict[str, str], asked: str | None) -> None:
    assert store_url(url, storage) == asked


def test_a_role_needs_its_own_topics_alone() -> None:
    kafka = Kafka()
    results = needs_of(kafka, ("results",))
    assert (results.consumed, results.groups) == (["claimx.downloads.results"], ["claimx.results"])
    assert "claimx.events.raw" not in results.produced
    whole = needs_of(kafka, STAGES)
    assert set(whole.consumed) >= {"claimx.events.raw", "claimx.events.replay"}
    assert {name for name in whole.produced if name.endswith(".dlq")} == {
        "claimx.events.dlq",
        "claimx.enrichment.dlq",
        "claimx.downloads.dlq",
    }


def test_a_right_that_is_lacking_is_named_and_a_silent_broker_is_not_blamed() -> None:
    rights = {"a": frozenset({"READ"}), "b": frozenset({"DESCRIBE"}), "c": None, "d": frozenset({"ALL"})}
    assert lacking(rights, ["a", "b", "c", "d"], "READ") == ["b: READ is not allowed"]


def test_the_disk_holds_what_the_spool_may_take() -> None:
    assert not judge_disk(Disk(20 * GB, 0), 10 * GB).warnings
    assert not judge_disk(Disk(4 * GB, 6 * GB), 10 * GB).warnings
    assert judge_disk(Disk(4 * GB, 1 * GB), 10 * GB).warnings
    assert judge_disk(Disk(1000, 0), 10).problems == ["the disk is full"]


def test_a_state_directory_is_its_users_alone() -> None:
    assert not judge_directory(Directory(exists=True, path="/s", mode=0o700, is_ours=True)).warnings
    assert len(judge_directory(Directory(exists=True, path="/s", mode=0o755, is_ours=False)).warnings) == 2
    assert not judge_directory(Directory(exists=False, path="/", mode=0o755, is_ours=False)).warnings


def test_a_slow_disk_is_warned_of() -> None:
    assert not judge_fsync(0.02).warnings
    assert judge_fsync(1.5).warnings


def test_memory_and_files_must_be_enough() -> None:
    half = 512 * 1024**2
    assert judge_memory(half, half).problems
    assert judge_memory(half + 1024**2, half).warnings
    assert not (judge_memory(2 * half, half).warnings)
    assert not (judge_memory(None, half).warnings)
    assert judge_files(64, 200).warnings
    assert not (judge_files(1024, 200).warnings)
    assert not (judge_files(None, 200).warnings)
