"""How the memory of the process is shared out."""

from typing import NamedTuple

ANSWER_BYTES = 1024 * 1024
"""What a conversation that gets an answer of its own holds; a larger answer is read while no other large one is."""

SHARED_ANSWER_BYTES = 128 * 1024
"""What a conversation holds whose answers serve its neighbours too: a project, a list of media or videos."""

_PREFETCH_MAX_BYTES = 32 * 1024 * 1024
_PREFETCH_COPIES = 3
"""The prefetch may exist three times: in librdkafka, in the batch being decoded, and in the batch being admitted."""


class Shares(NamedTuple):
    """Bytes for each use; together they are ``limits.memory_bytes``.

    Args:
        prefetch: bound of librdkafka's queue.
        intake: events from admission to settlement.
        api: answers of the API.
        files: files that pass as bytes.
    """

    prefetch: int
    intake: int
    api: int
    files: int


def share_out(memory_bytes: int) -> Shares:
    """Share ``memory_bytes`` out: an eighth for answers, a quarter for files, the prefetch counted in."""
    prefetch = min(_PREFETCH_MAX_BYTES, memory_bytes // 16)
    api, files = memory_bytes // 8, memory_bytes // 4
    return Shares(prefetch, memory_bytes - _PREFETCH_COPIES * prefetch - api - files, api, files)
