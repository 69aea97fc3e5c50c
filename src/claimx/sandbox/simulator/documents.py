"""The API's answers about projects, media and videos, in every shape that was met (Source: reference/domain.md 2.3).

Pure: what varies, varies by id and seed, so that the same question has the same answer in every run.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from claimx.domain.times import SECOND, Micros, to_datetime
from claimx.sandbox.simulator.words import CITIES, FIRST_NAMES, LAST_NAMES, LOSSES
from claimx.sandbox.simulator.world import Media, Project, World, chance

Json = Any
Link = Callable[[Media], str | None]

_DAY = 86_400 * SECOND
_FATES = (*["null"] * 2, *["absent"] * 2, "word", *["kept"] * 15)
_PROJECT_OPTIONAL = (
    *(
        "projectNumber",
        "mfn",
        "secondaryNumber",
        "createdDate",
        "status",
        "dateOfLoss",
        "typeOfLoss",
        "causeOfLoss",
    ),
    *(
        "lossDescription",
        "yearBuilt",
        "squareFootage",
        "dateReceived",
        "dateContacted",
        "plannedInspectionDate",
    ),
    *("dateInspected", "appointmentDate", "customAttribute1", "customAttribute2", "customAttribute3"),
    *("customExternalUniqueId", "address"),
)
_MEDIA_OPTIONAL = (
    *("mediaType", "mediaDescription", "mediaComment", "latitude", "longitude", "gpsSource", "takenDate"),
    "taskAssignmentId",
)
_VIDEO_OPTIONAL = (
    *("mfn", "claimNumber", "policyNumber", "emailUserName", "claimRepFirstName", "claimRepLastName"),
    *("claimRepFullName", "numberOfVideos", "numberOfPhotos", "numberOfViewers", "sessionCount"),
    *(
        "totalTimeSeconds",
        "totalTime",
        "liveCallFirstSession",
        "liveCallLastSession",
        "companyId",
        "companyName",
    ),
    "guid",
)
"""Without ``claimId`` and ``createdDate``: which session an event without an id means would be anybody's guess."""


def api_time(when: Micros) -> str:
    """Write a time as the API does: milliseconds and ``+00:00``."""
    return to_datetime(when).isoformat(timespec="milliseconds")


def project_document(world: World, project: Project) -> Json:
    """Answer ``GET /export/project/{id}``: wrapped in ``data`` or not; optional keys null or absent at times."""
    rng = world.draws(f"document:project:{project.project_id}")
    inner = {
        "projectId": project.project_id,
        "projectNumber": project.claim_number,
        "mfn": project.mfn if chance(rng, 0.8) else None,
        "secondaryNumber": f"POL-{rng.randrange(10**6):06d}-01",
        "createdDate": api_time(project.created_at),
        "status": rng.choice(("Active", "active", "Closed")),
        "dateOfLoss": api_time(project.created_at - 3 * _DAY),
        "typeOfLoss": rng.choice(LOSSES),
        "causeOfLoss": "Pipe Burst",
        "lossDescription": "Supply line failed under the kitchen sink",
        "yearBuilt": rng.randint(1890, 2025),
        "squareFootage": rng.randint(400, 6000),
        "dateReceived": api_time(project.created_at - 2 * _DAY),
        "dateContacted": None,
        "plannedInspectionDate": None,
        "dateInspected": None,
        "appointmentDate": None,
        "customAttribute1": f"REGION-{rng.randint(1, 9)}",
        "customAttribute2": None,
        "customAttribute3": None,
        "customExternalUniqueId": f"EXT-{project.number}",
        "customerInformation": _customer(rng, project),
        "address": _address(rng),
    }
    if inner["customerInformation"] is None and chance(rng, 0.5):
        del inner["customerInformation"]
    answer = {
        "project": thinned(rng, inner, _PROJECT_OPTIONAL),
        "teamMembers": _team(rng, project),
        "companyName": "Example Co",
    }
    answer = thinned(
        rng, answer, ("companyName",) if answer["teamMembers"] else ("companyName", "teamMembers")
    )
    return {"data": answer} if chance(rng, 0.7) else answer


def media_items(world: World, wanted: Sequence[Media], link: Link) -> list[Json]:
    """Describe files as the media list does; only the signed links differ from call to call."""
    return [_media_item(world, media, link) for media in wanted]


def list_shape(world: World, project: Project, items: list[Json], name: str) -> Json:
    """Put a list into one of the shapes: bare, in ``data``, under its own name, twice wrapped, or its only item bare.

    Args:
        name: the list's own name: ``media``, ``contacts``, ``conversations``.
    """
    rng = world.draws(f"shape:{name}:{project.project_id}:{len(items)}")
    shapes: list[Json] = [items, {"data": items}, {"data": items}, {name: items}, [{"data": items}]]
    if len(items) == 1:
        shapes += [items[0], {"data": items[0]}]
    return rng.choice(shapes)


