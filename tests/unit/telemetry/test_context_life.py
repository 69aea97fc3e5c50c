"""What is logged about outlives nothing."""

import asyncio
import gc
import weakref

from claimx.telemetry.context import About, ids


class Subject:
    def ids(self) -> dict[str, object]:
        return {"event_id": "v1:a"}


async def test_a_timer_that_was_begun_inside_keeps_nothing_of_what_is_over() -> None:
    subject = Subject()
    gone = weakref.ref(subject)
    with About(subject):
        timer = asyncio.get_running_loop().call_later(60, ids)
        assert ids() == {"event_id": "v1:a"}
    del subject
    gc.collect()
    assert gone() is None
    assert ids() == {}
    timer.cancel()
