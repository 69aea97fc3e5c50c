"""What the workers of a stage do, as other threads see it; on a virtual clock."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from claimx.stages.pool import Budget, Channel
from claimx.stages.progress import Doing, Held, Progress, asking, blocked, in_line, outside, tick
from simulation.simloop import SimLoop


def virtual(main: Coroutine[Any, Any, None]) -> None:
    loop = SimLoop(lambda: 0.0)
    try:
        loop.run_until_complete(main)
    finally:
        loop.close()


def now() -> float:
    return asyncio.get_running_loop().time()


def held(progress: Progress) -> list[tuple[Doing, str]]:
    return [(each.doing, each.on) for each in progress.seen(now()).held]


def test_worker_seconds_go_to_what_the_workers_did() -> None:
    async def main() -> None:
        progress = Progress("download", workers=2)
        progress.start()
        await asyncio.sleep(1)  # both wait
        with progress.work("a"):
            await asyncio.sleep(2)  # one works
            with blocked("upload queue"):
                await asyncio.sleep(4)
            with asking("api"):
                await asyncio.sleep(8)  # its job is done, by another part
            with outside("circuit files"):
                await asyncio.sleep(16)
            with in_line("transfer"):
                await asyncio.sleep(32)  # no worker has it
        seen = progress.seen(now())
        assert (seen.working_s, seen.blocked_s) == (2 + 8, 4 + 16)
        assert seen.waiting_s == 2 * 63 - seen.working_s - seen.blocked_s
        assert (seen.in_flight, seen.done, seen.held) == (0, 1, ())

    virtual(main())


def test_more_items_than_workers_make_nobody_wait_less_than_not_at_all() -> None:
    async def main() -> None:
        progress = Progress("download", workers=1)
        progress.start()
        async with asyncio.TaskGroup() as group:
            for name in "abc":
                group.create_task(busy(progress, name))
        seen = progress.seen(now())
        assert (seen.waiting_s, seen.working_s) == (0, 3 * 5)

    async def busy(progress: Progress, name: str) -> None:
        with progress.work(name):
            await asyncio.sleep(5)

    virtual(main())


def test_what_an_item_waits_for_is_told_and_the_last_tick() -> None:
    async def main() -> None:
        progress = Progress("enrich")
        await asyncio.sleep(1)
        with progress.work("e1"):
            assert progress.seen(now()).held == (Held("e1", Doing.WORKING, "", 1.0),)
            await asyncio.sleep(1)
            with outside("back-off"):
                assert progress.seen(now()).held == (Held("e1", Doing.OUTSIDE, "back-off", 2.0),)
                await asyncio.sleep(1)
            assert progress.seen(now()).held == (Held("e1", Doing.WORKING, "", 3.0),)
            await asyncio.sleep(1)
            tick()
            await asyncio.sleep(1)
            assert progress.ticked_at == 4.0
            assert progress.seen(now()).held == (Held("e1", Doing.WORKING, "", 4.0),)
        assert progress.ticked_at == 5.0

    virtual(main())


def test_parts_of_one_item_may_wait_at_once_and_end_in_any_order() -> None:
    async def main() -> None:
        progress = Progress("flush")
        with progress.work("cycle"):
            async with asyncio.TaskGroup() as group:
                group.create_task(waits("one", 1, 3))
                group.create_task(waits("two", 2, 4))
                await asyncio.sleep(2.5)
                assert held(progress) == [(Doing.OUTSIDE, "two")]
                await asyncio.sleep(1)
                assert held(progress) == [(Doing.OUTSIDE, "two")]
            assert held(progress) == [(Doing.WORKING, "")]
        seen = progress.seen(now())
        assert (seen.working_s, seen.blocked_s) == (1, 3)

    async def waits(on: str, begin: float, end: float) -> None:
        await asyncio.sleep(begin)
        with outside(on):
            await asyncio.sleep(end - begin)

    virtual(main())


def test_an_item_whose_work_needs_anothers_first_stands_in_line() -> None:
    async def main() -> None:
        progress = Progress("enrich")
        with progress.work("event"):
            with progress.work("project"):
                await asyncio.sleep(3)
                assert held(progress) == [(Doing.IN_LINE, "enrich"), (Doing.WORKING, "")]
            assert held(progress) == [(Doing.WORKING, "")]
        assert progress.seen(now()).working_s == 3

    virtual(main())


def test_a_full_queue_and_a_budget_without_room_block_whoever_waits_for_them() -> None:
    async def main() -> None:
        progress = Progress("enrich")
        channel, budget = Channel[int](1, "download"), Budget(10, "files")
        with progress.work("e1"):
            await channel.put([1])
            asyncio.get_running_loop().call_later(1, lambda: seen.append(held(progress)))
            asyncio.get_running_loop().call_later(2, channel._pop)
            await channel.put([2])
            await budget.acquire(9)
            asyncio.get_running_loop().call_later(1, lambda: seen.append(held(progress)))
            asyncio.get_running_loop().call_later(2, lambda: budget.release(9))
            await budget.acquire(9)
        assert seen == [[(Doing.BLOCKED, "download queue")], [(Doing.BLOCKED, "files bytes")]]
        assert progress.seen(now()).blocked_s == 4

    seen: list[list[tuple[Doing, str]]] = []
    virtual(main())


def test_a_wait_that_nobody_has_an_item_in_hand_for_counts_for_nobody() -> None:
    async def main() -> None:
        progress = Progress("enrich")
        with blocked("queue"):
            tick()
        assert progress.ticked_at is None

    virtual(main())
