"""From bytes to an event: every spelling, and the bad inputs 1-16 of reference/operations.md 7.7."""

import json
from hashlib import sha256

import pytest

from claimx.domain.events import (
    ENRICHED_TYPES,
    EVENT_ID_HEADER,
    INGESTED_AT_HEADER,
    MAX_LABEL,
    Event,
    clean_id,
    decode,
)
from claimx.domain.times import DAY, END_OF_TIME, YEAR_1, format_time, parse_time
from claimx.errors import PoisonError

NOW = parse_time("2026-01-11T16:00:00Z") or 0
SENT = parse_time("2026-01-11T15:41:40.882Z") or 0
FLAT = {
    "eventType": "PROJECT_FILE_ADDED",
    "projectId": 5395115,
    "mediaId": 96269553,
    "taskAssignmentId": None,
    "videoCollaborationId": None,
    "masterFileName": None,
    "ingestedAt": "2026-01-11T15:41:40.882Z",
}


def read(payload: object, headers=None, timestamp: int = NOW) -> Event:
    value = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return decode(value, 7, timestamp, headers)


def flat(**fields: object) -> dict[str, object]:
    return {**FLAT, **fields}


def test_an_event_has_what_the_record_says():
    value = json.dumps(FLAT).encode()
    event = decode(value, 7, NOW, None)
    assert event.event_type == "PROJECT_FILE_ADDED"
    assert (event.project_id, event.media_id) == ("5395115", "96269553")
    assert (event.task_assignment_id, event.video_collaboration_id, event.master_file_name) == (
        None,
        None,
        None,
    )
    assert event.ingested_at == SENT
    assert event.raw_data.encode() == value
    assert event.offset == 7
    assert event.size_bytes > len(value)
    assert event.is_enriched
    assert not event.is_id_given


def test_a_made_id_is_version_one_of_its_algorithm():
    text = "18:PROJECT_FILE_ADDED7:539511516:17681461008820008:96269553~~~"
    assert read(FLAT).event_id == "v1:" + sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "payload",
    [
        flat(ingestedAt="2026-01-11T15:41:40.882+00:00"),
        flat(ingestedAt="2026-01-11T15:41:40.882"),
        flat(ingestedAt="2026-01-11 15:41:40.8820000"),
        flat(ingestedAt=" 2026-01-11T17:41:40.882+02:00 "),
        flat(projectId="5395115", mediaId="96269553"),
        flat(projectId=" 05395115 ", mediaId=96269553.0),
        flat(taskAssignmentId="", videoCollaborationId=0, masterFileName="  "),
        flat(videoCollaborationId="0", unknown={"deep": [1, 2]}),
        flat(eventType=" PROJECT_FILE_ADDED "),
        flat(event_type="", project_id=None, media_id=0, ingested_at=""),
        flat(event_type="  ", project_id=" ", media_id="0", ingested_at="soon", master_file_name=" "),
        flat(ingestedAt=None, IngestionTime="2026-01-11T15:41:40.8820000Z"),
        {
            "event_type": "PROJECT_FILE_ADDED",
            "project_id": "5395115",
            "media_id": "96269553",
            "ingested_at": "2026-01-11T15:41:40.882Z",
        },
        {"raw_data": FLAT},
        {"raw_data": json.dumps(FLAT)},
        {"event_type": None, "project_id": "", "media_id": "0", "raw_data": FLAT},
        {"event_type": "PROJECT_FILE_ADDED", "project_id": 5395115, "ingested_at": "soon", "raw_data": FLAT},
        flat(raw_data={"media_id": 7, "project_id": 8, "event_type": "OTHER", "ingested_at": "2020-01-01"}),
        flat(raw_data=None),
        flat(raw_data=5),
        flat(raw_data="not JSON"),
        flat(raw_data='{"mediaId": "\\ud800"}'),
        flat(raw_data=[1]),
        flat(raw_data={"mediaId": [1]}),
    ],
)
def test_every_spelling_of_an_event_is_the_same_event(payload: dict[str, object]):
    event, first = read(payload), read(FLAT)
    assert event.event_id == first.event_id
    assert event.ingested_at == first.ingested_at
    assert (event.project_id, event.media_id) == (first.project_id, first.media_id)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("eventType", "PROJECT_CREATED"),
        ("projectId", 5395116),
        ("mediaId", 1),
        ("mediaId", None),
        ("taskAssignmentId", 96269553),
        ("videoCollaborationId", 1),
        ("masterFileName", "0GKVCPF"),
        ("ingestedAt", "2026-01-11T15:41:40.882001Z"),
    ],
)
def test_a_difference_in_any_field_is_another_event(field: str, value: object):
    assert read(flat(**{field: value})).event_id != read(FLAT).event_id


