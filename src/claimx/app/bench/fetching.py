"""Downloads by other clients: what ``jobs.Fetch`` asks for."""

import asyncio
import shutil
import subprocess
from pathlib import Path
from time import perf_counter

from claimx.adapters.http_bench import fetch
from claimx.app.bench import jobs
from claimx.app.bench.machine import children_cpu_s, counted, timed
from claimx.errors import ClaimxError
from claimx.ops.bench.figures import Sample


async def fetched(job: jobs.Fetch) -> Sample:
    """Download, and look that every file came whole.

    Raises:
        ClaimxError: one did not.
    """
    folder = Path(job.folder)
    await asyncio.to_thread(folder.mkdir, parents=True)
    urls = [f"{job.base_url}/{job.size}/{n}.jpg" for n in range(job.count)]
    if job.client == "curl":
        cpu, began = children_cpu_s(), perf_counter()
        await asyncio.to_thread(_curl, urls, job.concurrency, folder)
        sample = Sample(items=job.count, wall_s=perf_counter() - began, cpu_s=children_cpu_s() - cpu)
    else:
        work = fetch(urls, job.concurrency, folder, is_durable=job.client == "durable")
        sample = await timed(counted(work, job.count))
    found = await asyncio.to_thread(_whole, folder, job.size)
    if found != job.count:
        raise ClaimxError(f"{job.client}: {found} of {job.count} files came whole")
    return sample


def _curl(urls: list[str], concurrency: int, folder: Path) -> None:
    """Run curl over a file of URLs.

    Raises:
        ClaimxError: it failed.
    """
    curl = shutil.which("curl")
    if curl is None:
        raise ClaimxError("there is no curl")
    config = folder / "curl.config"
    config.write_text("".join(f'url = "{url}"\noutput = "{folder / str(n)}"\n' for n, url in enumerate(urls)))
    options = ["--parallel", "--parallel-max", str(concurrency), "--silent", "--show-error", "--fail"]
    done = subprocess.run(  # noqa: S603  # our own arguments
        [curl, *options, "--config", str(config)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ClaimxError(f"curl ended with code {done.returncode}: {done.stderr[-500:]}")


def _whole(folder: Path, size: int) -> int:
    return sum(path.stat().st_size == size for path in folder.glob("[0-9]*"))
