"""The one place that reads the environment of the process."""

import os
from collections.abc import Mapping
from pathlib import Path

SEARCHED = (Path("claimx.toml"), Path("/etc/claimx/claimx.toml"))
"""Where a configuration file is looked for when nobody names one."""


def variables() -> Mapping[str, str]:
    """The environment variables of this process."""
    return os.environ


def find_file(named: Path | None, environ: Mapping[str, str] | None = None) -> Path | None:
    """The configuration file to read: the named one, else CLAIMX_CONFIG, else the first of ``SEARCHED`` there is.

    A file that somebody named is returned whether it exists or not, so that ``load`` can say that it is missing.
    """
    if named is not None:
        return named
    if by_variable := (variables() if environ is None else environ).get("CLAIMX_CONFIG"):
        return Path(by_variable)
    return next((path for path in SEARCHED if path.is_file()), None)


def notify_socket(environ: Mapping[str, str] | None = None) -> str | None:
    """The socket on which systemd wants to be told; ``@`` begins an abstract one."""
    return (variables() if environ is None else environ).get("NOTIFY_SOCKET") or None


def watchdog_s(environ: Mapping[str, str] | None = None) -> float | None:
    """Within how many seconds systemd's watchdog wants a sign of life of this process; None: it does not."""
    given = variables() if environ is None else environ
    try:
        micros, pid = int(given.get("WATCHDOG_USEC", "0")), int(given.get("WATCHDOG_PID", os.getpid()))
    except ValueError:
        return None
    return micros / 1_000_000 if micros > 0 and pid == os.getpid() else None


def debug_wanted(environ: Mapping[str, str] | None = None) -> bool:
    """Whether CLAIMX_DEBUG asks for tracebacks."""
    return (variables() if environ is None else environ).get("CLAIMX_DEBUG", "") not in {"", "0", "false"}
