"""The rules by which the simulator fails."""

import pytest

from claimx.sandbox.simulator.faults import MODERATE, Faults, Rule

STATUS = frozenset({"status"})
SECOND = 1_000_000


def strikes(faults: Faults, ids: list[str]) -> list[str]:
    return [one for one in ids if faults.striking(STATUS, "project", (one,))]


def test_without_rules_nothing_strikes() -> None:
    assert strikes(Faults(1), ["1", "2"]) == []


def test_a_rate_strikes_its_share_and_the_same_things_in_every_order() -> None:
    ids = [str(number) for number in range(2000)]
    forward = strikes(Faults(1, [Rule("status", rate=0.1)]), ids)
    backward = strikes(Faults(1, [Rule("status", rate=0.1)]), ids[::-1])
    assert 140 < len(forward) < 260
    assert sorted(forward) == sorted(backward)
    assert sorted(forward) != sorted(strikes(Faults(2, [Rule("status", rate=0.1)]), ids))


def test_a_rule_strikes_an_id_only_so_often() -> None:
    faults = Faults(1, [Rule("status", times=2)])
    assert strikes(faults, ["1"] * 5) == ["1", "1"]
    assert strikes(faults, ["2"]) == ["2"]


@pytest.mark.parametrize(
    ("rule", "endpoint", "ids", "is_struck"),
    [
        (Rule("status"), "project", ("1",), True),
        (Rule("status", at=("media",)), "project", ("1",), False),
        (Rule("status", at=("media", "project")), "project", ("1",), True),
        (Rule("status", ids=("7",)), "media", ("1", "7"), True),
        (Rule("status", ids=("7",)), "media", ("1", "8"), False),
        (Rule("status", rate=0.0), "project", ("1",), False),
        (Rule("html"), "project", ("1",), False),
    ],
)
def test_a_rule_concerns_its_endpoints_and_ids(rule: Rule, endpoint, ids, is_struck: bool) -> None:
    faults = Faults(1, [rule])
    assert bool(faults.striking(STATUS, endpoint, ids)) is is_struck
    assert faults.struck.total() == is_struck


def test_what_is_hidden_shows_some_seconds_after_it_was_first_asked_for() -> None:
    faults = Faults(1, [Rule("hidden", at=("media",), seconds=3)])
    assert faults.is_hidden("media", "1", 10 * SECOND)
    assert faults.is_hidden("media", "1", 12 * SECOND)
    assert faults.is_hidden("media", "2", 13 * SECOND)
    assert not faults.is_hidden("media", "1", 13 * SECOND)
    assert not faults.is_hidden("project", "1", 10 * SECOND)


def test_what_no_event_names_is_hidden_by_its_id_alone() -> None:
    by_rate, by_id = (
        Faults(1, [Rule("hidden", seconds=3)]),
        Faults(1, [Rule("hidden", seconds=3, ids=("1",))]),
    )
    assert not by_rate.is_hidden("media", "1", 0, is_named=False)
    assert by_rate.is_hidden("media", "1", 0)
    assert by_id.is_hidden("media", "1", 0, is_named=False)


def test_a_task_is_unfinished_for_some_seconds_hidden_or_not() -> None:
    faults = Faults(1, [Rule("hidden", at=("task",), seconds=3), Rule("unfinished", seconds=3)])
    assert faults.is_hidden("task", "1", 0)
    assert faults.is_unfinished("1", 2 * SECOND)
    assert not faults.is_hidden("task", "1", 4 * SECOND)
    assert faults.is_unfinished("1", 4 * SECOND)
    assert not faults.is_unfinished("1", 5 * SECOND)


def test_a_limit_counts_the_requests_of_one_second() -> None:
    faults = Faults(1, [Rule("limit", per_second=2)])
    over = [faults.is_over_limit("project", ("1",), moment) for moment in (0, 1, 2, 3, SECOND)]
    assert over == [False, False, True, True, False]


def test_a_limit_concerns_its_ids_alone() -> None:
    faults = Faults(1, [Rule("limit", per_second=1, ids=("1",))])
    asked = [("1",), ("2",), ("2",), ("1",), ("9", "1")]
    assert [faults.is_over_limit("media", ids, 0) for ids in asked] == [False, False, False, True, True]


def test_a_limit_by_rate_leaves_requests_out() -> None:
    faults = Faults(1, [Rule("limit", per_second=1, rate=0.3)])
    over = [faults.is_over_limit("project", (str(number),), 0) for number in range(1000)]
    assert 200 < over.count(True) < 400


def test_other_rules_forget_what_the_old_ones_remembered() -> None:
    rule = Rule("status", times=1)
    faults = Faults(1, [rule])
    assert strikes(faults, ["1", "1"]) == ["1"]
    faults.replace([rule])
    assert strikes(faults, ["1"]) == ["1"]


def test_the_moderate_set_gives_every_item_a_way_through() -> None:
    assert all(rule.rate <= 0.3 and rule.seconds <= 3 for rule in MODERATE)


def test_a_latency_may_be_drawn_between_two_bounds_the_same_in_every_run() -> None:
    rule = Rule("latency", seconds=2, up_to=35)
    latency = frozenset({"latency"})

    def waits() -> list[float]:
        faults = Faults(1, [rule])
        return [hit.seconds for _ in range(50) for hit in faults.striking(latency, "project", ("1",))]

    assert len(set(waits())) == 50
    assert all(2 <= wait <= 35 for wait in waits())
    assert max(waits()) - min(waits()) > 20
    assert waits() == waits()
    (plain,) = Faults(1, [Rule("latency", seconds=2)]).striking(latency, "project", ("1",))
    assert plain.seconds == 2


def test_a_large_file_is_large_whenever_it_is_asked_for() -> None:
    faults = Faults(1, [Rule("large", ids=("7",), bytes=5), Rule("large", rate=0.2, bytes=9)])
    assert faults.large_bytes("7") == 5
    sizes = {str(number): faults.large_bytes(str(number)) for number in range(100, 600)}
    assert set(sizes.values()) == {None, 9}
    assert 50 < list(sizes.values()).count(9) < 150
    assert sizes == {one: faults.large_bytes(one) for one in sizes}
    assert Faults(1).large_bytes("7") is None