@pytest.mark.parametrize("name", ["event_id", "eventId", "trace_id"])
@pytest.mark.parametrize("given", ["evt_12345", " evt_12345 "])
def test_an_id_that_was_sent_is_kept(name: str, given: str):
    event = read(flat(**{name: given}))
    assert event.event_id == "evt_12345"
    assert event.is_id_given


@pytest.mark.parametrize("given", [None, "", " ", 0, "0"])
def test_a_blank_or_zero_id_is_none(given: object):
    assert read(flat(event_id=given)).event_id == read(FLAT).event_id
    assert read(flat(event_id=given, trace_id="evt_1")).event_id == "evt_1"


def test_the_id_of_an_envelope_is_kept():
    envelope = {"event_id": "evt_12345", "raw_data": FLAT}
    assert read(envelope).event_id == "evt_12345"
    assert read({"raw_data": flat(trace_id="evt_9")}).event_id == "evt_9"


@pytest.mark.parametrize(
    "time", [None, "", "soon", 0, -1, 1768146100, "2026-01-11T24:00:00", "2026-13-01", "-0001-01-01"]
)
def test_without_a_usable_time_the_kafka_timestamp_stands_in(time: object):
    event = read(flat(ingestedAt=time))
    assert event.ingested_at == NOW
    assert event.event_id == read(flat(ingestedAt=format_time(NOW))).event_id
    assert not event.is_id_given


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59Z", "2026-01-12T16:00:00.000001Z"])
def test_a_time_in_the_future_is_clamped_and_the_id_made_from_it_as_sent(time: str):
    event, later = read(flat(ingestedAt=time)), read(flat(ingestedAt=time), timestamp=NOW + DAY // 2)
    assert event.ingested_at == NOW + DAY
    assert event.is_id_given
    assert event.event_id == later.event_id != read(FLAT).event_id


@pytest.mark.parametrize("time", ["1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
def test_an_old_time_is_kept(time: str):
    assert read(flat(ingestedAt=time)).ingested_at == parse_time(time)


@pytest.mark.parametrize("timestamp", [0, -1, -(10**15)])
def test_without_a_kafka_timestamp_nothing_is_clamped(timestamp: int):
    assert read(FLAT, timestamp=timestamp).ingested_at == SENT
    assert read(flat(ingestedAt=None), timestamp=timestamp).ingested_at == 0


def test_an_absurd_kafka_timestamp_still_makes_a_time_that_can_be_stored():
    assert YEAR_1 <= read(flat(ingestedAt=None), timestamp=10**21).ingested_at < END_OF_TIME


def test_a_replay_keeps_id_and_time():
    event = read(flat(ingestedAt=None))
    headers = [
        (EVENT_ID_HEADER, event.event_id.encode()),
        (INGESTED_AT_HEADER, str(event.ingested_at).encode()),
    ]
    again = read(flat(ingestedAt=None), headers, NOW + DAY * 30)
    assert (again.event_id, again.ingested_at) == (event.event_id, event.ingested_at)


def test_a_replay_keeps_a_time_before_1970():
    assert read(FLAT, [(INGESTED_AT_HEADER, b"-5")]).ingested_at == -5


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("other", b"x"), ("other", None)],
        [(INGESTED_AT_HEADER, None), (EVENT_ID_HEADER, None)],
        [(INGESTED_AT_HEADER, b""), (EVENT_ID_HEADER, b"")],
        [(INGESTED_AT_HEADER, b"9" * 5000), (EVENT_ID_HEADER, b"  ")],
        [(INGESTED_AT_HEADER, b"9" * 18)],
        [(INGESTED_AT_HEADER, b"-" + b"9" * 18)],
        [(INGESTED_AT_HEADER, b"--5")],
        [(INGESTED_AT_HEADER, "\N{ARABIC-INDIC DIGIT SEVEN}".encode())],
    ],
)
def test_useless_headers_change_nothing(headers):
    event = read(FLAT, headers)
    assert (event.event_id, event.ingested_at) == (read(FLAT).event_id, SENT)


