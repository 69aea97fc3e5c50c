"""What the sandbox's processes share: one JSON line when ready, and none outlives its owner."""

import os
import signal
import stat
import sys
import threading

import msgspec


def announce(**facts: str | int) -> None:
    """Tell the owner on stdout, in one JSON line, that this process is ready."""
    sys.stdout.write(msgspec.json.encode(facts).decode() + "\n")
    sys.stdout.flush()


def ending() -> threading.Event:
    """Make the event that is set when this process shall end: SIGTERM, SIGINT, or its owner has gone.

    The owner holds the other end of our stdin; the kernel closes it however the owner dies. A stdin that is no pipe
    (a terminal, /dev/null) says nothing about an owner.
    """
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        threading.Thread(target=_watch_owner, args=(end,), daemon=True, name="owner").start()
    return end


def _watch_owner(end: threading.Event) -> None:
    while os.read(0, 4096):  # not sys.stdin: its lock would trip the interpreter's exit
        pass
    end.set()
