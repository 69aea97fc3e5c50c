"""Totals of what became of files."""

from claimx.domain.results import Totals, UploadResult
from claimx.stages.runtime import Runtime


class Tally:
    """Counts every report that reaches this process, and logs each failure."""

    def __init__(self, runtime: Runtime) -> None:
        self.totals = Totals()
        self._runtime = runtime

    async def report(self, result: UploadResult) -> None:
        """Count one report: a ``Reporting``."""
        self.totals.add(result)
        if result.status != "completed":
            self._runtime.log.warning(
                "file.failed",
                stage=result.stage,
                status=result.status,
                code=result.error_code,
                event_id=result.event_id,
                project_id=result.project_id,
                media_id=result.media_id,
            )

    def tell(self) -> None:
        """Log the totals, at the end."""
        self._runtime.log.info("results.counted", **self.totals.as_dict())
