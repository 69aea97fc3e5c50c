"""The pending topics, as their producer sees them."""

from claimx.adapters.kafka_producer import KafkaProducer
from claimx.config.tree import Topics
from claimx.domain.results import UploadResult, encode_result
from claimx.domain.tasks import Task, encode_task


class KafkaHandover:
    """Implements ports.handover.Handover. The key is the project, so that its tasks keep their order."""

    def __init__(self, producer: KafkaProducer, topics: Topics) -> None:
        self._producer = producer
        self._topics = topics.pending

    async def put(self, stage: str, task: Task | UploadResult) -> bool:
        """Produce one task and wait for its acknowledgement; False: it is too large.

        Raises:
            TransientError: ``kafka.produce``.
        """
        value = encode_result(task) if isinstance(task, UploadResult) else encode_task(task)
        return await self._producer.produce(self._topics[stage], value, task.project_id.encode())
