"""The envelope of records that cannot be read."""

import pytest

from claimx.domain.dead_letter import of_record
from claimx.domain.events import Malformed
from claimx.domain.tasks import Origin

ORIGIN = Origin("t", 1, 7)


def buried(stage: str, value: bytes) -> bytes:
    record = Malformed("task.malformed", "", b"k", value, [("h", b"1")], 0, 7, 100)
    return of_record(stage, record, ORIGIN, 1_768_146_000_000_000).value


@pytest.mark.parametrize("value", [b"\xff\x00", b'{"u":"https://x/y?sign=FAKE"}', b""])
def test_a_raw_record_is_kept_byte_for_byte(value: bytes) -> None:
    assert buried("ingest", value) == value


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b'{"kind":"x","url":"https://x/y?sign=FAKE&e=1","a":1}', b'{"kind":"x","url":"https://x/y","a":1}'),
        (b'{"url":"https:\\/\\/x\\/y?sign=FAKE"}', b'{"url":"https:\\/\\/x\\/y"}'),
        (b"HTTP://x?X-Amz-Signature=FAKE \xff", b"HTTP://x \xff"),
        (b"no url? here", b"no url? here"),
    ],
)
def test_a_record_of_a_pending_topic_loses_the_queries_of_its_urls(value: bytes, kept: bytes) -> None:
    assert buried("download", value) == kept
