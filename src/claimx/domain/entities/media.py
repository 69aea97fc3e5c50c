"""claimx_attachment_metadata."""

from claimx.domain.coerce import id_text, link, real, text, time
from claimx.domain.entities.fields import Body, Field, Said, full, pick
from claimx.domain.files import expires_at
from claimx.domain.rows import Row

TABLE = "claimx_attachment_metadata"

_MEDIA: tuple[Field, ...] = (
    ("file_type", "mediaType", text),
    ("file_name", "mediaName", text),
    ("media_description", "mediaDescription", text),
    ("media_comment", "mediaComment", text),
    ("latitude", "latitude", real),
    ("longitude", "longitude", real),
    ("gps_source", "gpsSource", text),
    ("taken_date", "takenDate", time),
    ("full_download_link", "fullDownloadLink", link),
)


def media_id_of(item: Body) -> str | None:
    """Return the id of a media item; None where it has none."""
    return id_text(item.get("mediaID")) or id_text(item.get("mediaId"))


def link_in(item: Body) -> str | None:
    """Return the signed link of a media item as sent; None where it has none."""
    url = item.get("fullDownloadLink")
    return text(url) if isinstance(url, str) else None


def media_row(item: Body, media_id: str, project_id: str, said: Said) -> Row:
    """Make the row of one media item."""
    url = link_in(item)
    expiry = expires_at(url) if url else None
    return Row(
        TABLE,
        {
            "media_id": media_id,
            "project_id": project_id,
            "task_assignment_id": id_text(item.get("taskAssignmentId"))
            or id_text(item.get("taskAssignmentID")),
            **pick(item, _MEDIA),
            "expires_at": time(item.get("expiresAt")) if expiry is None else expiry,
            **full(said),
        },
    )
