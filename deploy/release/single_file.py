"""Builds dist/claimx, one file that runs on Linux with nothing but a Python, from the locked wheels of each Python.

python deploy/release/single_file.py requirements/runtime.lock dist
"""

import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.tags import compatible_tags, cpython_tags

PYTHONS = ((3, 11), (3, 12), (3, 13))
MACHINE = platform.machine()
GLIBC = "manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_5", "manylinux1"
"""The oldest C library that the file is for is 2.28, whatever the builder has: Debian 10, Ubuntu 18.10, RHEL 8."""


def main(lock: str, dist: str) -> None:
    """Fetch what the lock names, by its hashes, and pack it with the wheel that is in ``dist``."""
    (wheel,) = Path(dist).glob("claimx-*.whl")
    with tempfile.TemporaryDirectory(prefix="claimx-dist-") as scratch:
        targets: list[str | Path] = []
        for version in PYTHONS:
            fetch(lock, version, f"{scratch}/wheels")
            target = Path(scratch) / f"{version[1]}.json"
            target.write_text(json.dumps(described(version)))
            targets += ["--complete-platform", target]
        pack(wheel, targets, f"{scratch}/wheels", f"{dist}/claimx")


def fetch(lock: str, version: tuple[int, int], into: str) -> None:
    """Download the locked wheels for one Python; a hash that differs ends it."""
    platforms = [word for name in GLIBC for word in ("--platform", f"{name}_{MACHINE}")]
    pinned = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement", lock)
    python = ("--python-version", ".".join(map(str, version)), "--implementation", "cp", *platforms)
    run("-m", "pip", "download", "--quiet", *pinned, *python, "--dest", into)


def described(version: tuple[int, int]) -> dict[str, object]:
    """A Python as pex wants it told: what markers see of it, and which wheels fit, the best first."""
    short, nickname = ".".join(map(str, version)), "cp{}{}".format(*version)
    platforms = [f"{name}_{MACHINE}" for name in GLIBC]
    tags = [
        *cpython_tags(version, abis=[nickname], platforms=platforms),
        *compatible_tags(version, nickname, platforms),
    ]
    return {
        "marker_environment": {
            "implementation_name": "cpython",
            "implementation_version": f"{short}.0",
            "os_name": "posix",
            "platform_machine": MACHINE,
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_full_version": f"{short}.0",
            "python_version": short,
            "sys_platform": "linux",
        },
        "compatible_tags": list(dict.fromkeys(map(str, tags))),
    }


def pack(wheel: Path, targets: list[str | Path], wheels: str, into: str) -> None:
    """Make the file: it lays a venv out at its first run and starts from there, by a shell's boot, later on."""
    version = wheel.name.split("-")[1]
    found = ("--no-pypi", "--find-links", wheels, "--find-links", wheel.parent.resolve())
    form = ("--sh-boot", "--venv", "prepend", "--include-tools", "--no-pre-install-wheels")
    run(
        "-m",
        "pex",
        f"claimx=={version}",
        *found,
        *targets,
        *form,
        "--script",
        "claimx",
        "--output-file",
        into,
    )


def run(*words: object) -> None:
    """Run a module of this Python; its failure is ours."""
    subprocess.run([sys.executable, *map(str, words)], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
