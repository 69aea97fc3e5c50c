"""The histograms of a process run."""

from collections.abc import Mapping

from claimx.telemetry import catalogue
from claimx.telemetry.family import Family, Labels, Sample
from claimx.telemetry.histogram import Histogram


class Measures:
    """One histogram for each value of a family's label; stages observe into them, on the event loop."""

    def __init__(self) -> None:
        self._made: list[tuple[Family, Labels, Histogram]] = []
        self.pass_s = self._each(catalogue.PASS_SECONDS)
        self.event_latency_s = self._each(catalogue.EVENT_LATENCY)
        self.batch_events = self._one(catalogue.BATCH_EVENTS)
        self.batch_projects = self._one(catalogue.BATCH_PROJECTS)
        self.api_s = self._each(catalogue.API_SECONDS)
        self.download_s = self._one(catalogue.DOWNLOAD_SECONDS)
        self.file_bytes = self._one(catalogue.FILE_BYTES)
        self.upload_s = self._one(catalogue.UPLOAD_SECONDS)
        self.flush_s = self._one(catalogue.FLUSH_SECONDS)
        self.flush_rows = self._one(catalogue.FLUSH_ROWS)
        self.lake_write_s = self._each(catalogue.LAKE_SECONDS)
        self.loop_delay_s = self._one(catalogue.LOOP_DELAY)

    def shapes(self) -> list[Sample]:
        """What they hold at this moment; may be asked from any thread."""
        return [(family, labels, histogram.shape()) for family, labels, histogram in self._made]

    def _one(self, family: Family) -> Histogram:
        return self._make(family, ())

    def _each(self, family: Family) -> Mapping[str, Histogram]:
        (label,) = family.labels
        return {value: self._make(family, (value,)) for value in label.values}

    def _make(self, family: Family, labels: Labels) -> Histogram:
        histogram = Histogram(family.buckets)
        self._made.append((family, labels, histogram))
        return histogram
