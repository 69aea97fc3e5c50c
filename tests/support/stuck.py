"""``claimx`` with a bug that lets something stand still: ``python -P stuck.py NAME -- run -c my.toml``.

The bugs are put around methods from outside, as in ``crash_points.py``; the times after which health speaks are short.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

from claimx.adapters.object_store import ObjectStore
from claimx.app import health as app_health
from claimx.cli import main
from claimx.ops import health
from claimx.stages import enrich
from claimx.stages.pool import Budget
from claimx.stages.upload import Upload
from claimx.stages.work import Work

BLOCK_S = 22.0
SHORT_S = 2.0


def command(name: str) -> list[str]:
    """What stands for ``claimx``."""
    return [sys.executable, "-P", __file__, name, "--"]


def block_the_loop() -> None:
    """The first event that is enriched computes for 22 seconds."""
    plan_for = enrich.plan_for
    left = [BLOCK_S]

    def plan(task: Any, **options: bool) -> Any:
        if left:
            time.sleep(left.pop())
        return plan_for(task, **options)

    enrich.plan_for = plan


def freeze_uploads() -> None:
    """The store's client never comes back."""
    _short()

    async def put(*_: object) -> None:
        await asyncio.Event().wait()

    ObjectStore.put = put


def lose_an_upload() -> None:
    """The first file is taken, and forgotten."""
    _short()
    run = Upload.run
    left = [True]

    async def lossy(upload: Upload, work: Work) -> None:
        if left:
            left.pop()
            work.release()
            return
        await run(upload, work)

    Upload.run = lossy


def keep_the_api_bytes() -> None:
    """Nobody gives bytes of the API's pool back: a dead-lock, soon."""
    _short()
    release = Budget.release

    def keep(budget: Budget, size: int) -> None:
        if budget.name != "api":
            release(budget, size)

    Budget.release = keep


def nothing() -> None:
    """Everything moves; only the times are short."""
    _short()


def _short() -> None:
    for name in ("_IDLE_S", "_OWN_S", "_UPLOAD_S", "_MARGIN_S"):
        setattr(health, name, SHORT_S)
    app_health._ORPHANS_S = SHORT_S / 2


BUGS: dict[str, Callable[[], None]] = {
    bug.__name__: bug for bug in (block_the_loop, freeze_uploads, lose_an_upload, keep_the_api_bytes, nothing)
}

if __name__ == "__main__":
    _, its_name, _, *given = sys.argv
    BUGS[its_name]()
    main(given)
