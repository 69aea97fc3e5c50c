"""Where the event loop's thread is, and where its tasks wait."""

import asyncio
import io
import threading
from concurrent.futures import ThreadPoolExecutor

from claimx.stages.pool import Channel
from claimx.telemetry.stacks import busy_in, dump


def asked_from_elsewhere() -> str:
    """What another thread says this one does, while this one waits for it."""
    with ThreadPoolExecutor(1) as other:
        return other.submit(busy_in, threading.get_ident(), {"enrich"}).result()


def in_module(name: str) -> str:
    return str(eval("ask()", {"__name__": name, "ask": asked_from_elsewhere}))


def test_the_stage_whose_code_runs_is_named_by_its_module() -> None:
    assert in_module("claimx.stages.enrich") == "enrich"
    assert in_module("claimx.stages.rejects") == "rejects"
    assert in_module("claimx.adapters.delta") == "claimx.adapters.delta.<module>"
    assert in_module("json") == "code that is not ours"
    assert busy_in(-1, {"enrich"}) == "code that is not ours"


async def test_tasks_that_wait_at_the_same_place_are_one_line_with_its_code() -> None:
    channel: Channel[int] = Channel(1, "upload")
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(channel.get(), name=f"upload-{n}") for n in range(5)]
        await asyncio.sleep(0)
        out = io.StringIO()
        dump(asyncio.get_running_loop(), out)
        for task in tasks:
            task.cancel()
    (line,) = [line for line in out.getvalue().splitlines() if "upload-0" in line]
    assert line.startswith("5 tasks (upload-0, upload-1, upload-2) at pool.py:")
    assert line.endswith(" get")
