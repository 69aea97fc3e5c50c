"""claimx_video_collab."""

from collections.abc import Sequence

import msgspec

from claimx.domain.answers import Json
from claimx.domain.coerce import decimal_text, id_text, integer, link, text, time
from claimx.domain.entities.fields import Body, Field, Said, full, partial, pick
from claimx.domain.rows import Row, Value

TABLE = "claimx_video_collab"

_VIDEO: tuple[Field, ...] = (
    ("claim_id", "claimId", integer),
    ("mfn", "mfn", text),
    ("claim_number", "claimNumber", text),
    ("policy_number", "policyNumber", text),
    ("email_user_name", "emailUserName", text),
    ("claim_rep_first_name", "claimRepFirstName", text),
    ("claim_rep_last_name", "claimRepLastName", text),
    ("claim_rep_full_name", "claimRepFullName", text),
    ("number_of_videos", "numberOfVideos", integer),
    ("number_of_photos", "numberOfPhotos", integer),
    ("number_of_viewers", "numberOfViewers", integer),
    ("session_count", "sessionCount", integer),
    ("total_time_seconds", "totalTimeSeconds", decimal_text),
    ("total_time", "totalTime", text),
    ("created_date", "createdDate", time),
    ("live_call_first_session", "liveCallFirstSession", time),
    ("live_call_last_session", "liveCallLastSession", time),
    ("company_id", "companyId", integer),
    ("company_name", "companyName", text),
    ("guid", "guid", text),
)


def collaboration_id_of(item: Body) -> int | None:
    """Return the id of a collaboration; None where it has none."""
    return integer(item.get("videoCollaborationId")) or integer(item.get("id")) or None


def newest_of(items: Sequence[Body], project_id: str) -> Body | None:
    """Return the newest collaboration of a project, by its date, then its id; what names another project is none."""
    mine = [
        (time(item.get("createdDate")) or 0, collaboration_id_of(item) or 0, n)
        for n, item in enumerate(items)
        if collaboration_id_of(item) and (id_text(item.get("claimId")) or project_id) == project_id
    ]
    return items[max(mine)[2]] if mine else None


def video_row(item: Body, collaboration_id: int, project_id: str, status: str, said: Said) -> Row:
    """Make the row of one collaboration.

    Args:
        status: what the event says: INVITED or COMPLETED.
    """
    values = pick(item, _VIDEO)
    names = (values["claim_rep_first_name"], values["claim_rep_last_name"])
    values["claim_rep_full_name"] = (
        values["claim_rep_full_name"] or " ".join(str(n) for n in names if n) or None
    )
    return Row(
        TABLE,
        {
            "collaboration_id": collaboration_id,
            "project_id": project_id,
            "status": status,
            **values,
            "recording_urls": recording_urls(item),
            **full(said),
        },
    )


def unseen_row(collaboration_id: int, project_id: str, status: str, said: Said) -> Row:
    """Make the row of a collaboration that no report shows: id, project and status."""
    values: dict[str, Value] = {
        "collaboration_id": collaboration_id,
        "project_id": project_id,
        "status": status,
    }
    return Row(TABLE, values | partial(said) | {"last_enriched_at": said.at})


def recording_urls(item: Body) -> str | None:
    """List the recordings as JSON, each URL without its query; None where there are none."""
    found = [
        _url(recording) for key in ("recordingUrls", "recordings") for recording in _listed(item.get(key))
    ]
    urls = [url for url in found if url]
    return msgspec.json.encode(urls).decode() if urls else None


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def _url(recording: Json) -> str | None:
    return link(recording.get("url")) if isinstance(recording, dict) else link(recording)
