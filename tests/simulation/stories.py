"""What happens in one history: events, what the API says of them, what must come out."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from claimx.domain.answers import ApiAnswer, ApiRequest, GetMedia, GetProject, GetTask, GetVideos, Json
from claimx.domain.events import Event, Malformed, Tombstone
from claimx.domain.handlers.plan import Enrichment, Plan
from claimx.domain.handlers.registry import needs_project, plan_for
from claimx.domain.rows import key_of
from claimx.domain.tables import TABLES
from claimx.domain.tasks import EnrichmentTask, Origin, project_task
from claimx.errors import PermanentError, TransientError
from claimx.ports.source import Item

HOST = "https://files.example.com"
FATES = ("ok",) * 8 + ("permanent", "always")
ROW_ONLY = "PROJECT_CONVERSATION_UPDATED"
_TYPES = (
    "PROJECT_CREATED",
    "PROJECT_FILE_ADDED",
    "PROJECT_FILE_ADDED",
    "PROJECT_FILE_ADDED",
    "PROJECT_MFN_ADDED",
    "CUSTOM_TASK_ASSIGNED",
    "POLICYHOLDER_INVITED",
    "VIDEO_COLLABORATION_COMPLETED",
    ROW_ONLY,
    ROW_ONLY,
)
_SIZES = (1024, 1024, 5 * 2**20, 12 * 2**20)

_NAMELESS, _NAMELESS_SHARE, _VISIBILITY_S = "900", 0.3, 300.0


@dataclass
class Story:
    """One event: its fate, and what it owes."""

    event: Event
    fate: str = "ok"
    rows: set[tuple[str, tuple[object, ...]]] = field(default_factory=set)
    project_rows: set[tuple[str, tuple[object, ...]]] = field(default_factory=set)
    """What a pre-flight owes: this event's or another one's."""
    media: list[str] = field(default_factory=list)


class Stories:
    """All events of a history, and the API and file host that answer for them."""

    def __init__(self, rng: random.Random, until: float) -> None:
        self.rng = rng
        self.until = until
        self.events: dict[str, Story] = {}
        self.fates: dict[str, str] = {}  # by media or task id
        self.visible_at: dict[str, float] = {}
        self.bad_rows: set[str] = set()
        self.project_media: dict[str, list[str]] = {}
        self.arrivals: list[tuple[float, Callable[[int], Item]]] = []
        lots = random.Random(repr(rng.getstate()[1][:4]))  # without a draw from the history's own
        for number in range(rng.randint(8, 40)):
            self._tell(number)
        if lots.random() < _NAMELESS_SHARE:
            self._tell_of_no_file(lots)
        self.arrivals.sort(key=lambda arrival: arrival[0])

    def _tell(self, number: int) -> None:
        rng = self.rng
        project, kind = str(100 + rng.randrange(4)), rng.choice(_TYPES)
        fate, thing = rng.choice(FATES), str(1000 + number)
        event = Event(
            f"e{number}",
            kind,
            project,
            thing if kind == "PROJECT_FILE_ADDED" else None,
            thing if kind == "CUSTOM_TASK_ASSIGNED" else None,
            thing if kind == "VIDEO_COLLABORATION_COMPLETED" else None,
            f"MFN{number}" if kind == "PROJECT_MFN_ADDED" else None,
            1_768_146_000_000_000 + number,
            True,
            "{}",
            0,
            rng.choice(_SIZES),
        )
        if rng.random() < 0.02:
            fate = "deadly"
        if kind in {"PROJECT_FILE_ADDED", "CUSTOM_TASK_ASSIGNED"}:
            self.fates[f"ask:{thing}"] = fate
        else:
            fate = "ok"
        if kind == "PROJECT_FILE_ADDED":
            self.fates[f"file:{thing}"] = rng.choice(FATES)
            self.project_media.setdefault(project, []).append(thing)
            if rng.random() < 0.2:
                self.visible_at[thing] = rng.uniform(0, self.until)
        if rng.random() < 0.05:
            self.bad_rows.add(f"claimx_events/e{number}")
        story = self.events[event.event_id] = Story(event, fate)
        if event.is_enriched and fate == "ok":
            self._owe(story)
            if story.media and rng.random() < 0.05:
                self.bad_rows.add(
                    f"{rng.choice(('claimx_attachment_metadata', 'claimx_attachments'))}/{thing}"
                )
        self._arrive(event)

    def _tell_of_no_file(self, rng: random.Random) -> None:
        """Tell of a young event that names no file, in a project of its own whose files show while it looks again."""
        arrival = rng.uniform(0, 0.6 * self.until)
        things = [str(9000 + n) for n in range(rng.randint(1, 3))]
        self.project_media[_NAMELESS] = things
        for thing in things:
            self.fates[f"file:{thing}"] = rng.choice(("ok", "ok", "permanent"))
            if rng.random() < 0.5:
                self.visible_at[thing] = rng.uniform(0, arrival + _VISIBILITY_S)
        young = 2_000_000_000_000_000
        event = Event(
            "e9000", "PROJECT_FILE_ADDED", _NAMELESS, None, None, None, None, young, True, "{}", 0, 1024
        )
        story = self.events[event.event_id] = Story(event)
        self._owe(story)
        for when in (arrival, *(arrival + 20 * n for n in range(rng.choice((0, 0, 1, 2))))):
            self.arrivals.append((when, lambda offset: _at(event, offset)))

    def _arrive(self, event: Event) -> None:
        rng, when = self.rng, self.rng.uniform(0, 0.6 * self.until)
        self.arrivals.append((when, lambda offset: _at(event, offset)))
        while rng.random() < 0.2:
            when = min(self.until, when + rng.choice((0, 0.1, 3, 30)))
            self.arrivals.append((when, lambda offset: _at(event, offset)))
        if rng.random() < 0.05:
            self.arrivals.append((when, _malformed))
        if rng.random() < 0.02:
            self.arrivals.append((when, lambda offset: Tombstone(offset, 1024)))

    def _owe(self, story: Story) -> None:
        """Let the handler talk to an API without faults: its rows and downloads are what must come out."""
        event = story.event
        task = EnrichmentTask(
            event.event_id,
            event.event_type,
            event.project_id,
            event.ingested_at,
            Origin("", 0, 0),
            0,
            event.media_id,
            event.task_assignment_id,
            event.video_collaboration_id,
            event.master_file_name,
        )
        enrichment = self._played(plan_for(task, is_last_ask=False))
        story.rows = _keys(enrichment)
        story.media = [download.media_id for download in enrichment.downloads]
        if needs_project(task):
            preflight = plan_for(project_task(task, 0), is_last_ask=False)
            story.project_rows = _keys(self._played(preflight))

    def _played(self, plan: Plan) -> Enrichment:
        try:
            requests = next(plan)
            while True:
                requests = plan.send([ApiAnswer(self.body(request, 1e9), 1, 1) for request in requests])
        except StopIteration as end:
            enrichment: Enrichment = end.value
            return enrichment

    # ---- the API ----

    def answer(self, request: ApiRequest, clock: float) -> Json:
        """What the API says, or raises, at a time."""
        match request:
            case GetMedia(project_id, media_ids):
                for media_id in media_ids or self.project_media.get(project_id, ()):
                    self._fate(f"ask:{media_id}", "api")
            case GetTask(assignment_id):
                self._fate(f"ask:{assignment_id}", "api")
        return self.body(request, clock)

    def deadly_in(self, request: ApiRequest) -> set[str]:
        """The events that kill whoever asks this for their delay row."""
        match request:
            case GetMedia(project_id, media_ids):
                things = media_ids or tuple(self.project_media.get(project_id, ()))
            case GetTask(assignment_id):
                things = (assignment_id,)
            case _:
                things = ()
        return {f"e{int(thing) - 1000}" for thing in things if self.fates.get(f"ask:{thing}") == "deadly"}

    def body(self, request: ApiRequest, clock: float) -> Json:
        match request:
            case GetProject(project_id):
                return {
                    "data": {
                        "project": {
                            "projectId": int(project_id),
                            "projectNumber": f"N{project_id}",
                            "customerInformation": {
                                "firstName": "Pat",
                                "emails": [{"emailAddress": "p@example.com"}],
                            },
                        },
                        "teamMembers": [{"userName": "a@example.com", "primaryContact": True}],
                    }
                }
            case GetMedia(project_id, media_ids):
                wanted = media_ids or tuple(self.project_media.get(project_id, ()))
                return {
                    "data": [
                        {
                            "mediaID": int(m),
                            "mediaName": f"{m}.jpg",
                            "mediaType": "jpg",
                            "fullDownloadLink": f"{HOST}/{m}?sign=FAKE&systemDate=1768146000000&expires=864000000",
                        }
                        for m in wanted
                        if self.visible_at.get(m, -1.0) <= clock
                    ]
                }
            case GetTask(assignment_id):
                story = self.events[f"e{int(assignment_id) - 1000}"]
                return {
                    "assignmentId": int(assignment_id),
                    "projectId": int(story.event.project_id),
                    "status": "ASSIGNED",
                    "customTask": {"taskId": 7, "name": "Form", "modifiedDate": "2026-01-10T22:14:44Z"},
                    "externalLinkData": {
                        "linkId": int(assignment_id),
                        "email": "p@example.com",
                        "phone": "null",
                    },
                }
            case GetVideos(project_id):
                return {
                    "data": [
                        {
                            "videoCollaborationId": int(s.event.video_collaboration_id),
                            "claimId": int(project_id),
                        }
                        for s in self.events.values()
                        if s.event.video_collaboration_id and s.event.project_id == project_id
                    ]
                }

    def file(self, url: str) -> bytes:
        """The content behind a URL, or what the file host raises."""
        media_id = url.split("?", maxsplit=1)[0].rpartition("/")[2]
        self._fate(f"file:{media_id}", "file")
        return content_of(media_id)

    def _fate(self, thing: str, area: str) -> None:
        match self.fates.get(thing, "ok"):
            case "permanent":
                raise PermanentError(f"{area}.permanent", thing)
            case "always" | "deadly":
                raise TransientError(f"{area}.always", thing)


def _keys(enrichment: Enrichment) -> set[tuple[str, tuple[object, ...]]]:
    return {(row.table, key_of(TABLES[row.table], row)) for row in enrichment.rows}


def content_of(media_id: str) -> bytes:
    """The bytes of a file."""
    return f"bytes of {media_id}".encode() * (1 + int(media_id) % 3)


def _at(event: Event, offset: int) -> Event:
    return Event(*(offset if name == "offset" else getattr(event, name) for name in Event.__struct_fields__))


def _malformed(offset: int) -> Malformed:
    return Malformed("event.not_json", "", None, b"{", [], 0, offset, 1024)
