"""The simulated world: the same for the same seed, and with everything in it that has ever hurt."""

import json
import subprocess
import sys
from collections import Counter
from hashlib import sha256

import pytest

from claimx.domain.events import ENRICHED_TYPES, decode
from claimx.errors import PoisonError
from claimx.sandbox.simulator.documents import list_shape, media_items, project_document, video_report
from claimx.sandbox.simulator.happenings import happenings
from claimx.sandbox.simulator.records import NOISE, records
from claimx.sandbox.simulator.task_document import task_document
from claimx.sandbox.simulator.world import BEGINNING, LARGEST, World

EVENTS = 500


def digest_of_feed(seed: int) -> str:
    return sha256(repr(list(records(World(seed), EVENTS))).encode()).hexdigest()


def decoded(seed: int = 1, events: int = EVENTS):
    for record in records(World(seed), events):
        if record.value is not None:
            try:
                yield decode(record.value, 0, (record.timestamp_ms or BEGINNING // 1000) * 1000, None)
            except PoisonError:
                continue


def test_the_feed_is_the_same_in_another_process() -> None:
    code = (
        "from hashlib import sha256; from claimx.sandbox.simulator.records import records;"
        "from claimx.sandbox.simulator.world import World;"
        f"print(sha256(repr(list(records(World(3), {EVENTS}))).encode()).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=30
    )
    assert other.stdout.strip() == digest_of_feed(3)


def test_another_seed_is_another_feed() -> None:
    assert digest_of_feed(1) != digest_of_feed(2)


@pytest.mark.parametrize("events", [1, 20, EVENTS, 3000])
def test_a_feed_has_exactly_the_events_that_were_asked_for(events: int) -> None:
    assert len({event.event_id for event in decoded(events=events)}) == events


def test_every_type_occurs_and_files_are_the_most_common() -> None:
    types = Counter(event.event_type for event in decoded())
    assert types.keys() > ENRICHED_TYPES
    assert types.most_common(1)[0][0] == "PROJECT_FILE_ADDED"


def test_copies_of_an_event_keep_its_id_however_they_are_spelled() -> None:
    spellings: dict[str, set[str]] = {}
    copies: Counter[str] = Counter()
    for event in decoded(events=2000):
        spellings.setdefault(event.event_id, set()).add(event.raw_data)
        copies[event.event_id] += 1
    assert max(copies.values()) == 11
    assert any(len(texts) > 1 for texts in spellings.values())
    assert any(copies[event_id] > len(texts) for event_id, texts in spellings.items())


def test_every_spelling_occurs() -> None:
    values = [record.value for record in records(World(1), EVENTS) if record.value]
    rows = [json.loads(value) for value in values if value not in NOISE]
    assert any("raw_data" in row and isinstance(row["raw_data"], str) for row in rows)
    assert any("raw_data" in row and "event_id" in row for row in rows)
    assert any("raw_data" in row and not {"event_id", "trace_id", "eventId"} & row.keys() for row in rows)
    assert any("IngestionTime" in row for row in rows)
    assert any(row.get("mediaId", 0) is None for row in rows)
    assert any(isinstance(row.get("projectId"), str) for row in rows)
    assert any(isinstance(row.get("projectId"), int) for row in rows)
    times = {str(row.get("ingestedAt") or row.get("ingested_at")) for row in rows}
    assert any(time.endswith("Z") for time in times)
    assert any(time.endswith("+00:00") for time in times)
    assert any(" " in time and len(time) == len("2026-01-11 15:30:00.1230000") for time in times)
    assert any("T" in time and not time.endswith(("Z", "+00:00")) for time in times)
    assert "None" in times  # no time at all: the record's own stands in


def test_every_kind_of_noise_occurs() -> None:
    values = {record.value for record in records(World(1), EVENTS)}
    assert values >= set(NOISE)


def test_something_happens_before_its_project_is_created() -> None:
    firsts = {happenings(World(1), number)[0].event_type for number in range(20)}
    assert "PROJECT_CREATED" in firsts
    assert len(firsts) > 1


@pytest.mark.parametrize("number", [0, 1, 17, 4321])
def test_everything_is_found_again_by_its_id(number: int) -> None:
    world = World(1)
    project = world.project(number)
    assert world.project_of(project.project_id) == project
    assert world.project_of_claim(project.claim_number) == project
    assert all(world.media(media.media_id) == media for media in project.media)
    assert all(world.task(task.assignment_id) == task for task in project.tasks)


@pytest.mark.parametrize("project_id", [0, 1, 5_000_004, -7])
def test_an_id_that_is_nobodys_is_not_found(project_id: int) -> None:
    assert World(1).project_of(project_id) is None
    assert World(1).media(project_id) is None
    assert World(1).task(project_id) is None


@pytest.mark.parametrize(("kind", "magic"), [("jpg", b"\xff\xd8\xff"), ("pdf", b"%PDF-"), ("mp4", b"ftyp")])
def test_contents_are_deterministic_and_of_their_kind(kind: str, magic: bytes) -> None:
    world = World(1)
    media = next(m for number in range(50) for m in world.project(number).media if m.kind == kind)
    content = world.content(media)
    assert magic in content[:12]
    assert len(content) == media.size
    assert content == World(1).content(media)
    assert content != World(2).content(media)


def test_sizes_go_from_a_kilobyte_to_past_the_spool_limit() -> None:
    sizes = [media.size for number in range(70) for media in World(1).project(number).media]
    assert min(sizes) >= 1024
    assert 2 <= sum(size > 1024 * 1024 for size in sizes) <= 10
    assert max(sizes) >= LARGEST


def test_names_are_hostile_missing_or_twice_in_a_project() -> None:
    projects = [World(1).project(number) for number in range(70)]
    names = [media.name for project in projects for media in project.media]
    assert None in names
    assert any(name and ".." in name for name in names)
    assert any(name and not name.isascii() for name in names)
    assert any(max(Counter(media.name for media in project.media).values()) > 1 for project in projects)


def test_every_shape_of_an_answer_occurs() -> None:
    world = World(1)
    projects = [world.project(number) for number in range(200)]
    documents = [project_document(world, project) for project in projects]
    assert {"data" in document for document in documents} == {True, False}
    inner = [document.get("data", document)["project"] for document in documents]
    assert any(project["customerInformation"] is None for project in inner)
    assert any(project["address"] is None for project in inner)
    shapes = {
        shape_of(list_shape(world, project, media_items(world, project.media[:1], lambda _: "x"), "media"))
        for project in projects
    }
    assert shapes == {"list", "data of list", "media of list", "list of data", "object", "data of object"}
    videos = {shape_of(video_report(world, project)) for project in projects if project.videos}
    assert {"list", "data of list", "collaborations of list", "videoCollaboration of list"} <= videos


def shape_of(document) -> str:
    if isinstance(document, list):
        return "list of data" if document and "data" in document[0] else "list"
    name = next(iter(document))
    if name not in {"data", "media", "collaborations", "videoCollaboration"}:
        return "object"
    return f"{name} of {'list' if isinstance(document[name], list) else 'object'}"


def test_some_task_answers_are_as_long_as_the_captured_one() -> None:
    world = World(1)
    tasks = [task for number in range(30) for task in world.project(number).tasks]
    documents = [task_document(world, task) for task in tasks]
    long = [document for document in documents if len(json.dumps(document)) > 150_000]
    assert long
    assert all(len(document["response"]["groups"]) == 23 for document in long)
    assert any(document["customTask"] is None for document in documents)
    links = [document["externalLinkData"] for document in documents]
    assert None in links
    assert any(link and link["phone"] == "null" for link in links)
