"""The dead-letter topics."""

from hashlib import sha256

from claimx.adapters.kafka_producer import KafkaProducer
from claimx.config.tree import Topics
from claimx.domain.dead_letter import DeadLetter


class KafkaDeadLetters:
    """Implements ports.dead_letters.DeadLetters.

    A letter that is too large for its topic is put as a reference: its source offset, length and digest, no value.
    """

    def __init__(self, producer: KafkaProducer, topics: Topics) -> None:
        self._producer = producer
        self._topics = topics.dead_letters

    async def put(self, letter: DeadLetter) -> None:
        """Produce one letter and wait for its acknowledgement.

        Raises:
            TransientError: ``kafka.produce``.
        """
        topic = self._topics[letter.stage]
        if not await self._producer.produce(topic, letter.value, letter.key, letter.headers):
            await self._producer.produce(topic, b"", None, _reference(letter))


def _reference(letter: DeadLetter) -> list[tuple[str, bytes]]:
    ours = [
        ("claimx-value-bytes", str(len(letter.value)).encode()),
        ("claimx-value-sha256", sha256(letter.value).hexdigest().encode()),
    ]
    return [*((name, content) for name, content in letter.headers if name.startswith("claimx-")), *ours]
