"""Channels and budgets: bounded, first come first served, and nothing leaks when a waiter is cancelled."""

import asyncio

import pytest

from claimx.stages.pool import Budget, Channel, Waiters


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_put_waits_while_a_channel_is_full() -> None:
    channel: Channel[int] = Channel(2)
    async with asyncio.TaskGroup() as group:
        put = group.create_task(channel.put([1, 2, 3, 4]))
        await settle()
        assert len(channel) == 2
        assert not put.done()
        assert [await channel.get() for _ in range(4)] == [1, 2, 3, 4]


async def test_get_waits_while_a_channel_is_empty() -> None:
    channel: Channel[int] = Channel(1)
    async with asyncio.TaskGroup() as group:
        got = group.create_task(channel.get())
        await settle()
        assert not got.done()
        await channel.put([7])
    assert got.result() == 7


async def test_a_budget_admits_in_order_and_an_oversized_item_alone() -> None:
    budget = Budget(10)
    await budget.acquire(6)
    async with asyncio.TaskGroup() as group:
        large = group.create_task(budget.acquire(50))
        small = group.create_task(budget.acquire(1))
        await settle()
        assert not large.done()
        assert not small.done(), "who comes later must not overtake"
        budget.release(6)
        await settle()
        assert large.done()
        assert not small.done(), "the large one is alone"
        budget.release(50)
    assert budget.used == 1
    assert budget.peak == 50


@pytest.mark.parametrize("is_granted", [False, True])
async def test_a_cancelled_waiter_leaves_nothing_behind(is_granted: bool) -> None:
    budget = Budget(10)
    await budget.acquire(10)
    waiting = asyncio.get_running_loop().create_task(budget.acquire(4))
    await settle()
    if is_granted:
        budget.release(10)  # granted, but the task has not run yet
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    if not is_granted:
        budget.release(10)
    assert budget.used == 0
    await budget.acquire(10)


async def test_a_cancelled_waiter_passes_its_wake_on() -> None:
    waiters = Waiters()
    loop = asyncio.get_running_loop()
    first, second = loop.create_task(waiters.wait()), loop.create_task(waiters.wait())
    await settle()
    waiters.wake(1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    async with asyncio.timeout(1):
        await second
