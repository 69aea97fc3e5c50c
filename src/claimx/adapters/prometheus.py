"""The exposition: what the catalogue declares, filled with the numbers of the moment."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate, product

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from claimx.telemetry.catalogue import CATALOGUE
from claimx.telemetry.family import OTHER, Family, Labels, Sample, Value
from claimx.telemetry.histogram import Shape

CONTENT_TYPE = CONTENT_TYPE_LATEST
Read = Callable[[], Iterable[Sample]]
"""Reads the numbers of this moment; called on the thread that asks for the exposition."""


class Exposition:
    """A registry of its own: our numbers, and what the client library tells of the process and of Python."""

    def __init__(self, read: Read) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Numbers(read))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def render(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self._registry)


class _Numbers(Collector):
    def __init__(self, read: Read) -> None:
        self._read = read
        self._zeros = {family.name: zeros(family) for family in CATALOGUE}

    def collect(self) -> Iterator[Metric]:
        told = {name: zero.copy() for name, zero in self._zeros.items()}
        for family, labels, value in self._read():
            known, values = _known(family, labels), told[family.name]
            if known != labels and not isinstance(value, Shape):
                values[known] = value + _plain(values.get(known, 0.0))
            else:
                values[known] = value
        for family in CATALOGUE:
            if told[family.name]:
                yield _metric(family, told[family.name])


def zeros(family: Family) -> dict[Labels, Value]:
    """Where counting begins: a rate needs a zero before the first one. Gauges, and what is not bounded here, have none."""
    if family.kind == "gauge" or any(not label.values for label in family.labels):
        return {}
    zero = Shape(family.buckets, [0] * (len(family.buckets) + 1), 0.0) if family.buckets else 0.0
    return dict.fromkeys(product(*(label.values for label in family.labels)), zero)


def _known(family: Family, labels: Labels) -> Labels:
    """A value that is not in its closed set is counted as another one."""
    return tuple(
        value if not label.values or value in label.values else OTHER
        for label, value in zip(family.labels, labels, strict=True)
    )


def _metric(family: Family, told: Mapping[Labels, Value]) -> Metric:
    names = [label.name for label in family.labels]
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(family.full_name, family.help, labels=names)
        for labels, shape in told.items():
            if isinstance(shape, Shape):
                histogram.add_metric(labels, _buckets(shape), shape.total)
        return histogram
    made = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = made(family.full_name, family.help, labels=names)
    for labels, value in told.items():
        metric.add_metric(labels, _plain(value))
    return metric


def _plain(value: Value) -> float:
    return 0.0 if isinstance(value, Shape) else float(value)


def _buckets(shape: Shape) -> list[tuple[str, float]]:
    bounds = [*(repr(bound) for bound in shape.bounds), "+Inf"]
    return list(zip(bounds, map(float, accumulate(shape.counts)), strict=True))
