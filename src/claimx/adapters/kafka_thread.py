"""The thread that owns a Consumer: it consumes, decodes, and runs the commands that the event loop sends.

confluent-kafka 2.16 serialises every method of a Consumer behind a gate that is not fair: ``commit`` from another
thread starves while one loops over ``consume`` (measured, docs/decisions/0009). So nothing else touches the Consumer.
"""

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import NamedTuple, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from claimx.adapters.clock import WallClock
from claimx.adapters.kafka_client import Config
from claimx.adapters.kafka_errors import REFUSALS, opened
from claimx.adapters.kafka_records import Place, Read, refuse, sort_out
from claimx.adapters.kafka_starts import starting
from claimx.adapters.kafka_stats import Statistics
from claimx.domain.receipts import Partition
from claimx.errors import ClaimxError, EngineError, TransientError
from claimx.ports.source import Assignments, KafkaVitals, RecordBatch
from claimx.telemetry.events import Event
from claimx.telemetry.log import Log

T = TypeVar("T")

_BATCH = 500
_WAIT_S = 0.05
_PAUSE_AFTER_S = 5.0
"""A pause throws the prefetch away, so a short stall is waited out without one."""
_LOOP_S = 10.0


class Subscription(NamedTuple):
    """What a consumer is there for.

    Args:
        read: decodes a record; runs on the thread.
    """

    topics: Sequence[str]
    read: Read


Deliver = Callable[[RecordBatch | ClaimxError], None]
Command = Callable[[Consumer], object]


