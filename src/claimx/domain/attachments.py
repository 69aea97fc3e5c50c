"""The inventory row of a stored file."""

from claimx.domain.rows import Row
from claimx.domain.tasks import CachedFile, without_query
from claimx.domain.times import Micros


def attachment_row(cached: CachedFile, key: str, now: Micros) -> Row:
    """Make the row of claimx_attachments for a file that lies under ``key``.

    Args:
        now: when the upload ended: the clock of the row.
    """
    task = cached.download
    return Row(
        "claimx_attachments",
        {
            "media_id": task.media_id,
            "project_id": task.project_id,
            "file_name": task.file_name,
            "file_type": task.file_type,
            "blob_path": key,
            "bytes": cached.size_bytes,
            "sha256": cached.sha256,
            "content_type": cached.content_type,
            "download_url": without_query(task.url),
            "event_id": task.event_id,
            "uploaded_at": now,
            "created_at": now,
            "updated_at": now,
        },
    )
