"""The judge: what is a stall, and what only looks like one."""

import msgspec
import pytest

from claimx.config import tree
from claimx.domain.tasks import Origin
from claimx.ops.health import Judge, Patience, Snapshot, hindrances, patience_of
from claimx.ports.source import KafkaVitals
from claimx.stages.progress import Doing, Held, Seen

PATIENCE = Patience({"upload": 300.0, "flush": 1800.0, "commit": 300.0}, 150.0)
UP = KafkaVitals(polled_at=9e9, brokers_up=1)
DOWN = KafkaVitals(polled_at=9e9, brokers_up=0)


def stage(*held: Held, ticked_at: float | None = 0.0) -> Seen:
    return Seen(0.0, 0.0, 0.0, len(held), 0, ticked_at, held)


def seen(**changes: object) -> Snapshot:
    nothing = Snapshot(
        stages={}, queued={}, live=0, flush_due_at=None, circuits=(), failing=(), flood=None, consumers={}
    )
    return nothing._replace(**changes)  # type: ignore[arg-type]


def codes_after(snapshot: Snapshot, seconds: int, began: float = 1000.0) -> list[str]:
    """What a judge says who has looked each second and always saw the same."""
    judge = Judge(PATIENCE)
    codes: list[str] = []
    for second in range(seconds + 1):
        judge.look(began + second)
        codes = [reason.code for reason in judge.stalls(snapshot, began + second)]
    return codes


def item(doing: Doing, on: str = "", at: float = 1000.0, extra_s: float = 0.0) -> Held:
    return Held("e1", doing, on, at, extra_s)


@pytest.mark.parametrize(
    ("where", "doing", "limit"),
    [
        ("enrich", Doing.WORKING, 120),
        ("upload", Doing.WORKING, 300),
        ("flush", Doing.WORKING, 1800),
        ("commit", Doing.WORKING, 300),
        ("commit", Doing.OUTSIDE, 300),
    ],
)
def test_what_works_without_a_sign_of_life_is_a_stall_after_its_time(
    where: str, doing: Doing, limit: int
) -> None:
    snapshot = seen(stages={where: stage(item(doing))}, live=1, consumers={"t": UP})
    assert codes_after(snapshot, limit) == []
    assert codes_after(snapshot, limit + 1) == ["stage.stuck"]


@pytest.mark.parametrize("doing", [Doing.OUTSIDE, Doing.ASKING, Doing.BLOCKED, Doing.IN_LINE])
def test_what_waits_is_no_stall_while_something_else_is_at_work(doing: Doing) -> None:
    at_work = stage(item(Doing.WORKING, at=9e9))
    snapshot = seen(stages={"enrich": stage(item(doing)), "download": at_work}, live=2)
    assert codes_after(snapshot, 3000) == []


def test_when_all_wait_for_each_other_it_is_a_dead_lock_and_everyone_is_named() -> None:
    stages = {
        "enrich": stage(item(Doing.BLOCKED, "download queue"), item(Doing.BLOCKED, "download queue")),
        "download": stage(item(Doing.BLOCKED, "files bytes")),
        "upload": stage(),
    }
    snapshot = seen(stages=stages, live=3)
    assert codes_after(snapshot, 120) == []
    assert codes_after(snapshot, 121) == ["engine.deadlocked"]
    judge = Judge(PATIENCE)
    for second in range(200):
        judge.look(second)
        reasons = judge.stalls(snapshot, second)
    assert reasons[0].detail == (
        "3 records are in flight and nothing moves: download waits for files bytes (1), "
        "enrich waits for download queue (2)"
    )


@pytest.mark.parametrize(
    "excuse",
    [
        {"circuits": ("api",)},
        {"flood": "consecutive"},
        {"flush_due_at": 9e9},
        {"live": 0},
        {
            "stages": {
                "enrich": stage(item(Doing.BLOCKED, "api bytes")),
                "api": stage(item(Doing.OUTSIDE, "circuit api")),
            }
        },
    ],
)
def test_what_waits_for_something_outside_or_for_a_time_is_no_dead_lock(excuse: dict[str, object]) -> None:
    blocked = {"enrich": stage(item(Doing.BLOCKED, "api bytes"))}
    assert codes_after(seen(**({"stages": blocked, "live": 1} | excuse)), 3000) == []


def test_a_cycle_that_was_due_long_ago_excuses_nobody() -> None:
    assert codes_after(seen(stages={"flush": stage()}, live=1, flush_due_at=1000.0), 130) == [
        "engine.deadlocked"
    ]


def test_any_movement_begins_the_time_of_a_dead_lock_anew() -> None:
    judge = Judge(PATIENCE)
    for second in range(1000):
        judge.look(second)
        moving = {"enrich": stage(item(Doing.BLOCKED, "flush"), ticked_at=second - second % 100)}
        assert judge.stalls(seen(stages=moving, live=1), second) == []