def test_an_id_header_that_is_no_text_is_still_an_id():
    assert read(FLAT, [(EVENT_ID_HEADER, b"a\xff")]).event_id == "a\ufffd"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"", "event.not_json"),
        (b"not JSON", "event.not_json"),
        (b"\x00\x01", "event.not_json"),
        (json.dumps(FLAT).encode()[:-9], "event.not_json"),
        (b'{"eventType":"A","projectId":5,"x":"\xff"}', "event.not_json"),
        (b'{"eventType":"A","projectId":5,"x":"\\ud800"}', "event.not_json"),
        (b'\xef\xbb\xbf{"eventType":"A","projectId":5}', "event.not_json"),
        (b'{"eventType":"A","projectId":5,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "event.not_json"),
        (b'{"eventType":"A","projectId":5,"x":NaN}', "event.not_json"),
        (b'{"eventType":"A","projectId":5,"x":Infinity}', "event.not_json"),
        (b'{"eventType":"A","projectId":5} trailing', "event.not_json"),
        (b"[1]", "event.bad_field"),
        (b"5", "event.bad_field"),
        (b'"text"', "event.bad_field"),
        (b"null", "event.bad_field"),
        (b'{"eventType":5,"projectId":5}', "event.bad_field"),
        (b'{"eventType":"A","projectId":true}', "event.bad_field"),
        (b'{"eventType":"A","projectId":[5]}', "event.bad_field"),
        (b'{"eventType":"A","projectId":{}}', "event.bad_field"),
        (b'{"eventType":"A","projectId":1e999}', "event.bad_field"),
        (b'{"eventType":"A","projectId":' + b"9" * 5000 + b"}", "event.bad_field"),
        (b'{"eventType":"A","projectId":5,"mediaId":[5]}', "event.bad_field"),
        (b'{"projectId":5}', "event.no_type"),
        (b'{"eventType":"  ","projectId":5}', "event.no_type"),
        (b'{"eventType":null,"projectId":5}', "event.no_type"),
        (b'{"eventType":"' + b"A" * (MAX_LABEL + 1) + b'","projectId":5}', "event.bad_type"),
        (b'{"eventType":"A"}', "event.no_project"),
        (b'{"eventType":"A","projectId":null}', "event.no_project"),
        (b'{"eventType":"A","projectId":" "}', "event.no_project"),
        (b'{"eventType":"A","projectId":0}', "event.no_project"),
        (b'{"eventType":"A","projectId":"000"}', "event.no_project"),
        (b'{"eventType":"A","projectId":-5}', "event.bad_project"),
        (b'{"eventType":"A","projectId":5.5}', "event.bad_project"),
        (b'{"eventType":"A","projectId":1e300}', "event.bad_project"),
        (b'{"eventType":"A","projectId":"' + b"9" * 10_000 + b'"}', "event.bad_project"),
        (b'{"eventType":"A","projectId":"5/6"}', "event.bad_project"),
        (b'{"eventType":"A","projectId":".."}', "event.bad_project"),
        (b'{"eventType":"A","projectId":"5\\u0000"}', "event.bad_project"),
        ('{"eventType":"A","projectId":"\U0001f600"}'.encode(), "event.bad_project"),
        ('{"eventType":"A","projectId":"5\u202e"}'.encode(), "event.bad_project"),
        ('{"eventType":"A","projectId":"\N{ARABIC-INDIC DIGIT SEVEN}"}'.encode(), "event.bad_project"),
        (b'{"eventType":"A","projectId":5,"event_id":"' + b"x" * (MAX_LABEL + 1) + b'"}', "event.bad_id"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_event_is_poison(value: bytes, code: str):
    with pytest.raises(PoisonError) as caught:
        decode(value, 7, NOW, None)
    assert caught.value.code == code
    assert len(caught.value.detail) < 300


@pytest.mark.parametrize("media_id", ["a/b", "..", "\x00", "\U0001f600", "x" * 10_000, -5, 5.5, "9" * 10_000])
def test_a_strange_media_id_is_an_event_all_the_same(media_id: object):
    assert read(flat(mediaId=media_id)).media_id == str(media_id).strip()


def test_the_last_of_two_equal_keys_counts():
    assert decode(b'{"eventType":"A","projectId":5,"projectId":6}', 0, NOW, None).project_id == "6"


def test_a_large_event_is_an_event():
    assert read(flat(note="x" * 10_000_000)).event_id == read(FLAT).event_id


def test_a_type_that_nobody_knows_is_an_event_without_a_handler():
    event = read(flat(eventType="SOMETHING_NEW"))
    assert event.event_type == "SOMETHING_NEW"
    assert not event.is_enriched
    assert "PROJECT_CONVERSATION_UPDATED" not in ENRICHED_TYPES


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, "5"),
        ("5", "5"),
        (" 005 ", "5"),
        (5.0, "5"),
        (0, None),
        ("0", None),
        (0.0, None),
        ("", None),
        (None, None),
    ],
)
def test_numbers_and_strings_mean_the_same_id(value, expected: str | None):
    assert clean_id(value) == expected
