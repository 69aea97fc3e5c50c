"""The dead-letter topics: an idempotent producer, acknowledged by all replicas in sync."""

import asyncio
import threading
from collections.abc import Mapping
from functools import partial
from hashlib import sha256

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from claimx.adapters.kafka_client import Config, client_config
from claimx.config.tree import Kafka as KafkaSettings
from claimx.config.tree import Topics
from claimx.domain.dead_letter import DeadLetter
from claimx.errors import TransientError
from claimx.telemetry.log import Log

_POLL_S = 0.1
_MESSAGE_MAX_BYTES = 64 * 1024 * 1024


class KafkaDeadLetters:
    """Implements ports.dead_letters.DeadLetters.

    A letter that is too large for its topic is put as a reference: its source offset, length and digest, no value.
    """

    def __init__(self, config: Config, topics: Topics) -> None:
        self._topics: Mapping[str, str] = {
            "ingest": topics.events_dlq,
            "enrich": topics.enrichment_dlq,
            "download": topics.downloads_dlq,
            "upload": topics.downloads_dlq,
        }
        self._producer = Producer(config)
        self._loop = asyncio.get_running_loop()
        self._is_closing = False
        self._thread = threading.Thread(target=self._poll, name="kafka-dead-letters", daemon=True)
        self._thread.start()

    async def put(self, letter: DeadLetter) -> None:
        """Produce one letter and wait for its acknowledgement.

        Raises:
            TransientError: ``kafka.produce``.
        """
        error = await self._produce(letter, letter.value)
        if error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            error = await self._produce(_reference(letter), b"")
        if error is not None:
            raise TransientError("kafka.produce", f"{error.name()}: {error.str()}")

    async def close(self) -> None:
        """End the polling thread; every letter was waited for."""
        self._is_closing = True
        await asyncio.to_thread(self._thread.join)

    async def _produce(self, letter: DeadLetter, value: bytes) -> KafkaError | None:
        done: asyncio.Future[KafkaError | None] = self._loop.create_future()
        try:
            self._producer.produce(
                self._topics[letter.stage],
                value=value,
                key=letter.key,
                headers=list(letter.headers),
                on_delivery=partial(self._delivered, done),
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


def _reference(letter: DeadLetter) -> DeadLetter:
    ours = [
        ("claimx-value-bytes", str(len(letter.value)).encode()),
        ("claimx-value-sha256", sha256(letter.value).hexdigest().encode()),
    ]
    kept = [(name, content) for name, content in letter.headers if name.startswith("claimx-")]
    return DeadLetter(letter.stage, letter.id, None, b"", [*kept, *ours])


def producer_config(settings: KafkaSettings, instance: str, log: Log) -> Config:
    """Configure a producer that neither loses nor reorders nor doubles."""
    return {
        **client_config(settings, f"{instance}.dead-letters", log),
        "enable.idempotence": True,
        "acks": "all",
        "message.max.bytes": _MESSAGE_MAX_BYTES,
        "delivery.timeout.ms": 30_000,
    }
