"""Whether the topics that we need are there."""

import asyncio
from collections.abc import Sequence

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from claimx.adapters.kafka_client import Config
from claimx.errors import EngineError, TransientError

_TIMEOUT_S = 5.0


async def check_topics(config: Config, names: Sequence[str]) -> None:
    """Look the topics up; nothing is made.

    Raises:
        TransientError: ``kafka.unreachable``, the broker does not answer yet.
        EngineError: a topic is missing.
    """
    there = await asyncio.to_thread(_topics, config)
    missing = [name for name in names if name not in there]
    if missing:
        raise EngineError(
            f"these topics do not exist on {config['bootstrap.servers']}: {', '.join(missing)}."
            " Create them (dead-letter topics with unlimited retention), or correct [kafka.topics]."
        )


def _topics(config: Config) -> frozenset[str]:
    admin = AdminClient(config)
    try:
        return frozenset(admin.list_topics(timeout=_TIMEOUT_S).topics)
    except KafkaException as error:
        raise TransientError("kafka.unreachable", error.args[0].str()) from error
    finally:
        admin.poll(0)  # its log tells why
