"""/metrics is answered whatever the event loop does."""

import asyncio
import threading
import time
from pathlib import Path

from claimx.adapters.clock import WallClock
from claimx.adapters.health_http import HealthServer
from claimx.app.metrics import Metrics
from support.flows import pipeline_of
from support.scrapes import Scrape, scrape


async def test_metrics_are_answered_while_the_event_loop_is_blocked() -> None:
    metrics = Metrics(WallClock(), asyncio.get_running_loop().time)
    metrics.attach(pipeline_of(), Path("/"))
    server = HealthServer("127.0.0.1", 0, {"/metrics": metrics.answer})
    port = server.open()
    answers: list[Scrape] = []
    asking = threading.Thread(target=lambda: answers.append(scrape(port)))
    try:
        asking.start()
        end = time.monotonic() + 20
        while not answers and time.monotonic() < end:  # not one turn of the loop meanwhile
            pass
        assert answers
        assert answers[0].broken_laws() == []
    finally:
        asking.join()
        server.close()
