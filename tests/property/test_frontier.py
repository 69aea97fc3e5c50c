"""The frontier against a plain model: random completion orders, gaps, markers, runs, revokes."""

from hypothesis import given
from hypothesis import strategies as st

from claimx.domain.events import Event
from claimx.domain.outcomes import Outcome
from claimx.domain.receipts import Partition, Receipt
from claimx.domain.tasks import Origin
from claimx.stages.partitions import Partitions


class Silent:
    def debug(self, event: str, **fields: object) -> None: ...

    info = warning = error = debug


def event_at(offset: int) -> Event:
    return Event(f"e{offset}", "X", "1", None, None, None, None, 0, True, "{}", offset, 1)


class Model:
    """What is delivered and what is settled, as sets; the frontier by looking at all of it."""

    def __init__(self, start: int) -> None:
        self.position = start
        self.open: set[int] = set()

    def frontier(self) -> int:
        return min(self.open, default=self.position)


# A batch: gaps before each record, how many of them form a run, and the markers that trail behind.
BATCHES = st.lists(
    st.tuples(
        st.lists(st.integers(1, 4), max_size=6),
        st.integers(1, 3),
        st.integers(0, 3),
    ),
    max_size=8,
)


def deliver(
    partition: Partition, model: Model, parts: Partitions, batch: tuple[list[int], int, int]
) -> list[Receipt]:
    gaps, run, markers = batch
    offsets = []
    position = model.position
    for gap in gaps:
        position += gap
        offsets.append(position - 1)
    model.position = partition.position = position + markers
    begun = []
    for start in range(0, len(offsets), run):
        some = offsets[start : start + run]
        events = [event_at(offset) for offset in some] if run > 1 else []
        receipt = Receipt(Origin("t", 0, some[0]), 1, 0, partition=partition, run=events)
        parts.begin(receipt)
        model.open.add(some[0])
        begun.append(receipt)
    return begun


@given(BATCHES, st.randoms(use_true_random=False), st.integers(0, 50))
def test_the_frontier_is_the_lowest_open_offset_in_any_order_of_completion(batches, luck, start):
    parts = Partitions(20_000)
    partition, model = parts.assigned("t", 0, start, ""), Model(start)
    waiting: list[Receipt] = []
    for batch in batches:
        waiting += deliver(partition, model, parts, batch)
        assert partition.frontier() == model.frontier()
        while waiting and luck.random() < 0.6:
            receipt = waiting.pop(luck.randrange(len(waiting)))
            receipt.outcome = Outcome.COMMITTED
            parts.settle(receipt)
            model.open.discard(receipt.offset)
            assert partition.frontier() == model.frontier()
            assert partition.ahead() == model.position - model.frontier()
            assert parts.violation() is None
    while waiting:
        receipt = waiting.pop()
        parts.settle(receipt)
        model.open.discard(receipt.offset)
    assert partition.frontier() == model.position, "trailing markers leave a lag"
    assert partition.unsettled == 0


@given(BATCHES, st.randoms(use_true_random=False))
def test_a_revoke_fences_and_a_new_assignment_starts_a_new_handle(batches, luck):
    parts = Partitions(20_000)
    first, model = parts.assigned("t", 0, 0, ""), Model(0)
    waiting: list[Receipt] = []
    for batch in batches:
        waiting += deliver(first, model, parts, batch)
    luck.shuffle(waiting)
    for receipt in waiting[: len(waiting) // 2]:
        parts.settle(receipt)
        model.open.discard(receipt.offset)
    received = parts.counts["t"].received
    assert parts.revoked(first) == model.frontier()
    second = parts.assigned("t", 0, model.frontier(), "")
    assert first.revoked
    assert not second.revoked
    assert second.frontier() == second.position == model.frontier()
    assert all(receipt.is_fenced for receipt in waiting)
    assert parts.violation() is None
    assert parts.counts["t"].received == received
    assert parts.revoked(first) == parts.revoked(first), "a second revoke of a handle changes nothing"
    assert parts.violation() is None


def test_an_assignment_ends_the_one_before_it() -> None:
    parts = Partitions(20_000)
    first = parts.assigned("t", 0, 5, "")
    second = parts.assigned("t", 0, 5, "")
    assert first.revoked
    assert parts.owned == {("t", 0): second}
