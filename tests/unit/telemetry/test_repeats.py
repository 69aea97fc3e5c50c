"""The buckets behind repeated lines, under a clock of the test's."""

from claimx.telemetry.repeats import LIMITS, TokenBuckets


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def admitted(
    buckets: TokenBuckets, number: int, *, event: str = "kafka.failed", code: str = "x"
) -> list[int]:
    """How many lines each admitted one says were left out."""
    answers = [buckets.admit(event, "warning", "enrich", code) for _ in range(number)]
    return [answer for answer in answers if answer is not None]


def test_the_next_line_like_it_says_how_many_were_left_out() -> None:
    clock = Clock()
    buckets = TokenBuckets(clock)
    burst, every_s = LIMITS["noisy"]
    assert admitted(buckets, burst + 7) == [0] * burst
    clock.now += every_s
    assert admitted(buckets, 3) == [7]
    clock.now += every_s
    assert admitted(buckets, 1) == [2]
    assert buckets.suppressed == 9


def test_a_bucket_fills_up_again_and_no_further() -> None:
    clock = Clock()
    buckets = TokenBuckets(clock)
    burst, every_s = LIMITS["noisy"]
    assert len(admitted(buckets, 100)) == burst
    clock.now += 1000 * burst * every_s
    assert len(admitted(buckets, 100)) == burst


def test_another_code_level_or_stage_has_a_bucket_of_its_own() -> None:
    buckets = TokenBuckets(Clock())
    burst = LIMITS["noisy"].burst
    admitted(buckets, 100)
    assert len(admitted(buckets, 100, code="y")) == burst
    assert buckets.admit("kafka.failed", "error", "enrich", "x") == 0
    assert buckets.admit("kafka.failed", "warning", None, "x") == 0


def test_alarms_and_what_a_developer_asked_for_are_always_told() -> None:
    buckets = TokenBuckets(Clock())
    for event in ("ledger.violated", "delay_queue.lost", "flood.began", "circuit.opened", "process.failed"):
        assert len(admitted(buckets, 1000, event=event)) == 1000
    assert all(buckets.admit("item.dropped", "debug", None, None) == 0 for _ in range(1000))


def test_codes_without_end_do_not_make_buckets_without_end() -> None:
    buckets = TokenBuckets(Clock())
    told = sum(len(admitted(buckets, 1, code=str(n))) for n in range(5000))
    assert len(buckets._buckets) <= 1001
    assert told < 1100
    assert buckets.suppressed == 5000 - told
