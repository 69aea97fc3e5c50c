"""The producer of a process: idempotent, acknowledged by all replicas in sync."""

import asyncio
import threading
from collections.abc import Sequence
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from claimx.adapters.kafka_client import Config, client_config
from claimx.config.tree import Kafka as KafkaSettings
from claimx.errors import TransientError
from claimx.telemetry.log import Log

_POLL_S = 0.1
_MESSAGE_MAX_BYTES = 64 * 1024 * 1024


class KafkaProducer:
    """One producer, and the thread that polls it."""

    def __init__(self, config: Config) -> None:
        self._producer = Producer(config)
        self._loop = asyncio.get_running_loop()
        self._is_closing = False
        self._thread = threading.Thread(target=self._poll, name="kafka-producer", daemon=True)
        self._thread.start()

    async def produce(
        self, topic: str, value: bytes, key: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> bool:
        """Produce one record and wait for its acknowledgement; False: it is larger than the topic takes.

        Raises:
            TransientError: ``kafka.produce``, not acknowledged; it may be there all the same.
        """
        error = await self._answer_of(topic, value, key, headers)
        if error is None:
            return True
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            return False
        raise TransientError("kafka.produce", f"{error.name()}: {error.str()}")

    async def close(self) -> None:
        """End the polling thread; every record was waited for."""
        self._is_closing = True
        await asyncio.to_thread(self._thread.join)

    async def _answer_of(
        self, topic: str, value: bytes, key: bytes | None, headers: Sequence[tuple[str, bytes]]
    ) -> KafkaError | None:
        done: asyncio.Future[KafkaError | None] = self._loop.create_future()
        try:
            self._producer.produce(
                topic, value=value, key=key, headers=list(headers), on_delivery=partial(self._delivered, done)
            )
        except BufferError as error:
            raise TransientError("kafka.produce", "the producer's queue is full") from error
        except KafkaException as error:
            refused: KafkaError = error.args[0]
            return refused
        return await done

    def _delivered(
        self, done: "asyncio.Future[KafkaError | None]", error: KafkaError | None, _: Message
    ) -> None:
        self._loop.call_soon_threadsafe(_answer, done, error)

    def _poll(self) -> None:
        while not self._is_closing:
            self._producer.poll(_POLL_S)


def _answer(done: "asyncio.Future[KafkaError | None]", error: KafkaError | None) -> None:
    if not done.done():
        done.set_result(error)


def producer_config(settings: KafkaSettings, instance: str, log: Log) -> Config:
    """Configure a producer that neither loses nor reorders nor doubles."""
    return {
        **client_config(settings, f"{instance}.producer", log),
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 5,
        "message.max.bytes": _MESSAGE_MAX_BYTES,
        "delivery.timeout.ms": 30_000,
    }
