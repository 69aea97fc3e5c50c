"""``claimx trace``."""

from collections.abc import Callable
from contextlib import ExitStack

from claimx.adapters.clock import WallClock
from claimx.adapters.delay_reader import SqliteDelayFiles
from claimx.adapters.dlq_marks import KafkaMarkStore
from claimx.adapters.dlq_reader import KafkaLetterLog
from claimx.adapters.file_reader import StoredFiles
from claimx.adapters.kafka_errors import Client
from claimx.adapters.lake_scan import PinnedTables
from claimx.adapters.lake_story import DeltaStory
from claimx.adapters.topic_reader import KafkaPositions
from claimx.app.console import print_lines
from claimx.app.verify import event_group
from claimx.config.load import Loaded
from claimx.config.options import Format, TraceKind
from claimx.config.tree import Settings
from claimx.ops.dlq import Desk, Watch
from claimx.ops.dlq_watch import TerminalWatch
from claimx.ops.trace import Archive, trace
from claimx.ops.trace_story import as_json, as_jsonl, as_text
from claimx.telemetry.log import configure


def tell(load: Callable[[], Loaded], id_: str, kind: TraceKind | None, output: Format) -> int:
    """Print the story of an id.

    Raises:
        OperationError: it is unknown everywhere, or the beginning of several.
        ClaimxError: Kafka, the lake, the files or a delay queue cannot be read.
    """
    settings = load().settings
    with ExitStack() as stack:
        watch = stack.enter_context(TerminalWatch())
        archive = _archive(settings, stack, watch)
        told = trace(archive, id_) if kind is None else trace(archive, id_, [kind])
    match output:
        case "text":
            print_lines(as_text(told))
        case "json":
            print_lines([as_json(told)])
        case "jsonl":
            print_lines(as_jsonl(told))
    return 0


def _archive(settings: Settings, stack: ExitStack, watch: Watch) -> Archive:
    kafka, clock = settings.kafka, WallClock()
    client = Client(
        kafka, f"{settings.process.instance}.trace", configure(settings.log.level, settings.log.format)
    )
    log = KafkaLetterLog(client)
    stack.callback(log.close)
    store = KafkaMarkStore(client, clock)
    stack.callback(store.close)
    tables = PinnedTables(settings.lake)
    return Archive(
        lake=DeltaStory(tables),
        log=log,
        positions=KafkaPositions(client),
        delay=SqliteDelayFiles(settings.process.state_dir),
        files=StoredFiles(settings.lake, tables),
        desk=Desk(log, store, sorted(set(kafka.topics.dead_letters.values())), watch),
        events=event_group(kafka),
        watch=watch,
        now=clock.now(),
    )
