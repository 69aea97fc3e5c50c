"""``claimx offsets``."""

import asyncio
import sys
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from claimx.adapters.clock import WallClock
from claimx.adapters.kafka_errors import Client
from claimx.adapters.kafka_readers import topics_of
from claimx.adapters.offsets_admin import KafkaOffsetsAdmin
from claimx.app.console import print_lines, repeated
from claimx.config.load import Loaded
from claimx.config.options import Format, OffsetsGoal, Question
from claimx.config.tree import Settings
from claimx.domain.stage_names import STAGES
from claimx.ops.offsets import Group, Setting, ShowReport, set_text, show, show_text
from claimx.telemetry.log import configure

FOUND_SOMETHING = 3
CANCELLED = 7

Load = Callable[[], Loaded]
Confirm = Callable[[Question], bool]


class Look(NamedTuple):
    """Which stages to show, and how often.

    Args:
        every_s: None: once.
    """

    stages: tuple[str, ...]
    every_s: float | None


def show_offsets(load: Load, look: Look, output: Format) -> int:
    """Print where the groups are; 3: a committed offset is out of range, 130: a watch ended by Ctrl-C.

    Raises:
        ClaimxError: the broker cannot be reached, or refuses us; a topic is missing.
    """
    settings = load().settings
    admin = _admin(settings)
    groups = [_group(settings, stage) for stage in STAGES if stage in look.stages]

    async def once() -> tuple[str, int]:
        report = await asyncio.to_thread(show, admin, groups)
        return "\n".join(_lines(report, output)), 0 if report.is_good else FOUND_SOMETHING

    return asyncio.run(repeated(once, look.every_s))


def set_offsets(load: Load, goal: OffsetsGoal, confirm: Confirm, output: Format) -> int:
    """Move a group and print before and after; 7: not confirmed.

    Raises:
        OperationError: the group has members, or the topic, the partition or the offset is none of its own.
        ClaimxError: the broker cannot be reached, or refuses us; a topic is missing.
    """
    settings = load().settings
    setting = Setting(_admin(settings), _group(settings, goal.stage), goal, WallClock().now())
    report = setting.plan()
    if not goal.dry_run:
        sys.stderr.writelines(line + "\n" for line in set_text(report))
        report.cancelled = not confirm(setting.question())
        if not report.cancelled:
            setting.run()
    print_lines(set_text(report) if output == "text" else [msgspec.json.encode(report).decode()])
    return CANCELLED if report.cancelled else 0


def _lines(report: ShowReport, output: Format) -> list[str]:
    match output:
        case "text":
            return list(show_text(report))
        case "json":
            return [msgspec.json.encode(report).decode()]
        case "jsonl":
            return [msgspec.json.encode(each).decode() for each in report.groups]


def _group(settings: Settings, stage: str) -> Group:
    kafka = settings.kafka
    return Group(stage, f"{kafka.group_id}.{stage}", topics_of(stage, kafka.topics))


def _admin(settings: Settings) -> KafkaOffsetsAdmin:
    log = configure(settings.log.level, settings.log.format)
    return KafkaOffsetsAdmin(Client(settings.kafka, f"{settings.process.instance}.offsets", log))
