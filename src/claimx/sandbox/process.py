"""One process of the sandbox: started, waited for until it is ready, and ended by its own pid."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from claimx.errors import EngineError

_READY_S = 30.0
_END_S = 5.0
_TAIL_CHARS = 2000


class Process:
    """``python -m module``; an async context manager.

    Args:
        logs: directory for what it says on stderr, as ``<module>.log``.
    """

    def __init__(self, module: str, arguments: Sequence[str], logs: Path) -> None:
        self._module = module
        self._arguments = arguments
        self._log = logs / f"{module}.log"
        self.facts: dict[str, str] = {}
        """What it announced when it was ready."""

    @property
    def pid(self) -> int:
        """The process, once it was started."""
        return self._child.pid

    async def __aenter__(self) -> Self:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", self._module, *self._arguments),
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the pipeline, which drains first
            )
        try:
            self.facts = await self._announced()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def done(self) -> None:
        """Wait until it ends by itself.

        Raises:
            EngineError: it ended with another code than 0.
        """
        code = await self._child.wait()
        if code:
            raise self._failure(f"ended with code {code}")

    async def _announced(self) -> dict[str, str]:
        line = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(_READY_S):
                line = await self._output().readline()
        if not line:
            raise self._failure("did not become ready")
        return msgspec.json.decode(line, type=dict[str, str])

    async def _stop(self) -> None:
        """Close its stdin, which ends it; kill it if it does not listen."""
        if self._child.stdin is not None:
            self._child.stdin.close()
        try:
            async with asyncio.timeout(_END_S):
                await self._child.wait()
        except TimeoutError:
            self._child.kill()
            await self._child.wait()

    def _output(self) -> asyncio.StreamReader:
        if self._child.stdout is None:
            raise AssertionError("started without a pipe")
        return self._child.stdout

    def _failure(self, what: str) -> EngineError:
        said = self._log.read_text(errors="replace")[-_TAIL_CHARS:].strip()
        return EngineError(f"{self._module} {what}: {said or 'it said nothing'}")
