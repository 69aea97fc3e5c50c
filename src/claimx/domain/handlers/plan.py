"""What a handler is: a conversation without I/O."""

from collections.abc import Generator, Sequence
from typing import NamedTuple

from claimx.domain.answers import ApiAnswer, ApiRequest
from claimx.domain.rows import Row
from claimx.domain.tasks import DownloadTask


class Enrichment(NamedTuple):
    """What an event becomes: rows for the entity tables, and files to download."""

    rows: Sequence[Row]
    downloads: Sequence[DownloadTask] = ()


Plan = Generator[Sequence[ApiRequest], Sequence[ApiAnswer], Enrichment]
"""A plan yields requests that may be sent together, receives their answers in the same order, and returns.

It raises NotFoundError when the API does not show what the event is about (yet), and PermanentError when no answer can
ever help.
"""
