"""A run beside a saved one."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from claimx.errors import ConfigError
from claimx.ops.bench.figures import SCHEMA, Param, Point, Report


class Change(msgspec.Struct, kw_only=True):
    """One point, now and then.

    Args:
        throughput: items per second, now to then: below 1 is slower.
        cpu: CPU per item, now to then: above 1 costs more.
    """

    params: dict[str, Param]
    throughput: float
    cpu: float
    is_slower: bool


def read(path: Path) -> Report:
    """Read a saved run.

    Raises:
        ConfigError: there is none, or it is of another form.
    """
    try:
        report = msgspec.json.decode(path.read_bytes(), type=Report)
    except OSError as error:
        raise ConfigError(f"--compare {path}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"--compare {path}: no saved benchmark: {error}") from error
    if report.schema != SCHEMA:
        raise ConfigError(f"--compare {path}: it is of schema {report.schema}, this is {SCHEMA}")
    return report


def compared(now: Report, then: Report, tolerance: float) -> list[Change]:
    """Put the points that both have side by side.

    Args:
        tolerance: a median that is lower by more than this share is slower.

    Raises:
        ConfigError: the runs are of two benchmarks, or have no point in common.
    """
    if now.bench != then.bench:
        raise ConfigError(f"--compare: the saved run is of bench {then.bench}, this one of {now.bench}")
    earlier = {_key(point): point for point in then.points}
    changes = [
        _change(point, earlier[_key(point)], tolerance) for point in now.points if _key(point) in earlier
    ]
    if not changes:
        raise ConfigError("--compare: the two runs have no point in common")
    return changes


def change_lines(changes: Sequence[Change], now: Report, then: Report) -> Iterator[str]:
    """The comparison for people."""
    yield f"compared with: {then.command}"
    for name in ("cpu", "cores", "python"):
        was, is_ = getattr(then.machine, name), getattr(now.machine, name)
        if was != is_:
            yield f"  another machine: {name} was {was}, is {is_}"
    yield f"  load {then.machine.load_before} then, {now.machine.load_before} now"
    for change in changes:
        verdict = "SLOWER" if change.is_slower else "ok"
        yield (
            f"  {told(change.params):<40} throughput x {change.throughput:<6.3g} CPU x {change.cpu:<6.3g} {verdict}"
        )


def told(params: Mapping[str, Param]) -> str:
    """Where a point is, for people."""
    return (
        ", ".join(
            f"{name} {value:g}" if isinstance(value, float) else value for name, value in params.items()
        )
        or "all"
    )


def _key(point: Point) -> tuple[tuple[str, Param], ...]:
    return tuple(sorted(point.params.items()))


def _change(now: Point, then: Point, tolerance: float) -> Change:
    throughput = now.items_per_s.median / max(then.items_per_s.median, 1e-9)
    cpu = now.cpu_us_per_item.median / max(then.cpu_us_per_item.median, 1e-9)
    return Change(
        params=now.params,
        throughput=round(throughput, 3),
        cpu=round(cpu, 3),
        is_slower=throughput < 1 - tolerance,
    )