def video_report(world: World, project: Project) -> Json:
    """Answer ``POST /data`` for VIDEO_COLLABORATION: all sessions of the project, in one of five shapes."""
    rng = world.draws(f"document:videos:{project.project_id}")
    items = [_video_item(rng, project, video) for video in project.videos]
    rng.shuffle(items)
    names = ("data", "collaborations", "videoCollaboration")
    shapes: list[Json] = [items, *({name: items} for name in names)]
    if len(items) == 1:
        shapes += [items[0], *({name: items[0]} for name in names)]
    return rng.choice(shapes)


def _customer(rng: Random, project: Project) -> Json:
    if project.email is None:
        return rng.choice((None, {"firstName": "Pat", "emails": []}, {"firstName": None, "emails": None}))
    emails = [{"emailAddress": project.email, "primary": True}]
    if chance(rng, 0.2):
        emails.insert(0, {"emailAddress": f"second.{project.project_id}@example.com", "primary": False})
    phones = [
        {"phoneNumber": f"512555{rng.randrange(10_000):04d}", "phoneCountryCode": rng.choice((1, "1", None))}
    ]
    customer = {
        "firstName": rng.choice(FIRST_NAMES),
        "lastName": rng.choice(LAST_NAMES),
        "customBusinessName": None,
        "businessLineType": rng.choice(("PERSONAL", "COMMERCIAL")),
        "emails": emails,
        "phones": rng.choice((phones, phones, [], None)),
    }
    return thinned(rng, customer, ("firstName", "lastName", "businessLineType", "customBusinessName"))


def _address(rng: Random) -> Json:
    if chance(rng, 0.1):
        return None
    address = {
        "street1": f"{rng.randint(1, 999)} Main St",
        "street2": None,
        "city": rng.choice(CITIES),
        "stateProvince": "TX",
        "zipPostcode": f"787{rng.randrange(100):02d}",
        "county": "Travis",
        "country": "US",
    }
    return thinned(rng, address, tuple(address))


def _team(rng: Random, project: Project) -> Json:
    members: list[Json] = [
        {"userName": name, "primaryContact": rng.choice((True, False, None)), "mfn": project.mfn}
        for name in project.reps
    ]
    if chance(rng, 0.1):
        members.append({"userName": "  ", "primaryContact": False, "mfn": None})
    return members or rng.choice(([], None))


def _media_item(world: World, media: Media, link: Link) -> Json:
    rng = world.draws(f"document:media:{media.media_id}")
    latitude, longitude = round(rng.uniform(-60, 60), 4), round(rng.uniform(-180, 180), 4)
    item = {
        "mediaID": media.media_id,
        "mediaType": rng.choice((media.kind, media.kind, "IMAGE" if media.kind == "jpg" else media.kind)),
        "mediaName": media.name,
        "mediaDescription": rng.choice(("Kitchen, under sink", None, "")),
        "mediaComment": None,
        "latitude": rng.choice((str(latitude), latitude, None, "null")),
        "longitude": rng.choice((str(longitude), longitude, None)),
        "gpsSource": rng.choice(("DEVICE", None)),
        "takenDate": rng.choice(("2026-01-11T15:40:58.000+00:00", "2026-01-11", None)),
        "taskAssignmentId": None,
    }
    return {**thinned(rng, item, _MEDIA_OPTIONAL), "fullDownloadLink": link(media)}


def _video_item(rng: Random, project: Project, video: int) -> Json:
    started = project.created_at + (1 + project.videos.index(video)) * _DAY
    name = "videoCollaborationId" if chance(rng, 0.8) else "id"
    item = {
        name: video,
        "claimId": project.project_id,
        "mfn": project.mfn,
        "claimNumber": project.claim_number,
        "policyNumber": None,
        "emailUserName": "adjuster@example.com",
        "claimRepFirstName": "Sam",
        "claimRepLastName": "Rep",
        "claimRepFullName": rng.choice(("Sam Rep", None)),
        "numberOfVideos": 1,
        "numberOfPhotos": rng.randrange(30),
        "numberOfViewers": 3,
        "sessionCount": rng.randint(1, 4),
        "totalTimeSeconds": rng.choice((1234.567, "1234.567", 60, None)),
        "totalTime": "20:34",
        "createdDate": api_time(started),
        "liveCallFirstSession": api_time(started + 70 * SECOND),
        "liveCallLastSession": api_time(started + 1244 * SECOND),
        "companyId": 9680,
        "companyName": "Example Co",
        "guid": f"{rng.getrandbits(32):08x}-0000-4000-8000-{rng.getrandbits(48):012x}",
    }
    return thinned(rng, item, _VIDEO_OPTIONAL)


def thinned(rng: Random, values: dict[str, Json], optional: Sequence[str]) -> dict[str, Json]:
    """Turn some optional keys to null, leave some out, and write some texts as the word ``null``."""
    thin = dict(values)
    for name in optional:
        fate = rng.choice(_FATES)
        if fate == "null":
            thin[name] = None
        elif fate == "absent":
            del thin[name]
        elif fate == "word" and isinstance(thin[name], str):
            thin[name] = "null"
    return thin
