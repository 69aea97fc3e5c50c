"""A thread that works while a block runs."""

import threading
from typing import Self


class Beside:
    """``with ...:`` runs ``work`` in a thread of its own until the block ends; it looks at ``end`` now and then."""

    def __init__(self) -> None:
        self.end = threading.Event()
        self._thread = threading.Thread(target=self.work)

    def work(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end.set()
        self._thread.join()
