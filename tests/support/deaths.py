"""Processes that are killed at random, and what must hold of their work in the end."""

import signal
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from claimx.adapters.delay_reader import SqliteDelayFiles
from support.commands import claimx_json
from support.rig import Daemon, Rig, wait_until

ROLES = ("ingest,enrich", "download", "upload", "results")
DONE_S = 150.0


def config_of(rig: Rig, *, keeps_its_place: bool = True, **changes: str) -> Path:
    """A configuration whose retries are due soon.

    Args:
        keeps_its_place: in the group; else the broker waits six seconds for one that was killed.
    """
    if keeps_its_place:
        changes['kafka.client__"group.instance.id"'] = f'"{rig.group}"'
    return rig.config(retry__delays_s="[0.2, 0.5, 1.0, 2.0]", **changes)


def pause(seconds: float) -> None:
    """Let the processes work for so long: what they have done by then is left to luck."""
    signal.sigtimedwait([], seconds)


def is_done(rig: Rig) -> bool:
    """Whether every record of every topic is settled."""
    return sum(rig.committed().values()) == rig.manifest.records and not any(rig.open_work().values())


def finished(rig: Rig, config: Path) -> None:
    """Run until idle; no retry may be left, and no lease of a process that died."""
    daemon = rig.run(config, "--exit-when-idle")
    assert daemon.wait(DONE_S) == 0, daemon.log()[-3000:]
    assert (daemon.summary["delayed"], daemon.summary["ledger_violation"]) == (0, None)


def kill_one(rig: Rig, config: Path, luck: Random, kills: int) -> int:
    """Kill one process again and again, mostly at work, now and then while it starts.

    Returns:
        How often it had work left when it was killed.
    """
    at_work = 0
    for _ in range(kills):
        before = sum(rig.committed().values())
        daemon = rig.run(config)
        if luck.random() < 0.3:
            pause(luck.uniform(0.3, 4.0))
        else:
            wait_until(
                lambda before=before: sum(rig.committed().values()) > before or is_done(rig), "progress"
            )
            pause(luck.uniform(0.0, 1.5))
        at_work += not is_done(rig)
        daemon.kill()
    return at_work


class Team:
    """The roles in processes of their own, joined by topics."""

    def __init__(self, rig: Rig, *, keeps_its_place: bool = True) -> None:
        self._rig = rig
        spool = f'"file://{rig.root}/shared-spool"'
        self.configs = {
            role: config_of(
                rig,
                keeps_its_place=keeps_its_place,
                process__instance=f'"{role.replace(",", "-")}"',
                download__spool_url=spool,
            )
            for role in ROLES
        }
        self._daemons = {role: self._start(role) for role in ROLES}

    def kill_in_turn(self, luck: Random, kills: int) -> int:
        """Kill one of them every few seconds, and start it again; less often if all is done before.

        Returns:
            How often.
        """
        for killed in range(kills):
            pause(luck.uniform(1.0, 4.0))
            if is_done(self._rig):
                return killed
            role = luck.choice(ROLES)
            assert self._daemons[role].process.poll() is None, self._daemons[role].log()[-3000:]
            self._daemons[role].kill()
            self._daemons[role] = self._start(role)
        return kills

    def end(self) -> None:
        """Let them work off what is left, then drain them all."""
        wait_until(self._is_done, "all topics and retries done", DONE_S)
        for daemon in self._daemons.values():
            wait_until(lambda daemon=daemon: "process.started" in daemon.log(), "it listens to signals")
            daemon.send(signal.SIGTERM)
        for daemon in self._daemons.values():
            assert daemon.wait(60) == 0, daemon.log()[-3000:]

    def _is_done(self) -> bool:
        """What is in neither may be on its way from the one to the other: so the queues are looked at twice."""
        return not self._has_delayed() and is_done(self._rig) and not self._has_delayed()

    def _has_delayed(self) -> bool:
        return any(SqliteDelayFiles(str(self._rig.root / "state")).rows())

    def _start(self, role: str) -> Daemon:
        return self._rig.run(self.configs[role], "--stages", role)


class Proof(NamedTuple):
    """What ``claimx verify`` has looked at."""

    records: int
    rows: int
    files: int


def proven(rig: Rig, config: Path) -> Proof:
    """Nothing is lost, nothing is twice, nothing is unproven; rows, files and dead letters are what they must be."""
    committed = rig.committed()
    assert sum(committed.values()) == rig.manifest.records
    assert rig.unlogged(committed) == []
    assert rig.problems() == []
    assert claimx_json("dlq", "list", "-c", config)["total"] == rig.manifest.dead_lettered
    report: dict[str, Any] = claimx_json("verify", "-c", config, "--files", "--sample", "20")
    assert report["is_clean"]
    assert sum(check["unprovable"] for check in report["checks"]) == 0, report
    looked_at = {check["name"]: check["looked_at"] for check in report["checks"]}
    proof = Proof(looked_at["records"], looked_at["doubles"], looked_at["files"])
    assert proof.records >= rig.manifest.records
    assert proof.files == len(rig.manifest.files)
    return proof
