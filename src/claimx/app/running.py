"""``claimx run`` and ``claimx sandbox``: what keeps going until it is done or told to stop."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from claimx.app.daemon import Daemon
from claimx.app.tables import make_tables
from claimx.config.load import Loaded
from claimx.config.options import RunOptions, SandboxOptions
from claimx.config.tree import Lake
from claimx.sandbox.launch import Sandbox
from claimx.sandbox.manifest import problems
from claimx.telemetry.foreign import route_foreign
from claimx.telemetry.log import configure

T = TypeVar("T")

FOUND_SOMETHING = 3

Load = Callable[[Mapping[str, object] | None], Loaded]
"""Loads the settings, under what the sandbox decides."""


def run(load: Load, options: RunOptions) -> int:
    """Run the pipeline and return the exit code.

    Raises:
        ClaimxError: what made the run impossible.
    """
    return _run(_run_with_sandbox(load, options) if options.sandbox else _run_plain(load, options))


def sandbox(options: SandboxOptions) -> int:
    """Start broker, simulator and feed; print their settings; stay until a signal."""
    return _run(_stay(options))


def _run(main: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(main)
    except BaseExceptionGroup as errors:
        raise _leaf(errors) from errors


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _run_plain(load: Load, options: RunOptions) -> int:
    settings = load(None).settings
    log = configure(settings.log.level, settings.log.format)
    route_foreign(log)
    return await Daemon(settings, options, log, None).run()


async def _run_with_sandbox(load: Load, options: RunOptions) -> int:
    async with AsyncExitStack() as stack:
        started = await _start_sandbox(options.sandbox or SandboxOptions(), stack)
        settings = load(started.settings_overrides()).settings
        log = configure(settings.log.level, settings.log.format)
        route_foreign(log)
        daemon = Daemon(settings, options, log, started.feed_done)
        code = await daemon.run()
        return code or (_compared(started, daemon) if options.exit_when_idle else 0)


def _compared(started: Sandbox, daemon: Daemon) -> int:
    """Say whether the lake holds what the feed must come to."""
    if daemon.delayed:
        sys.stderr.write(
            f"sandbox: {daemon.delayed} items still wait for a retry: the lake is not compared\n"
        )
        return 0
    found = problems(started.manifest, str(started.tables_dir), str(started.files_dir))
    for problem in found:
        sys.stderr.write(f"sandbox: {problem}\n")
    if not found:
        sys.stderr.write("sandbox: every row and every file is there, once, as the manifest says\n")
    return FOUND_SOMETHING if found else 0


async def _start_sandbox(options: SandboxOptions, stack: AsyncExitStack) -> Sandbox:
    started = Sandbox(
        options.seed, options.events, faults=options.faults, broker=options.broker, state_dir=options.dir
    )
    await stack.enter_async_context(started)
    await make_tables(Lake(tables_url=str(started.tables_dir), files_url=str(started.files_dir)))
    return started


async def _stay(options: SandboxOptions) -> int:
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    async with AsyncExitStack() as stack:
        started = await _start_sandbox(options, stack)
        sys.stdout.write(started.settings_toml())
        sys.stdout.flush()
        await end.wait()
    return 0
