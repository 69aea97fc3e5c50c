"""The simulated world: the same for the same seed, and with everything in it that has ever hurt."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256

import pytest

from claimx.domain.answers import video_items
from claimx.domain.events import ENRICHED_TYPES, decode
from claimx.errors import PoisonError
from claimx.sandbox.simulator.documents import list_shape, media_items, project_document, video_report
from claimx.sandbox.simulator.happenings import happenings
from claimx.sandbox.simulator.records import NOISE, records
from claimx.sandbox.simulator.task_document import task_document
from claimx.sandbox.simulator.world import BEGINNING, LARGEST, MEGABYTE, World

EVENTS = 500
MEDIA_OPTIONAL = {
    *("mediaType", "mediaDescription", "mediaComment", "latitude", "longitude", "gpsSource", "takenDate"),
    "taskAssignmentId",
}
VIDEO_OPTIONAL = {
    "mfn",
    "policyNumber",
    "emailUserName",
    "sessionCount",
    "totalTimeSeconds",
    "companyName",
    "guid",
}
TASK_NEEDED = {"assignmentId", "taskId", "projectId", "status", "externalLinkData", "customTask", "response"}
LINK_OPTIONAL = {
    "firstName",
    "lastName",
    "phone",
    "phoneCountryCode",
    "notificationAccessMethod",
    "linkCode",
    "url",
}
TEMPLATE_OPTIONAL = {"name", "modifiedDate", "modifiedBy", "enabled", "description", "formId"}


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
    assert any(project.get("customerInformation", 0) is None for project in inner)
    assert any(project.get("address", 0) is None for project in inner)
    shapes = {
        shape_of(list_shape(world, project, media_items(world, project.media[:1], lambda _: "x"), "media"))
        for project in projects
    }
    assert shapes == {"list", "data of list", "media of list", "list of data", "object", "data of object"}
    videos = {shape_of(video_report(world, project)) for project in projects if project.videos}
    assert {"list", "data of list", "collaborations of list", "videoCollaboration of list"} <= videos


def fates(documents: Iterable[dict], optional: Iterable[str]) -> dict[str, set[str]]:
    """What became of each optional key: kept, null, absent."""
    found = {name: set() for name in optional}
    for document in documents:
        for name, seen in found.items():
            seen.add("absent" if name not in document else "null" if document[name] is None else "kept")
    return found


def test_every_optional_key_is_null_at_times_and_absent_at_times() -> None:
    world = World(1)
    projects = [world.project(number) for number in range(600)]
    answers = [body.get("data", body) for body in (project_document(world, each) for each in projects)]
    inner = [answer["project"] for answer in answers]
    tasks = [task_document(world, task) for each in projects for task in each.tasks]
    groups = {
        "answer": (answers, {"teamMembers", "companyName"}),
        "project": (inner, {*inner[0], "customerInformation", "address", "status"} - {"projectId"}),
        "media": (
            media_items(world, [m for each in projects for m in each.media], lambda _: "x"),
            MEDIA_OPTIONAL,
        ),
        "video": (
            [item for each in projects if each.videos for item in video_items(video_report(world, each))],
            VIDEO_OPTIONAL,
        ),
        "task": (tasks, {name for task in tasks for name in task} - TASK_NEEDED),
        "link": ([task["externalLinkData"] for task in tasks if task["externalLinkData"]], LINK_OPTIONAL),
        "template": ([task["customTask"] for task in tasks if task["customTask"]], TEMPLATE_OPTIONAL),
    }
    for name, (documents, optional) in groups.items():
        for key, seen in fates(documents, optional).items():
            assert {"null", "absent"} <= seen, f"{name}.{key}: {seen}"
    texts = json.dumps([inner, tasks])
    assert texts.count('"null"') > 100


def test_the_ids_are_never_null() -> None:
    world = World(1)
    for number in range(200):
        project = world.project(number)
        body = project_document(world, project)
        assert body.get("data", body)["project"]["projectId"] == project.project_id
        for media in media_items(world, project.media, lambda _: "x"):
            assert isinstance(media["mediaID"], int)
        for task in (task_document(world, task) for task in project.tasks):
            assert isinstance(task["assignmentId"], int)
            assert task["customTask"] is None or isinstance(task["customTask"]["taskId"], int)


def test_a_template_is_the_same_in_every_task() -> None:
    world = World(1)
    tasks = [task_document(world, task) for number in range(300) for task in world.project(number).tasks]
    templates = [json.dumps(task["customTask"]) for task in tasks if task["customTask"]]
    assert len(set(templates)) == len({json.loads(template)["taskId"] for template in templates})


@pytest.mark.parametrize(
    "part", ["/", "\\", ":", "..", "%2F", "ф", "写", "e\u0301", "\u202e", "\0", "\n", "😀", "?", "CON"]
)
def test_a_hostile_name_of_every_kind_is_handed_out(part: str) -> None:
    names = [media.name or "" for number in range(400) for media in World(1).project(number).media]
    assert any(part.lower() in name.lower() for name in names)


def test_a_project_may_have_several_video_sessions() -> None:
    assert max(len(World(1).project(number).videos) for number in range(50)) == 3


@pytest.mark.parametrize("size", [3, 1000, MEGABYTE, MEGABYTE + 1, 3 * MEGABYTE + 17])
def test_a_large_file_is_the_same_whole_and_from_any_byte_on(size: int) -> None:
    world = World(1)
    media = world.project(0).media[0]
    whole = b"".join(world.pieces(media, size))
    assert len(whole) == size
    assert whole == b"".join(World(1).pieces(media, size))
    assert b"\x00\x00\x00\x18ftypmp42".startswith(whole[:12])
    for first in (1, size // 2, size - 1, max(size - MEGABYTE, 0)):
        assert b"".join(world.pieces(media, size, first)) == whole[first:]


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
    assert any(link and link.get("phone") == "null" for link in links)
