"""What a process of a benchmark is asked to do, as JSON on its stdin; it answers with a ``Sample``."""

from typing import Literal

import msgspec

Load = Literal["rows", "enrich", "bursts", "world", "downloads"]
"""What fills a topic: events without work, mixed ones, bursts of one project, the sandbox's feed, download tasks."""

Setting = str | int | float | list[str]


class _Job(msgspec.Struct, tag=True):
    """The tag is the name of the class."""


class Fill(_Job):
    """Fill a topic.

    Args:
        base_url: of the files of ``downloads``, ``size`` bytes each.
    """

    servers: str
    topic: str
    load: Load
    count: int
    seed: int = 1
    base_url: str = ""
    size: int = 0


class Pipeline(_Job):
    """Run the pipeline over a full topic, from the assignment of its partitions to the last offset commit.

    Args:
        topic: how far ``records`` records of it are received is how far the run has come.
        calls: a file that takes down the calls of the API.
        pids: of the servers, by name: their CPU is told as a share.
    """

    stages: list[str]
    settings: dict[str, Setting]
    topic: str
    records: int
    calls: str | None = None
    pids: dict[str, int] = {}


class Consume(_Job):
    """Consume and decode as the pipeline does, hand the batches to the event loop, and do nothing with them."""

    settings: dict[str, Setting]
    topic: str
    records: int


class BareLoop(_Job):
    """Consume and decode in a plain loop.

    Args:
        is_whole: decode as the pipeline does, the id included; else six fields.
    """

    servers: str
    topic: str
    records: int
    is_whole: bool


class Calls(_Job):
    """Make the calls of a file, with so many workers.

    Args:
        client: a bare aiohttp session, or claimx's own client without the stages around it.
    """

    client: Literal["bare", "claimx"]
    base_url: str
    token: str
    calls: str
    concurrency: int


class Fetch(_Job):
    """Download files into a directory.

    Args:
        client: ``durable`` is aiohttp and an fsync of each file.
    """

    client: Literal["aiohttp", "durable", "curl"]
    base_url: str
    size: int
    count: int
    concurrency: int
    folder: str


class Park(_Job):
    """Park rows.

    Args:
        is_alone: a transaction for each row.
    """

    path: str
    producers: int
    rows: int
    is_alone: bool


class Rest(_Job):
    """Fill a delay queue, then lease from it and wait beside it."""

    path: str
    rows: int


Job = Fill | Pipeline | Consume | BareLoop | Calls | Fetch | Park | Rest
