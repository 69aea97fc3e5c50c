"""What a handler is: a conversation without I/O."""

from collections.abc import Generator, Sequence
from typing import NamedTuple

from claimx.domain.answers import ApiAnswer, ApiRequest
from claimx.domain.rows import Row
from claimx.domain.tasks import DownloadTask


class Enrichment(NamedTuple):
    """What an event becomes: rows for the entity tables, and files to download.

    Args:
        refers_to: a project that the rows are of, and that is not the event's: its row goes before them.
        seen: all media that the project showed to an event that names none. While the event is young the API may not
            show yet what it is about, and is asked again.
    """

    rows: Sequence[Row]
    downloads: Sequence[DownloadTask] = ()
    refers_to: str | None = None
    seen: tuple[str, ...] | None = None


Plan = Generator[Sequence[ApiRequest], Sequence[ApiAnswer], Enrichment]
"""A plan yields requests that may be sent together, receives their answers in the same order, and returns.

It raises NotFoundError when the API does not show what the event is about (yet), and PermanentError when no answer can
ever help.
"""
