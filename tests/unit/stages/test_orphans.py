"""A record that nobody holds any more is told of by its place; one that somebody holds is not."""

import gc

from claimx.domain.outcomes import Outcome
from claimx.domain.receipts import InFlight, Receipt
from claimx.domain.tasks import Origin
from claimx.stages.orphans import Orphans
from claimx.stages.partitions import Partitions


def begun(partitions: Partitions, *offsets: int, number: int = 0) -> list[Receipt]:
    handle = partitions.owned.get(("events", number)) or partitions.assigned("events", number, offsets[0], "")
    receipts = [Receipt.of(handle, offset, 1, 0) for offset in offsets]
    for receipt in receipts:
        partitions.begin(receipt)
    handle.position = offsets[-1] + 1
    return receipts


def test_a_record_that_is_held_is_no_orphan_and_one_that_was_let_go_is() -> None:
    partitions, in_flight = Partitions(100), InFlight()
    orphans = Orphans(partitions, in_flight)
    held = begun(partitions, 5, 6)
    for receipt in held:
        in_flight.enlist(receipt, ("ingest", str(receipt.offset), ""))
    del receipt
    assert [orphans.look() for _ in range(3)] == [[], [], []]
    del held[0]
    assert orphans.look() == [], "it may have been on its way"
    assert orphans.look() == [Origin("events", 0, 5)]
    assert orphans.look() == [Origin("events", 0, 5)]


def test_only_the_oldest_record_of_a_partition_holds_it_back() -> None:
    partitions, in_flight = Partitions(100), InFlight()
    orphans = Orphans(partitions, in_flight)
    held = begun(partitions, 5, 6)
    begun(partitions, 9, number=1)
    del held[1]
    assert [orphans.look() for _ in range(2)][-1] == [Origin("events", 1, 9)]
    held[0].outcome = Outcome.COMMITTED
    partitions.settle(held.pop())
    assert [orphans.look() for _ in range(2)][-1] == [Origin("events", 0, 6), Origin("events", 1, 9)]


def test_a_record_that_joined_another_one_is_held_by_it() -> None:
    partitions, in_flight = Partitions(100), InFlight()
    orphans = Orphans(partitions, in_flight)
    (first,) = begun(partitions, 5)
    (copy,) = begun(partitions, 7, number=1)
    in_flight.enlist(first, ("ingest", "a", ""))
    in_flight.enlist(copy, ("ingest", "a", ""))
    del copy
    gc.collect()
    assert [orphans.look() for _ in range(2)][-1] == []


def test_a_partition_that_was_revoked_is_none_of_ours() -> None:
    partitions, in_flight = Partitions(100), InFlight()
    orphans = Orphans(partitions, in_flight)
    begun(partitions, 5)
    orphans.look()
    partitions.revoked(partitions.owned["events", 0])
    assert orphans.look() == []
