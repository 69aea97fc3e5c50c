"""What download and upload report of each file, and the totals that the results stage keeps."""

from collections import deque
from typing import Literal

import msgspec

from claimx.domain.events import RECORD_OVERHEAD_BYTES
from claimx.domain.outcomes import BuryIt, Verdict
from claimx.domain.tasks import CachedFile, DownloadTask, refuse_newer, stamped
from claimx.domain.times import SECOND, Micros
from claimx.errors import PoisonError

VERSION = 1
_WINDOW = 100

Status = Literal["completed", "failed", "failed_permanent"]
"""``failed`` is tried again."""


class UploadResult(msgspec.Struct, frozen=True, gc=False):
    """A notification about one file; never an outcome.

    Args:
        stage: ``download`` or ``upload``: where the file got to.
        at: microseconds UTC.
    """

    event_id: str
    project_id: str
    media_id: str
    stage: str
    status: Status
    at: Micros
    size_bytes: int = 0
    error_code: str | None = None
    v: int = VERSION


class ResultRecord(msgspec.Struct, gc=False):
    """A record of claimx.downloads.results."""

    result: UploadResult
    offset: int
    size_bytes: int


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[UploadResult] = msgspec.json.Decoder(UploadResult)


def completed(cached: CachedFile, now: Micros) -> UploadResult:
    """Report a stored file."""
    task = cached.download
    return UploadResult(
        task.event_id, task.project_id, task.media_id, "upload", "completed", now, cached.size_bytes
    )


def failed(stage: str, task: DownloadTask | CachedFile, verdict: Verdict, now: Micros) -> UploadResult:
    """Report a pass that failed."""
    task = task.download if isinstance(task, CachedFile) else task
    status: Status = "failed_permanent" if isinstance(verdict, BuryIt) else "failed"
    return UploadResult(
        task.event_id, task.project_id, task.media_id, stage, status, now, error_code=verdict.code
    )


def encode_result(result: UploadResult) -> bytes:
    """Write a result as JSON."""
    return _encoder.encode(result)


def read_result(value: bytes, offset: int) -> ResultRecord:
    """Read a record of the results topic; unknown fields are ignored.

    Raises:
        PoisonError: ``result.malformed``, not a result of a version that we know.
    """
    try:
        result = _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        refuse_newer("result", stamped(value), VERSION)
        raise PoisonError("result.malformed", str(error)) from error
    refuse_newer("result", result.v, VERSION)
    return ResultRecord(result, offset, len(value) + RECORD_OVERHEAD_BYTES)


class Totals(msgspec.Struct):
    """What was reported since the start of the process; of the last 100 reports, rates."""

    completed: int = 0
    failed: int = 0
    failed_permanent: int = 0
    file_bytes: int = 0
    _window: deque[tuple[Micros, bool]] = msgspec.field(default_factory=lambda: deque(maxlen=_WINDOW))

    def add(self, result: UploadResult) -> None:
        """Count one report."""
        setattr(self, result.status, getattr(self, result.status) + 1)
        self.file_bytes += result.size_bytes
        self._window.append((result.at, result.status == "completed"))

    @property
    def success_rate(self) -> float | None:
        """The share of the window that was completed; None when nothing was reported."""
        return sum(good for _, good in self._window) / len(self._window) if self._window else None

    def as_dict(self) -> dict[str, int | float | None]:
        """The totals and the rates, by name."""
        rate = self.success_rate
        return {
            "completed": self.completed,
            "failed": self.failed,
            "failed_permanent": self.failed_permanent,
            "file_bytes": self.file_bytes,
            "success_rate": rate,
            "failure_rate": None if rate is None else 1.0 - rate,
            "per_s": round(self.per_s, 2),
        }

    @property
    def per_s(self) -> float:
        """Reports per second over the window."""
        if len(self._window) <= 1:
            return 0.0
        span = self._window[-1][0] - self._window[0][0]
        return (len(self._window) - 1) * SECOND / span if span > 0 else 0.0
