"""The checks of the lake: the tables that are there, and whether each root can be written."""

from collections.abc import Awaitable, Callable

from claimx.errors import LakeError
from claimx.ops import tables as ops_tables
from claimx.ops.doctor import Check, Seen
from claimx.ports.probes import RootProbe
from claimx.ports.tables import State, Tables, TableStatus

Apart = Callable[[Callable[[], Seen]], Awaitable[Seen]]

_WRITE_HINT = (
    "this user and the credential of [lake.storage] must be allowed to read, write and delete below it"
)


def root_check(group: str, shown_url: str, probe: RootProbe, apart: Apart) -> Check:
    """Write, read and delete an object below a root; a directory that is not there yet is not made."""

    def look() -> Seen:
        if (missing := probe.missing()) is not None:
            return Seen(f"{missing} is not there yet, and can be made")
        probe.round_trip()
        return Seen("written, read and deleted")

    return Check(f"{group}.round_trip", shown_url, lambda: apart(look), _WRITE_HINT)


def fit_check(tables: Tables) -> Check:
    """Look at every table, as ``claimx tables status`` does."""

    async def look() -> Seen:
        found = (await ops_tables.status(tables)).tables
        if unreadable := [each for each in found if each.state is State.UNREADABLE]:
            raise LakeError("\n".join(each.problem or each.table for each in unreadable))
        absent = [each.table for each in found if each.state is State.ABSENT]
        problems = [f"no table {', '.join(absent)}"] if absent else []
        for each in found:
            problems += _problems(each)
        ready = sum(each.state is State.READY for each in found)
        hint = "claimx tables init makes them" if absent else "claimx tables status tells more"
        return Seen(f"{ready} of {len(found)} tables", problems=problems, hint=hint if problems else "")

    return Check("tables.fit", tables.shown_url, look, "claimx tables status tells more", is_gate=False)


def _problems(each: TableStatus) -> list[str]:
    if each.state is State.OCCUPIED:
        return [each.problem or each.table]
    return [f"{each.table}: {line}" for line in each.drift] if each.state is State.DRIFTS else []