class ConsumerThread:
    """Runs from ``start`` until ``close`` is done.

    Args:
        subscription: which topics, and how their records are read.
        deliver: called on the loop with each batch, in order, or with the error that ended the thread.
    """

    def __init__(
        self,
        config: Config,
        subscription: "Subscription",
        assignments: Assignments,
        deliver: Deliver,
        log: Log,
    ) -> None:
        self._log = log
        self._topics, self._read = subscription
        self._name = ", ".join(self._topics)
        self._config = {**config, "on_commit": self._on_commit, "stats_cb": self._on_statistics}
        self._assignments = assignments
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._clock = WallClock()
        self._commands: queue.SimpleQueue[tuple[Command, Future[object]]] = queue.SimpleQueue()
        self._taken = 0  # written by the loop alone
        self._told = 0  # written by the thread alone
        self._ended = asyncio.Event()
        self._handles: dict[Place, Partition] = {}
        self._statistics = Statistics()
        self._polled_at: float | None = None
        self._slow: set[Place] = set()
        self._was_assigned = False
        self._note: str | None = None  # written by the loop alone
        self._commits: deque[Future[None]] = deque()
        self._blocked_at: float | None = None
        self._is_paused = False
        self._is_stopped = False
        self._is_closing = False
        self._thread = threading.Thread(target=self._work, name=f"kafka-{self._name}", daemon=True)

    # ---- called on the event loop ----

    def start(self) -> None:
        """Subscribe and begin."""
        self._thread.start()

    def taken(self) -> None:
        """A delivered batch was taken: the next records are consumed once all are."""
        self._taken += 1

    def stop(self) -> None:
        """Consume nothing more; membership is kept and commands are still run."""
        self._is_stopped = True

    async def run(self, command: Callable[[Consumer], T]) -> T:
        """Run a command on the thread.

        Raises:
            TransientError: ``kafka.*``, the broker did not do it, or the thread has ended.
        """
        if not self._thread.is_alive():
            raise TransientError("kafka.closed", "the consumer is not running")
        future: Future[T] = Future()
        self._commands.put((command, future))  # type: ignore[arg-type]
        return await asyncio.wrap_future(future)

    async def commit(self, offsets: Sequence[tuple[Partition, int]], note: str) -> None:
        """Commit; what belongs to a revoked handle when the command runs is dropped.

        Args:
            note: the metadata of these commits, and of those that a revoke makes from now on.

        Raises:
            TransientError: ``kafka.commit``.
        """
        done: Future[None] = Future()
        self._note = note
        wanted = [(partition, offset, note) for partition, offset in offsets]
        await self.run(lambda consumer: self._commit(consumer, wanted, done))
        await asyncio.wrap_future(done)

    def set_slow(self, partition: Partition, *, is_slow: bool) -> None:
        """Stop fetching one partition, or fetch it again; dropped if the handle is revoked when it runs."""
        if self._thread.is_alive():
            self._commands.put(
                (lambda consumer: self._set_slow(consumer, partition, is_slow=is_slow), Future())
            )

    async def close(self) -> None:
        """Leave the group and end the thread; a frozen broker can make this last: the caller sets a deadline."""
        self._is_closing = True
        await self._ended.wait()

    # ---- on the thread ----

    def _work(self) -> None:
        try:
            consumer = opened(self._config)
            consumer.subscribe(
                list(self._topics),
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_lost,
            )
            try:
                while not self._is_closing:
                    self._turn(consumer)
            finally:
                self._polled_at = None
                consumer.close()
        except ClaimxError as error:
            self._tell(error)
        except KafkaException as error:
            self._tell(EngineError(f"{self._name}: {error.args[0].name()}: {error.args[0].str()}"))
        except BaseException as bug:
            self._tell(EngineError(f"{self._name}: a bug in the consumer's thread: {type(bug).__name__}"))
            raise
        finally:
            self._refuse_rest()
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._ended.set)

    def _turn(self, consumer: Consumer) -> None:
        self._polled_at = self._loop.time()
        self._run_commands(consumer)
        if self._may_take(consumer):
            messages = consumer.consume(1, _WAIT_S)
            if messages:
                messages += consumer.consume(_BATCH - 1, 0)
            for batch in sort_out(messages, self._handles, self._read, self._clock.now(), self._failed):
                if batch.items:
                    self._told += 1
                self._tell(batch)

    def _failed(self, error: KafkaError, message: Message) -> None:
        """Rights that are lost on the way are borne like an outage; at the start they end the thread."""
        if self._was_assigned and error.code() in REFUSALS and not error.fatal():
            self._log.warning("kafka.failed", code=error.name(), detail=error.str(), topic=message.topic())
        else:
            refuse(error, message)

    def _may_take(self, consumer: Consumer) -> bool:
        """Consume when all was taken; else wait, and after a while poll with everything paused."""
        if self._told == self._taken and not self._is_stopped:
            self._blocked_at = None
            self._pause(consumer, is_paused=False)
            return True
        now = perf_counter()
        self._blocked_at = now if self._blocked_at is None else self._blocked_at
        if not self._is_stopped and now - self._blocked_at < _PAUSE_AFTER_S:
            self._wait_for_command(consumer)
            return False
        self._pause(consumer, is_paused=True)
        return True

    def _wait_for_command(self, consumer: Consumer) -> None:
        try:
            command, future = self._commands.get(timeout=_WAIT_S / 10)
        except queue.Empty:
            return
        self._obey(consumer, command, future)

    def _run_commands(self, consumer: Consumer) -> None:
        while not self._commands.empty():
            self._obey(consumer, *self._commands.get())

    @staticmethod
    def _obey(consumer: Consumer, command: Command, future: Future[object]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(command(consumer))
        except KafkaException as error:
            future.set_exception(TransientError(f"kafka.{error.args[0].name().lower()}", error.args[0].str()))
        except TransientError as error:
            future.set_exception(error)

    def _refuse_rest(self) -> None:
        gone = TransientError("kafka.closed", "the consumer has ended")
        while not self._commands.empty():
            _, future = self._commands.get()
            if future.set_running_or_notify_cancel():
                future.set_exception(gone)
        while self._commits:
            _settle(self._commits.popleft(), gone)

    def _pause(self, consumer: Consumer, *, is_paused: bool) -> None:
        if is_paused == self._is_paused:
            return
        self._is_paused = is_paused
        if is_paused:
            consumer.pause([TopicPartition(*place) for place in self._handles])
        else:
            consumer.resume([TopicPartition(*place) for place in self._handles if place not in self._slow])

    def _set_slow(self, consumer: Consumer, partition: Partition, *, is_slow: bool) -> None:
        place = (partition.topic, partition.number)
        if self._handles.get(place) is not partition:
            return
        where = [TopicPartition(*place)]
        if is_slow:
            self._slow.add(place)
            consumer.pause(where)
        else:
            self._slow.discard(place)
            if not self._is_paused:
                consumer.resume(where)

    def _commit(
        self, consumer: Consumer, offsets: Sequence[tuple[Partition, int, str]], done: Future[None]
    ) -> None:
        wanted = [
            TopicPartition(p.topic, p.number, offset, note) for p, offset, note in offsets if not p.revoked
        ]
        if not wanted:
            done.set_result(None)
            return
        self._send(consumer, wanted, done)

    def _send(self, consumer: Consumer, wanted: list[TopicPartition], done: Future[None]) -> None:
        self._commits.append(done)
        try:
            consumer.commit(offsets=wanted, asynchronous=True)
        except KafkaException:
            self._commits.remove(done)
            raise

    def _on_commit(self, error: KafkaError | None, partitions: Sequence[TopicPartition]) -> None:
        """Answers come in the order of the commits; those that librdkafka makes itself do not exist (no auto commit)."""
        if not self._commits:
            return
        failed = error or next((p.error for p in partitions if p.error is not None), None)
        problem = TransientError("kafka.commit", f"{failed.name()}: {failed.str()}") if failed else None
        _settle(self._commits.popleft(), problem)

    def owned(self) -> list[Partition]:
        """The partitions that are assigned now; another thread sees them a moment late."""
        return list(self._handles.values())

    @property
    def vitals(self) -> KafkaVitals:
        """How the consumer is, for any thread."""
        return KafkaVitals(self._polled_at, self._statistics.brokers_up, self._statistics.ends)

    def _on_statistics(self, report: str) -> None:
        self._statistics.update(report, self._handles.keys())

    # ---- rebalance, inside consume() on the thread ----

    def _on_assign(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        starts = starting(consumer, partitions, lambda: self._is_closing)
        for where in starts:
            place = (where.topic, where.partition)
            self._slow.discard(place)
            self._was_assigned = True
            begin = partial(self._assignments.assigned, *place, where.offset, where.metadata or "")
            self._handles[place] = self._ask_loop(begin)
            consumer.incremental_assign([where])
        if self._is_paused:
            consumer.pause(list(partitions))
        self._tell_of("partitions.assigned", starts)

    def _on_revoke(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        """Fence on the loop, then commit the frontiers while the broker still waits for us.

        The answer is not waited for: it could last for minutes. What gives the partitions back goes to the same broker
        on the same connection, and so behind the commit.
        """
        try:
            frontiers = [
                committable for where in partitions if (committable := self._fence(where)) is not None
            ]
            self._tell_of("partitions.revoked", partitions)
            if frontiers:
                done: Future[None] = Future()
                done.add_done_callback(partial(self._told_late, len(frontiers)))
                self._send(consumer, frontiers, done)
        except (KafkaException, EngineError) as error:
            self._log.warning("offsets.failed", error=str(error), partitions=len(partitions))
        consumer.incremental_unassign(list(partitions))

    def _told_late(self, partitions: int, done: Future[None]) -> None:
        """The next owner starts a little earlier; every write is idempotent."""
        if (error := done.exception()) is not None:
            self._log.warning("offsets.failed", error=str(error), partitions=partitions)

    def _on_lost(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        """Another process may own them already: fence, commit nothing."""
        for where in partitions:
            self._fence(where)
        self._tell_of("partitions.revoked", partitions, is_lost=True)
        consumer.incremental_unassign(list(partitions))

    def _tell_of(self, event: Event, partitions: Sequence[TopicPartition], **fields: object) -> None:
        """One line for each topic."""
        for topic in sorted({where.topic for where in partitions}):
            numbers = sorted(where.partition for where in partitions if where.topic == topic)
            self._log.info(event, topic=topic, partitions=numbers, **fields)

    def _fence(self, where: TopicPartition) -> TopicPartition | None:
        """Fence a partition; its frontier if that is worth a commit."""
        place = (where.topic, where.partition)
        partition = self._handles.pop(place, None)
        self._statistics.forget(place)
        self._slow.discard(place)
        if partition is None or partition.revoked:
            return None
        frontier = self._ask_loop(lambda: self._assignments.revoked(partition))
        if frontier <= partition.committed:
            return None
        note = partition.note if self._note is None else self._note
        return TopicPartition(*place, frontier, note)

    def _ask_loop(self, question: Callable[[], T]) -> T:
        """Run a function on the event loop and wait for its answer.

        Raises:
            EngineError: the loop is blocked or gone.
        """
        answer: Future[T] = Future()
        try:
            self._loop.call_soon_threadsafe(lambda: answer.set_result(question()))
            return answer.result(timeout=_LOOP_S)
        except (TimeoutError, RuntimeError) as error:
            raise EngineError(f"{self._name}: the event loop does not answer a rebalance") from error

    def _tell(self, item: RecordBatch | ClaimxError) -> None:
        self._loop.call_soon_threadsafe(self._deliver, item)


def _settle(future: Future[None], error: TransientError | None) -> None:
    with suppress(InvalidStateError):  # cancelled: nobody waits any more
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
