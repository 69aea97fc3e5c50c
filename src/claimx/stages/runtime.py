"""What every stage needs from around it."""

from dataclasses import dataclass

from claimx.ports.clock import Clock, Luck
from claimx.stages.progress import Board
from claimx.stages.redo import Redo
from claimx.telemetry.counters import Counters
from claimx.telemetry.log import Log


@dataclass(frozen=True, slots=True)
class Runtime:
    """Time, luck, the log, the totals, each stage's progress, and the way in which durable writes are done again."""

    clock: Clock
    luck: Luck
    log: Log
    redo: Redo
    counters: Counters
    board: Board