def test_items_that_nobody_takes_are_a_stall_and_an_instant_without_a_taker_is_none() -> None:
    snapshot = seen(stages={"download": stage()}, queued={"download": 3, "upload": 0})
    assert codes_after(snapshot, 120) == []
    assert codes_after(snapshot, 121) == ["stage.untaken"]
    judge = Judge(PATIENCE)
    for second in range(1000):
        judge.look(second)
        assert judge.stalls(snapshot if second % 7 else seen(), second) == []


def test_whoever_waits_for_room_before_it_takes_more_is_a_taker() -> None:
    stages = {
        "enrich": stage(),
        "enrich_admission": stage(item(Doing.BLOCKED, "api bytes")),
        "flush": stage(item(Doing.WORKING, at=9e9)),
    }
    assert codes_after(seen(stages=stages, queued={"enrich": 9}), 1000) == []


def test_an_upload_that_may_take_longer_is_given_its_time() -> None:
    snapshot = seen(stages={"upload": stage(item(Doing.WORKING, extra_s=500.0))}, live=1)
    assert codes_after(snapshot, 800) == []
    assert codes_after(snapshot, 801) == ["stage.stuck"]


def test_a_commit_without_an_answer_is_none_of_ours_until_the_broker_was_there_for_as_long() -> None:
    waits = {"commit": stage(item(Doing.OUTSIDE, "broker"))}
    assert codes_after(seen(stages=waits, live=1, consumers={"t": DOWN}), 3000) == []
    judge = Judge(PATIENCE)
    codes = {}
    for second in range(1000, 2000):
        judge.look(second)
        vitals = DOWN if second < 1400 else UP
        codes[second] = [
            r.code for r in judge.stalls(seen(stages=waits, live=1, consumers={"t": vitals}), second)
        ]
    assert codes[1699] == []
    assert codes[1701] == ["stage.stuck"]


def test_a_consumer_that_does_not_poll_is_a_stall_and_one_that_does_not_run_is_none() -> None:
    silent = seen(consumers={"events": KafkaVitals(polled_at=1000.0, brokers_up=1)})
    assert codes_after(silent, 150) == []
    assert codes_after(silent, 151) == ["consumer.silent"]
    assert codes_after(seen(consumers={"events": KafkaVitals()}), 1000) == []


def test_a_record_that_nobody_holds_is_named_by_its_place() -> None:
    judge = Judge(PATIENCE)
    judge.look(0)
    (reason,) = judge.stalls(seen(orphans=[Origin("events", 3, 17)]), 0)
    assert (reason.code, reason.about) == ("partition.orphaned", "events/3")
    assert "17" in reason.detail


def test_a_loop_is_silent_after_fifteen_seconds_and_what_it_runs_is_named() -> None:
    judge = Judge(PATIENCE)
    for second in range(16):
        judge.look(second)
        assert list(judge.silence(0.0, second, lambda: "enrich")) == []
    judge.look(16)
    (reason,) = judge.silence(0.0, 16.3, lambda: "enrich")
    assert (reason.code, reason.about) == ("loop.silent", "enrich")
    assert reason.detail == "event loop silent for 16.3 s, busy in enrich"


def test_while_the_whole_process_stood_still_nobody_grew_older() -> None:
    judge = Judge(PATIENCE)
    stuck = seen(stages={"enrich": stage(item(Doing.WORKING, at=0.0))}, live=1)
    for second in (0, 1, 2, 3600, 3601, 3700):
        judge.look(second)
        assert list(judge.silence(0.0, min(second, 3610), lambda: "")) == []
        assert judge.stalls(stuck, second) == []


def test_what_hinders_is_told_by_its_kind() -> None:
    flush = stage(item(Doing.WORKING, at=0.0))
    snapshot = seen(
        stages={"flush": flush},
        circuits=("api",),
        failing=("flush.failed",),
        flood="ratio",
        consumers={"t": DOWN},
    )
    found = [(reason.code, reason.about) for reason in hindrances(snapshot, 61.0)]
    assert found == [
        ("kafka.disconnected", "t"),
        ("circuit.open", "api"),
        ("flood", "ratio"),
        ("storage.failing", "flush.failed"),
        ("storage.slow", "flush"),
    ]
    assert list(hindrances(seen(consumers={"t": UP}), 61.0)) == []


def test_a_look_at_kafka_that_fails_is_told_though_its_connections_stand() -> None:
    (reason,) = hindrances(seen(consumers={"t": UP}, kafka_trouble="no answer"), 61.0)
    assert (reason.code, reason.detail) == ("kafka.missed", "no answer")


def test_patience_follows_the_settings() -> None:
    settings = tree.Settings(
        api=tree.Api(
            token=tree.Secret("ZmFrZTpmYWtl"), timeout_s=100.0, max_concurrent=20, rate_limit_per_s=0.5
        ),
        lake=tree.Lake(tables_url="t", files_url="f"),
        kafka=tree.Kafka(client={"max.poll.interval.ms": "60000"}),
    )
    patience = patience_of(settings)
    assert patience.poll_s == 30
    assert patience.stages["api"] == 2 * 100 + 20 / 0.5 + 60
    slow = msgspec.structs.replace(settings, download=tree.Download(stall_s=600.0))
    assert patience_of(slow).stages["download"] > 600
