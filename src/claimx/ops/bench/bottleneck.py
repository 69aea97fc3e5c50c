"""What held a run up, named from what was measured."""

from collections.abc import Mapping

_FULL = 0.8
_RULES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("loop", "loop_waits"), "CPU: the event loop"),
    (("cores",), "CPU: all threads together, of which Python runs one at a time"),
    (("api_cpu",), "CPU of the simulated API, not of claimx"),
    (("files_cpu",), "CPU of the file server, not of claimx"),
    (("broker_cpu",), "CPU of the broker, not of claimx"),
    (("api",), "API latency: as many calls under way as are allowed"),
    (("upload",), "upload: all workers busy"),
    (("download",), "download: all transfers busy"),
    (("lake",), "lake: a flush is always under way"),
    (("disk",), "disk, or a processor that others had"),
)
"""Shares that are added up, and what it means that they are full; the first rule that holds names it."""


def bottleneck(shares: Mapping[str, float]) -> str:
    """Name the first thing that was full; if nothing was, the fullest one, and how full.

    ``loop_waits`` is the time for which the event loop could have run but others had the processor: it counts as the
    loop's, and is told where it is the larger part.
    """
    if not shares:
        return "not measured"
    sums = [(sum(shares.get(name, 0.0) for name in names), names, text) for names, text in _RULES]
    for total, names, text in sums:
        if total >= _FULL:
            is_starved = "loop_waits" in names and shares.get("loop_waits", 0.0) > shares.get("loop", 0.0)
            return "CPU: other processes have it" if is_starved else f"{text} ({total:.0%})"
    total, _, text = max(sums, key=lambda each: each[0])
    return f"nothing is full; most: {text.partition(':')[0]} ({total:.0%})"
