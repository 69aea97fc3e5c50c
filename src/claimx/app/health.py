"""Watches the run from a thread of its own, answers probes, and keeps systemd informed."""

import asyncio
import sys
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Literal

import msgspec

from claimx.adapters.health_http import HealthServer
from claimx.adapters.systemd import Notifier
from claimx.config.environ import notify_socket, watchdog_s
from claimx.config.tree import Settings
from claimx.domain.stage_names import health_port
from claimx.domain.tasks import Origin
from claimx.ops.health import Judge, Snapshot, hindrances, patience_of
from claimx.ports.health import Answer, Reason, Route, Verdict
from claimx.stages.orphans import Orphans
from claimx.stages.pipeline import Pipeline
from claimx.telemetry.log import Log
from claimx.telemetry.stacks import busy_in, dump

_LOOK_S = 1.0
_BLIND_S = 15.0
_STATUS_S = 10.0
_ORPHANS_S = 30.0
_EXTRA_S = 60.0
"""By how much systemd is asked to wait at a time, while the start or the drain goes on."""


class Health:
    """Of one process run, from before anything is opened to its end. Begin it on the event loop.

    Args:
        stages: those that run here.
        routes: what else is answered, by path.
    """

    def __init__(
        self, settings: Settings, stages: Collection[str], log: Log, routes: Mapping[str, Route]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.began = self._loop.time()
        """By the loop's clock."""
        self._thread_id = threading.get_ident()
        self._settings = settings
        self._log = log
        self._judge = Judge(patience_of(settings))
        self._waits_for = "configuration"
        self._pipeline: Pipeline | None = None
        self._orphans: Orphans | None = None
        self._lost: Sequence[Origin] = ()
        self._lost_at = 0.0
        self._is_started = False
        self._beat_at = self._loop.time()
        self._stalls: list[Reason] = []
        self._looked_at = self._loop.time()
        self._end = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="health-watch", daemon=True)
        port = health_port(stages) if settings.health.port is None else settings.health.port
        self._server = HealthServer(settings.health.host, port, {**self._routes(), **routes})
        self._systemd = Systemd(self)
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Answer from now on.

        Raises:
            OperationError: the port is taken.
        """
        port = self._server.open()
        self._log.info("health.listening", host=self._settings.health.host, port=port)
        self._watcher.start()
        self._beat()

    def close(self) -> None:
        """End."""
        self._end.set()
        self._server.close()
        self._systemd.close()
        if self._timer is not None:
            self._timer.cancel()

    def waits_for(self, what: str) -> None:
        """Say what the start waits for."""
        self._waits_for = what

    def attach(self, pipeline: Pipeline) -> None:
        """Watch what was started."""
        self._orphans = Orphans(pipeline.partitions, pipeline.flow.settlement.in_flight)
        self._pipeline = pipeline
        self._waits_for = "the consumers"

    # ---- for any thread ----

    @property
    def is_live(self) -> bool:
        """Whether the last look found that all moves, and was a moment ago."""
        return not self._found()

    def stuck(self) -> list[str]:
        """Why liveness is red, for people; empty while it is green."""
        return [reason.detail for reason in self._found()]

    @property
    def is_draining(self) -> bool:
        """Whether intake has ended for good."""
        return self._pipeline is not None and self._pipeline.is_draining

    def starting(self) -> Iterator[Reason]:
        """What the start still waits for; once over, it never begins again."""
        pipeline = self._pipeline
        if not self._is_started and pipeline is not None:
            has_begun = all(source.vitals.polled_at is not None for source in pipeline.sources)
            self._is_started = pipeline.retry.is_recovered and has_begun
        if not self._is_started:
            yield Reason("process.starting", f"waits for {self._waits_for}", self._waits_for)

    def status_line(self) -> str:
        """The state for people, in a few words."""
        pipeline = self._pipeline
        if pipeline is None or any(self.starting()):
            return f"starting, waits for {self._waits_for}"
        flow, owned = pipeline.flow, dict(pipeline.partitions.owned)
        ends = {place: end for source in pipeline.sources for place, end in source.vitals.ends.items()}
        lag = sum(max(0, end - owned[place].committed) for place, end in ends.items() if place in owned)
        parts = ["draining"] if pipeline.is_draining else []
        parts += [f"lag {lag}", f"in flight {pipeline.live}"]
        parts += [f"circuit {name} open" for name in flow.circuits.not_closed]
        parts += ["flood of dead letters"] if flow.flood.told else []
        parts += ["Kafka is missed"] if pipeline.kafka_trouble else []
        return ", ".join(parts)

    def _found(self) -> list[Reason]:
        age = self._loop.time() - self._looked_at
        blind = [Reason("watcher.silent", f"nobody has looked for {age:.1f} s")] if age > _BLIND_S else []
        return blind + self._stalls

    def _draining(self) -> Iterator[Reason]:
        if self.is_draining:
            yield Reason("process.draining", "intake has ended, what is in flight finishes")

    def _routes(self) -> dict[str, Route]:
        live, ready, use = self._live, self._ready, self._useful
        return {
            "/livez": live,
            "/health/live": live,
            "/readyz": ready,
            "/health/ready": use,
            "/startupz": lambda: _answer(self.starting()),
        }

    def _live(self) -> Answer:
        return _answer(self._found())

    def _ready(self) -> Answer:
        """Only of this process, and sticky: it steers roll-outs, and one that mends an outage must go on."""
        return _answer([*self.starting(), *self._draining()])

    def _useful(self) -> Answer:
        reasons = [*self.starting(), *self._draining(), *self._found()]
        if self._pipeline is not None:
            reasons += hindrances(self._seen(self._pipeline), self._loop.time())
        return _answer(reasons)

    def _seen(self, pipeline: Pipeline) -> Snapshot:
        flow = pipeline.flow
        return Snapshot(
            stages=flow.runtime.board.seen(self._loop.time()),
            queued={stage: used for stage, (used, _) in pipeline.queues.items()},
            live=pipeline.live,
            flush_due_at=flow.buffer.due_at,
            circuits=flow.circuits.not_closed,
            failing=flow.runtime.redo.failing,
            flood=flow.flood.told,
            consumers={", ".join(source.topics): source.vitals for source in pipeline.sources},
            orphans=self._lost,
            kafka_trouble=pipeline.kafka_trouble,
        )

    # ---- on the watcher's thread ----

    def _watch(self) -> None:
        while not self._end.wait(_LOOK_S):
            self._look()

    def _look(self) -> None:
        now = self._loop.time()
        self._judge.look(now)
        stages = {"ingest", "enrich", "download", "upload", "results", "flush", "commit", "retry"}
        reasons = [*self._judge.silence(self._beat_at, now, lambda: busy_in(self._thread_id, stages))]
        if self._pipeline is not None:
            reasons += self._judge.stalls(self._seen(self._pipeline), now)
        was_live, self._stalls, self._looked_at = not self._stalls, reasons, now
        if reasons and was_live:
            self._log.error("health.failed", reasons=[reason.detail for reason in reasons])
            dump(self._loop, sys.__stderr__ or sys.stderr)
        elif not reasons and not was_live:
            self._log.info("health.recovered")

    # ---- on the event loop ----

    def _beat(self) -> None:
        self._beat_at = now = self._loop.time()
        if self._orphans is not None and now >= self._lost_at:
            self._lost_at = now + _ORPHANS_S
            self._lost = self._orphans.look()
        self._systemd.tell(now)
        self._timer = self._loop.call_later(self._systemd.every_s, self._beat)


class Systemd:
    """Tells systemd of readiness, of life while there is some, and of the state; from the loop, so that a block starves it."""

    def __init__(self, health: Health) -> None:
        watchdog = watchdog_s()
        self.every_s = _LOOK_S if watchdog is None else min(_LOOK_S, watchdog / 2)
        self._watchdog_every_s = None if watchdog is None else watchdog / 2
        self._health = health
        self._notifier = Notifier(notify_socket())
        self._is_ready = False
        self._is_stopping = False
        self._status_at = 0.0
        self._alive_at = 0.0

    def tell(self, now: float) -> None:
        """Send what is due."""
        health = self._health
        if not self._is_ready and not any(health.starting()):
            self._is_ready = True
            self._notifier.send(ready=1, status=health.status_line())
        if health.is_draining and not self._is_stopping:
            self._status_at = 0.0
            self._stop()
        if now >= self._status_at:
            self._status_at = now + _STATUS_S
            self._notifier.send(status=health.status_line())
            if self._is_stopping or not self._is_ready:
                self._notifier.send(extend_timeout_usec=int(_EXTRA_S * 1_000_000))
        if self._watchdog_every_s is not None and health.is_live and now >= self._alive_at:
            self._alive_at = now + self._watchdog_every_s
            self._notifier.send(watchdog=1)

    def close(self) -> None:
        """Say so, if the drain was over before the next beat, and nothing more."""
        if not self._is_stopping:
            self._stop()
        self._notifier.close()

    def _stop(self) -> None:
        self._is_stopping = True
        self._notifier.send(stopping=1)


def _answer(reasons: Collection[Reason] | Iterator[Reason]) -> Answer:
    found = list(reasons)
    status: Literal["ok", "failing"] = "failing" if found else "ok"
    code = HTTPStatus.SERVICE_UNAVAILABLE if found else HTTPStatus.OK
    return Answer(code, "application/json", msgspec.json.encode(Verdict(status, found)) + b"\n")
