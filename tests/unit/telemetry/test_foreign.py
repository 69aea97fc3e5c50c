"""Other libraries, warnings and dying threads speak in lines of ours."""

import json
import subprocess
import sys

SCRIPT = """
import asyncio, logging, threading, warnings
from claimx.telemetry.foreign import route_foreign
from claimx.telemetry.log import configure

CANARY = "https://h/a?sig=Canary7Sa0bird"
route_foreign(configure("info", "json"))
logging.getLogger("aiohttp.client").warning("got %s", CANARY)
logging.getLogger("aiohttp.client").info("quiet")
try:
    raise ValueError(CANARY)
except ValueError:
    logging.getLogger("other").exception("failed")
warnings.warn("old")

def die():
    secret = CANARY
    raise RuntimeError(secret)

thread = threading.Thread(target=die)
thread.start()
thread.join()

class Grave:
    def __del__(self):
        raise KeyError(CANARY)

Grave()

async def forgotten():
    raise OSError(CANARY)

async def main():
    task = asyncio.create_task(forgotten())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    asyncio.get_running_loop().call_exception_handler({"message": CANARY})

asyncio.run(main())
"""


def test_what_others_say_is_one_masked_line_each() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=50
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["level"], line["event"], line["code"]) for line in lines] == [
        ("warning", "library.logged", "aiohttp.client"),
        ("error", "library.logged", "other"),
        ("warning", "library.logged", "py.warnings"),
        ("error", "library.logged", "thread"),
        ("error", "library.logged", "unraisable"),
        ("error", "library.logged", "asyncio"),
        ("error", "library.logged", "asyncio"),
    ]
    kinds = [line["exception"][0]["exc_type"] for line in lines if "exception" in line]
    assert kinds[:3] == ["ValueError", "RuntimeError", "KeyError"]
    assert "OSError" in kinds
    assert "Canary" not in done.stderr
