"""The checks of this host: the state directory, its disk, its delay queue, and the bounds of the process."""

from collections.abc import Awaitable, Callable, Sequence

from claimx.config.load import Loaded
from claimx.config.tree import Settings
from claimx.domain.stage_names import health_port
from claimx.ops.doctor import Check, Seen
from claimx.ports.probes import Directory, Disk, HostProbe

Apart = Callable[[Callable[[], Seen]], Awaitable[Seen]]

_MB = 1_000_000
_OTHERS_MODE = 0o077
_SLOW_FSYNC_S = 1.0
_LEAST_FREE_BYTES = 100 * _MB
"""The delay queue takes a park or two and the spool a file or two, no more."""
_FILES_BESIDE = 128
"""Files that are open without any work: libraries, brokers, the delay queue, tables being read."""
_MEMORY_BESIDE = 256 * 1024**2
"""The interpreter and its libraries, and what a MERGE takes."""


def config_check(loaded: Loaded, name: str) -> Check:
    """Say what the settings were read from, and what of them should be otherwise."""

    async def look() -> Seen:
        set_ = sum(origin != "default" for origin in loaded.origins.values())
        notes = [line.strip() for text in loaded.warnings for line in text.splitlines()]
        return Seen(f"{set_} keys are set", notes)

    return Check("config.good", name, look, "claimx config check tells more")


class StateChecks:
    """The directory of the instance, step by step."""

    def __init__(self, probe: HostProbe, settings: Settings) -> None:
        self._probe = probe
        self._spool_bytes = settings.download.spool_bytes

    def checks(self, shown_dir: str, apart: Apart) -> list[Check]:
        """Whether it is there, takes a write, has room, and holds a queue that can be read."""

        async def queue() -> Seen:
            if (pid := await self._probe.holder()) is not None:
                return Seen(f"process {pid} holds it: claimx status tells of it")
            return await apart(self._queue)

        hint = "process.state_dir must be a directory that this user may write, on a local disk"
        return [
            Check("state.dir", shown_dir, lambda: apart(self._directory), hint),
            Check("state.fsync", shown_dir, lambda: apart(self._fsync), hint, is_gate=False),
            Check("state.disk", shown_dir, lambda: apart(self._disk), hint, is_gate=False),
            Check("state.queue", shown_dir, queue, hint, is_gate=False),
        ]

    def _directory(self) -> Seen:
        return judge_directory(self._probe.directory())

    def _fsync(self) -> Seen:
        return judge_fsync(self._probe.fsync())

    def _disk(self) -> Seen:
        return judge_disk(self._probe.disk(), self._spool_bytes)

    def _queue(self) -> Seen:
        rows = self._probe.queue_rows()
        return Seen("no queue yet" if rows is None else f"{rows:,} rows wait, every page can be read")


def judge_directory(found: Directory) -> Seen:
    """What parked work lies in is its user's alone."""
    if not found.exists:
        return Seen(f"not there yet, and can be made in {found.path}")
    warnings = [] if found.is_ours else ["it belongs to another user: run this as the user of claimx"]
    if found.mode & _OTHERS_MODE:
        warnings.append(f"its mode is {found.mode:o}: others of this host can look into it; chmod 700")
    return Seen(f"mode {found.mode:o}", warnings)


def judge_fsync(took_s: float) -> Seen:
    """A disk may be slow, to a degree."""
    slow = [f"an fsync takes {took_s:.1f} s: each park waits for one"] if took_s > _SLOW_FSYNC_S else []
    return Seen(f"{took_s * 1000:,.1f} ms", slow)


def judge_disk(found: Disk, spool_bytes: int) -> Seen:
    """There is room for the delay queue, and for all that the spool may hold."""
    text = f"{found.free_bytes / _MB:,.0f} MB free"
    if found.free_bytes < _LEAST_FREE_BYTES:
        return Seen(text, problems=["the disk is full"], hint="make room: what must be parked waits for it")
    lacking = spool_bytes - found.spooled_bytes - found.free_bytes
    if lacking <= 0:
        return Seen(text)
    said = f"the spool may take {spool_bytes / _MB:,.0f} MB, and {lacking / _MB:,.0f} MB of it are not there"
    return Seen(text, [said], hint="lower download.spool_bytes, or give it a larger disk")


def judge_files(allowed: int | None, needed: int) -> Seen:
    """Every worker may open what it needs."""
    if allowed is None:
        return Seen("no bound")
    said = f"with these workers {needed:,} may be needed: ulimit -n, or LimitNOFILE= of the unit"
    return Seen(f"{allowed:,} open files", [said] if allowed < needed else ())


def judge_memory(allowed: int | None, memory_bytes: int) -> Seen:
    """The bound of the container leaves room for limits.memory_bytes, and for what lies beside it."""
    if allowed is None:
        return Seen("no bound")
    text = f"{allowed / _MB:,.0f} MB, of which limits.memory_bytes takes {memory_bytes / _MB:,.0f} MB"
    if allowed <= memory_bytes:
        return Seen(text, problems=["claimx would be killed for its memory"])
    if allowed < memory_bytes + _MEMORY_BESIDE:
        return Seen(text, [f"beside limits.memory_bytes, {_MEMORY_BESIDE / _MB:,.0f} MB should be left"])
    return Seen(text)


def limit_checks(probe: HostProbe, settings: Settings, stages: Sequence[str]) -> list[Check]:
    """The bounds of the process: this one's stand for the daemon's if it is started the same way."""

    async def files() -> Seen:
        return judge_files(probe.open_files(), needed_files(settings))

    async def memory() -> Seen:
        return judge_memory(probe.memory_bytes(), settings.limits.memory_bytes)

    health = settings.health
    port = health_port(stages) if health.port is None else health.port

    async def listen() -> Seen:
        why = probe.listen(health.host, port)
        if why is None:
            return Seen("free")
        if (pid := await probe.holder()) is not None:
            return Seen(f"{why}: process {pid} of this instance runs here")
        return Seen(why, problems=["claimx run would end at once"])

    return [
        Check(
            "limits.port",
            f"{health.host}:{port}",
            listen,
            "does another claimx run here? choose another health.port, or 0 for any that is free",
            is_gate=False,
        ),
        Check(
            "limits.open_files",
            "RLIMIT_NOFILE",
            files,
            "raise the limit, or lower the workers",
            is_gate=False,
        ),
        Check("limits.memory", "cgroup", memory, _MEMORY_HINT, is_gate=False),
    ]


_MEMORY_HINT = "lower limits.memory_bytes, or raise the limit of the container or the unit"


def needed_files(settings: Settings) -> int:
    """Files that may be open at once: a connection for each call, two files for each transfer."""
    transfers = settings.download.workers + settings.upload.workers
    return _FILES_BESIDE + settings.api.max_concurrent + 2 * transfers
