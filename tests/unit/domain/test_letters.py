"""Dead letters as they are read, and what a replay carries so that an event stays the same one."""

import pytest

from claimx.domain.events import decode, recorded_at
from claimx.domain.letters import DeadRecord, Place, event_again, read_letter, task_again
from claimx.domain.times import SECOND
from claimx.errors import PermanentError
from support.letters import NOW, download, enrichment, malformed

PLACE = Place("claimx.events.dlq", 1, 2)
TIMELESS = b'{"eventType": "PROJECT_CREATED", "projectId": 77}'


def record(value: bytes | None, *headers: tuple[str, bytes], key: bytes | None = None) -> DeadRecord:
    return DeadRecord(PLACE, NOW, key, value, list(headers))


def test_a_record_without_a_word_of_ours_is_a_letter_all_the_same() -> None:
    for value in (None, b"", b"\xff", b"[1]", b"[" * 100_000, b'{"project_id": {}}'):
        letter = read_letter(record(value, key=b"12"))
        assert len(letter.id) == 32
        assert (letter.died_at, letter.project_id, letter.code, letter.origin) == (NOW, "12", "", None)
    assert read_letter(record(b"{}", key=b"not a project")).project_id == ""


def test_where_a_header_stands_twice_the_last_one_is_ours() -> None:
    letter = read_letter(
        record(b"{}", ("claimx-id", b"old"), ("claimx-id", b"new"), ("claimx-attempts", b"x"))
    )
    assert (letter.id, letter.attempts) == ("new", None)


def test_project_and_media_are_read_from_tasks_and_from_events_of_both_spellings() -> None:
    for value in (b'{"projectId": 5, "mediaId": "07"}', b'{"project_id": "5", "media_id": 7}'):
        letter = read_letter(record(value))
        assert (letter.project_id, letter.media_id) == ("5", "7")
    for each in (enrichment(4), download(4)):
        letter = read_letter(DeadRecord(PLACE, NOW, each.key, each.value, each.headers))
        assert (letter.project_id, letter.media_id, letter.origin) == (
            "1004",
            "5",
            ("claimx.events.raw", 1, 4),
        )


def test_a_record_without_a_time_gets_its_id_from_when_it_first_came_however_often_it_is_replayed() -> None:
    first = decode(TIMELESS, 1, NOW, None)
    buried = malformed(1, TIMELESS)
    stamp = NOW - 3600 * SECOND
    sent = event_again(read_letter(DeadRecord(PLACE, NOW, b"k", TIMELESS, buried.headers)))
    assert recorded_at(sent.headers, NOW + 99) == stamp
    again = decode(sent.value, 9, recorded_at(sent.headers, NOW + 99), sent.headers)
    assert again.ingested_at == stamp
    assert again.event_id == decode(TIMELESS, 1, stamp, None).event_id != first.event_id


@pytest.mark.parametrize("content", [b"", b"soon", b"9" * 19, b"-99999999999999999", b"1.5"])
def test_a_time_header_that_says_nothing_useful_counts_for_nothing(content: bytes) -> None:
    assert recorded_at([("claimx-recorded-at", content)], 5) == 5


def test_what_has_no_value_cannot_go_back() -> None:
    for value, headers in ((None, []), (b"", [("claimx-value-sha256", b"00")])):
        letter = read_letter(record(value, *headers))
        for again in (
            lambda letter=letter: event_again(letter),
            lambda letter=letter: task_again(letter, NOW),
        ):
            with pytest.raises(PermanentError, match=r"^letter"):
                again()
    with pytest.raises(PermanentError, match=r"^task.malformed"):
        task_again(read_letter(record(b"[" * 100_000)), NOW)
