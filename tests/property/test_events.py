"""One event has one id, however it is spelled; two events never share one."""

import json
from collections.abc import Mapping
from datetime import timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from claimx.domain.events import Event, decode, make_event_id
from claimx.domain.times import SECOND, parse_time, to_datetime
from claimx.errors import PoisonError

NOW = parse_time("2026-06-01T00:00:00Z") or 0
IDS = st.none() | st.integers(1, 10**18 - 1)
TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda text: text.strip() == text
)
TIMES = st.integers(0, NOW) | st.integers(0, NOW // SECOND).map(lambda seconds: seconds * SECOND)
NAMES = {
    "event_type": ("event_type", "eventType"),
    "project_id": ("project_id", "projectId"),
    "media_id": ("media_id", "mediaId"),
    "task_assignment_id": ("task_assignment_id", "taskAssignmentId"),
    "video_collaboration_id": ("video_collaboration_id", "videoCollaborationId"),
    "master_file_name": ("master_file_name", "masterFileName"),
    "ingested_at": ("ingested_at", "ingestedAt", "IngestionTime"),
}
FACTS = st.fixed_dictionaries(
    {
        "event_type": st.sampled_from(["PROJECT_CREATED", "PROJECT_FILE_ADDED", "A", "7:A"]),
        "project_id": st.integers(1, 10**18 - 1),
        "media_id": IDS,
        "task_assignment_id": IDS,
        "video_collaboration_id": IDS,
        "master_file_name": TEXTS,
        "ingested_at": TIMES,
    }
)


JUNK = st.sampled_from([None, 5, "", "no JSON", [], {}, {"note": 1}])


@st.composite
def spelled(draw: st.DrawFn, facts: Mapping[str, object]) -> bytes:
    """Write the facts in one of the ways that senders use."""
    record: dict[str, object] = {}
    for meaning, value in facts.items():
        names = list(draw(st.permutations(NAMES[meaning])))
        for blank in draw(st.lists(st.sampled_from([None, "", "  "]), max_size=len(names) - 1)):
            record[names.pop()] = blank
        record[names.pop()] = draw(spelling(meaning, value))
    for unknown in draw(st.lists(st.sampled_from(["x", "note", "zzz"]), unique=True)):
        record[unknown] = [1, {"deep": None}]
    keys = draw(st.permutations(list(record)))
    shuffled = {key: record[key] for key in keys}
    match draw(st.sampled_from(["flat", "envelope", "fields and envelope"])):
        case "envelope":
            shuffled = {"raw_data": json.dumps(shuffled) if draw(st.booleans()) else shuffled}
        case "fields and envelope":
            shuffled = {**shuffled, "raw_data": draw(JUNK) if draw(st.booleans()) else shuffled}
    return json.dumps(shuffled, ensure_ascii=draw(st.booleans())).encode()


def spelling(meaning: str, value: object) -> st.SearchStrategy[object]:
    """Write one fact."""
    if value is None:
        return st.sampled_from([None, "", "  "] + ([0, "0", 0.0] if meaning.endswith("_id") else []))
    if meaning == "ingested_at" and isinstance(value, int):
        return st.builds(
            written_time,
            st.just(value),
            st.sampled_from(
                ["Z", "+00:00", "+02:00", "-07:30", "naive", "blank", "seven", "blank seven", "short"]
            ),
        )
    if isinstance(value, int):
        ways: list[object] = [value, str(value), f" 0{value} "]
        return st.sampled_from([*ways, float(value)] if value < 2**53 else ways)
    return st.sampled_from([value, f"  {value}\t"])


def written_time(micros: int, way: str) -> str:
    """Write a time in one of the ways that senders use."""
    when = to_datetime(micros)
    text = when.isoformat(timespec="microseconds").removesuffix("+00:00")
    ways = {
        "Z": f"{text}Z",
        "naive": text,
        "blank": text.replace("T", " "),
        "seven": f"{text}9Z",
        "blank seven": f"{text.replace('T', ' ')}0",
        "short": f"{text.rstrip('0').rstrip('.')}Z",
    }
    if way in ways:
        return ways[way]
    sign, hours, minutes = (-1 if way[0] == "-" else 1), int(way[1:3]), int(way[4:])
    return when.astimezone(timezone(sign * timedelta(hours=hours, minutes=minutes))).isoformat()


@given(st.data(), FACTS)
def test_any_spelling_of_one_event_has_the_same_id(data: st.DataObject, facts: dict[str, object]):
    events = [decode(data.draw(spelled(facts)), 0, NOW, None) for _ in range(3)]
    assert len({event.event_id for event in events}) == 1
    assert len({event.ingested_at for event in events}) == 1
    assert {event.master_file_name for event in events} == {facts["master_file_name"]}


@given(st.data(), FACTS, FACTS)
def test_an_event_that_differs_in_one_fact_is_another_event(data: st.DataObject, facts, others):
    fact = data.draw(st.sampled_from(list(NAMES)))
    changed = facts | {fact: others[fact]}
    one, other = (decode(data.draw(spelled(told)), 0, NOW, None) for told in (facts, changed))
    assert (one.event_id == other.event_id) is (facts == changed)


@given(st.data(), FACTS, TIMES, st.sampled_from(["event_id", "eventId", "trace_id"]))
def test_an_id_that_was_sent_is_the_event_s_whatever_its_time(data: st.DataObject, facts, other_time, name):
    sent = []
    for told in (facts, facts | {"ingested_at": other_time}):
        record = json.loads(data.draw(spelled(told)))
        sent.append(decode(json.dumps(record | {name: " evt_1 "}).encode(), 0, NOW, None))
    assert {(event.event_id, event.is_id_given) for event in sent} == {("evt_1", True)}


FIELD = st.none() | st.text("0123456789:~v|", min_size=1, max_size=6)
RAW_FACTS = st.tuples(
    st.text("01:~A", min_size=1, max_size=4), st.text("01:~", min_size=1, max_size=4), FIELD, FIELD, FIELD, FIELD,
    st.integers(0, 99),
)  # fmt: skip


@given(RAW_FACTS, RAW_FACTS)
def test_no_separator_makes_two_events_collide(one: tuple[str, ...], two: tuple[str, ...]):
    assert (made_id(*one) == made_id(*two)) is (one == two)


@given(RAW_FACTS, st.integers(0, 4), st.integers(0, 12))
def test_no_letter_moves_from_one_field_to_the_next_unseen(one: tuple[str, ...], field: int, cut: int):
    text = (one[field] or "") + (one[field + 1] or "")
    other = (*one[:field], text[:cut] or None, text[cut:] or None, *one[field + 2 :])
    if None not in other[:2]:
        assert (made_id(*one) == made_id(*other)) is (one == other)


def made_id(kind, project, media, task, video, name, sent) -> str:
    event = Event("", kind, project, media, task, video, name, 0, False, "", 0, 0)
    return make_event_id(event, sent)


LETTERS = st.text("a05 -.:T\x00\u00e9\U0001f600\ud800", max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | LETTERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LETTERS, inner, max_size=3),
    max_leaves=4,
)
KEYS = st.sampled_from(
    [name for names in NAMES.values() for name in names] + ["raw_data", "event_id", "trace_id"]
)
HEADERS = st.none() | st.lists(
    st.tuples(
        st.sampled_from(["claimx-event-id", "claimx-ingested-at", "x"]),
        st.none() | st.binary(max_size=30) | st.integers().map(lambda number: str(number).encode()),
    ),
    max_size=3,
)


@given(st.dictionaries(KEYS, JSON).map(lambda record: json.dumps(record).encode()) | st.binary(), HEADERS)
def test_any_bytes_are_an_event_or_poison_and_nothing_else(value: bytes, headers):
    try:
        event = decode(value, 0, NOW, headers)
    except PoisonError:
        return
    assert event.event_id
    assert event.event_type.strip() == event.event_type != ""
    assert event.project_id.isdigit()
    assert to_datetime(event.ingested_at) <= to_datetime(NOW + 86_400_000_000)
    for text in (event.event_id, event.media_id, event.master_file_name, event.raw_data):
        (text or "").encode()
