"""``claimx topics``."""

import sys
from collections.abc import Callable

from claimx.adapters.kafka_errors import Client
from claimx.adapters.topic_admin import KafkaTopicAdmin
from claimx.config.load import Loaded
from claimx.config.options import Format, TopicsOptions
from claimx.config.tree import Settings
from claimx.ops import topics
from claimx.telemetry.log import configure

FOUND_SOMETHING = 3


def init(load: Callable[[], Loaded], options: TopicsOptions, output: Format) -> int:
    """Make the topics that are absent and print what was done; 3 if one was refused or would lose records.

    Raises:
        ClaimxError: the broker cannot be reached, or refuses us.
    """
    settings = load().settings
    wish = topics.Wish(
        partitions=options.partitions,
        replication_factor=options.replication_factor,
        dry_run=options.dry_run,
    )
    kafka = settings.kafka
    return _print(topics.init(_admin(settings), kafka.topics, kafka.bootstrap_servers, wish), output)


def check(load: Callable[[], Loaded], output: Format) -> int:
    """Print how the topics fit; 3 if one is absent or would lose records.

    Raises:
        ClaimxError: the broker cannot be reached, or refuses us.
    """
    settings = load().settings
    kafka = settings.kafka
    return _print(topics.check(_admin(settings), kafka.topics, kafka.bootstrap_servers), output)


def _admin(settings: Settings) -> KafkaTopicAdmin:
    log = configure(settings.log.level, settings.log.format)
    return KafkaTopicAdmin(Client(settings.kafka, f"{settings.process.instance}.topics", log))


def _print(report: topics.Report, output: Format) -> int:
    sys.stdout.write((topics.as_text(report) if output == "text" else topics.as_json(report)) + "\n")
    return 0 if report.is_good else FOUND_SOMETHING
