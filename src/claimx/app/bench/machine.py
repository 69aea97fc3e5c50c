"""What the machine and its processes have: model, memory, load, CPU time. Where /proc is not, the unknown is 0."""

import os
import platform
import resource
import sys
import time
from collections.abc import Awaitable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from claimx.ops.bench.figures import Machine, Sample

_LIBRARIES = ("claimx", "aiohttp", "confluent-kafka", "deltalake", "msgspec", "obstore", "polars")
_NANOSECONDS = 1e9
_KIB = 1024


def machine(load_before: float) -> Machine:
    """Describe this machine, at the end of a run."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return Machine(
        cpu=_field(Path("/proc/cpuinfo"), "model name") or platform.machine(),
        cores=os.cpu_count() or 1,
        memory_gb=round(memory, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        versions={name: version(name) for name in _LIBRARIES},
        load_before=load_before,
        load_after=load(),
    )


def load() -> float:
    """Runnable processes, averaged over a minute."""
    return round(os.getloadavg()[0], 2)


def own_cpu_s() -> float:
    """User and system time of this process, every thread."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def children_cpu_s() -> float:
    """User and system time of the children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def peak_mb() -> float:
    """Highest resident memory of this process. Not ``ru_maxrss``: that begins with what the parent had."""
    peak = _field(Path("/proc/self/status"), "VmHWM").partition(" ")[0]
    if peak.isdigit():
        return round(int(peak) * _KIB / 1e6, 1)
    scale = 1 if sys.platform == "darwin" else _KIB
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6, 1)


def thread_s() -> tuple[float, float]:
    """CPU time of the calling thread, and for how long it could have run while others did."""
    waited = 0.0
    with suppress(OSError, ValueError, IndexError):
        waited = int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / _NANOSECONDS
    return time.thread_time(), waited


def process_cpu_s(pid: int) -> float:
    """User and system time of another process."""
    with suppress(OSError, ValueError, IndexError):
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


async def counted(work: Awaitable[object], items: int) -> int:
    """Wait for the work and say how many items it was."""
    await work
    return items


async def timed(work: Awaitable[int]) -> Sample:
    """Measure work that returns how many items it did."""
    cpu, began = own_cpu_s(), perf_counter()
    items = await work
    return Sample(items=items, wall_s=perf_counter() - began, cpu_s=own_cpu_s() - cpu, rss_mb=peak_mb())


def _field(path: Path, name: str) -> str:
    with suppress(OSError):
        for line in path.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return ""
