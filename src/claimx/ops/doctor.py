"""``claimx doctor``: checks in chains, each with its own deadline, and what they come to."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from claimx.errors import AuthError, ClaimxError, LakeError, TransientError

State = Literal["ok", "warn", "fail", "skipped"]
Cause = Literal["failed", "refused", "unreachable"]
_CODES: Mapping[Cause, int] = {"failed": 3, "refused": 4, "unreachable": 5}


class Seen(NamedTuple):
    """What a check that went well has looked at.

    Args:
        warnings: what works and should be otherwise.
        problems: what keeps claimx from its work although everything answered.
    """

    text: str
    warnings: Sequence[str] = ()
    problems: Sequence[str] = ()
    hint: str = ""


class Check(NamedTuple):
    """One question.

    Args:
        name: ``group.what``.
        target: what it looks at.
        hint: what to do if it fails and the failure has no hint of its own.
        is_gate: without it, the rest of its chain cannot be asked.
    """

    name: str
    target: str
    look: Callable[[], Awaitable[Seen]]
    hint: str = ""
    is_gate: bool = True


class Chain(NamedTuple):
    """Checks in order.

    Args:
        after: names of chains, one of which must have gone well.
    """

    name: str
    checks: Sequence[Check]
    after: Sequence[str] = ()


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found.

    Args:
        cause: of a failure; it decides the exit code.
        notes: problems and warnings, one line each.
    """

    check: str
    target: str
    state: State
    cause: Cause | None = None
    seen: str = ""
    notes: list[str] = []
    hint: str = ""
    duration_s: float = 0.0

    @property
    def group(self) -> str:
        """The part of the name that ``--only`` takes."""
        return self.check.partition(".")[0]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What ``claimx doctor`` found."""

    schema: str = "claimx.doctor/1"
    stages: Sequence[str]
    checks: list[Result]

    def count(self, state: State) -> int:
        """How many checks ended so."""
        return sum(each.state == state for each in self.checks)


class _Line(Result, frozen=True, kw_only=True, tag_field="schema", tag="claimx.doctor/1"):
    """One check as a line of its own."""


async def examine(
    chains: Sequence[Chain], timeout_s: float, told: Callable[[Result], None]
) -> Sequence[Result]:
    """Run every chain beside the others; the results in the order of the chains.

    Args:
        timeout_s: for each check.
        told: hears of each result when it is there.
    """
    done = {chain.name: asyncio.Event() for chain in chains}
    well: dict[str, bool] = {}

    async def run(chain: Chain) -> list[Result]:
        for name in chain.after:
            await done[name].wait()
        blocked = bool(chain.after) and not any(well[name] for name in chain.after)
        why = f"{chain.after[0].partition(' ')[0]}: nothing answers" if blocked else ""
        results = []
        for check in chain.checks:
            result = _skipped(check, why) if why else await _looked(check, timeout_s)
            if result.state == "fail" and check.is_gate:
                why = f"{check.name} failed"
            results.append(result)
            told(result)
        well[chain.name] = not why
        done[chain.name].set()
        return results

    async with asyncio.TaskGroup() as group:
        running = [group.create_task(run(chain)) for chain in chains]
    return [result for each in running for result in each.result()]


def exit_code(results: Sequence[Result], *, strict: bool) -> int:
    """0: nothing failed; 4 or 5: every failure is a refusal, or is out of reach; 3 otherwise.

    Args:
        strict: a warning counts as well.
    """
    causes = {each.cause for each in results if each.cause is not None}
    if not causes:
        return _CODES["failed"] if strict and any(each.state == "warn" for each in results) else 0
    return _CODES[causes.pop()] if len(causes) == 1 else _CODES["failed"]


def as_json(report: Report) -> str:
    """One JSON object."""
    return msgspec.json.encode(report).decode()


def as_jsonl(report: Report) -> Iterator[str]:
    """One JSON object for each check."""
    for each in report.checks:
        yield msgspec.json.encode(_Line(**msgspec.structs.asdict(each))).decode()


def as_text(report: Report) -> Iterator[str]:
    """One line for each check, what is to be said of it below, and the counts."""
    width = max((len(each.check) for each in report.checks), default=0)
    for each in report.checks:
        yield from result_lines(each, width)
    counts = [f"{report.count(state)} {state}" for state in ("ok", "warn", "fail", "skipped")]
    yield f"{len(report.checks)} checks: {', '.join(counts)}"


def result_lines(each: Result, width: int = 0) -> Iterator[str]:
    """One check for people."""
    took = f"  ({each.duration_s * 1000:,.0f} ms)" if each.state != "skipped" else ""
    yield f"{each.state:<7}  {each.check:<{width}}  {each.target}: {each.seen}{took}"
    for note in each.notes:
        yield f"           {note}"
    if each.hint:
        yield f"           hint: {each.hint}"


def _skipped(check: Check, why: str) -> Result:
    return Result(check=check.name, target=check.target, state="skipped", seen=why)


async def _looked(check: Check, timeout_s: float) -> Result:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(timeout_s):
            seen = await check.look()
    except TimeoutError:
        failure = TransientError("doctor.timeout", f"no answer within {timeout_s:g} s")
        return _failed(check, failure, time.perf_counter() - began)
    except ClaimxError as error:
        return _failed(check, error, time.perf_counter() - began)
    state: State = "fail" if seen.problems else "warn" if seen.warnings else "ok"
    return Result(
        check=check.name,
        target=check.target,
        state=state,
        cause="failed" if seen.problems else None,
        seen=seen.text,
        notes=[*seen.problems, *seen.warnings],
        hint=seen.hint or ("" if state == "ok" else check.hint),
        duration_s=round(time.perf_counter() - began, 6),
    )


def _failed(check: Check, error: ClaimxError, duration_s: float) -> Result:
    first, *rest = str(error).splitlines() or [type(error).__name__]
    return Result(
        check=check.name,
        target=check.target,
        state="fail",
        cause=_cause(error),
        seen=first,
        notes=rest,
        hint=getattr(error, "hint", "") or check.hint,
        duration_s=round(duration_s, 6),
    )


def _cause(error: ClaimxError) -> Cause:
    if isinstance(error, AuthError):
        return "refused"
    return "unreachable" if isinstance(error, TransientError | LakeError) else "failed"
