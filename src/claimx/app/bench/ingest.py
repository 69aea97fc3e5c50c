"""``claimx bench ingest``: from Kafka to claimx_events, no API; and its first part, consume and decode."""

from claimx.app.bench import jobs
from claimx.app.bench.rig import Rig
from claimx.app.bench.turns import Opponent, Turns
from claimx.config.options import BenchOptions
from claimx.errors import ConfigError
from claimx.ops.bench.figures import Contest

_EMBEDDED_MAX = 300_000
_TARGET = 0.75


async def ingest(options: BenchOptions, rig: Rig, turns: Turns) -> None:
    """Fill a topic once; each measurement reads it with a group of its own.

    Raises:
        ConfigError: more events than the embedded broker keeps.
    """
    if options.broker is None and options.items > _EMBEDDED_MAX:
        raise ConfigError(
            f"the embedded broker keeps 5 MB for each partition: at most {_EMBEDDED_MAX:,} events; use --broker for more"
        )
    await rig.start_broker(["rows"])
    topic = rig.topic("rows")
    records = await rig.fill("rows", topic, options.items)

    def bare(*, is_whole: bool) -> jobs.BareLoop:
        return jobs.BareLoop(servers=rig.servers, topic=topic, records=records, is_whole=is_whole)

    six = Opponent(
        Contest(name="a bare loop that decodes six fields", of="cpu"),
        lambda: rig.measured(bare(is_whole=False)),
    )
    whole = Opponent(
        Contest(name="a bare loop that decodes as claimx does", of="cpu", target=_TARGET),
        lambda: rig.measured(bare(is_whole=True)),
    )
    await turns.point(
        {"path": "consume and decode"},
        lambda: rig.measured(
            jobs.Consume(settings=rig.settings(topic, rig.folder()), topic=topic, records=records)
        ),
        [whole, six],
    )
    await turns.point(
        {"path": "to claimx_events"},
        lambda: rig.measured(
            jobs.Pipeline(
                stages=["ingest", "enrich", "download", "upload"],
                settings=rig.settings(topic, rig.folder()),
                topic=topic,
                records=records,
                pids=rig.pids,
            )
        ),
        [six],
    )
