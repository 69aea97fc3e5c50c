"""The catalogue of metrics keeps the rules of Prometheus and of the house."""

from math import prod

import pytest

from claimx.telemetry.catalogue import CATALOGUE
from claimx.telemetry.family import Family
from claimx.telemetry.histogram import Histogram

MOST_LABELS = 2
MOST_SERIES = 2500


def name_of(family: Family) -> str:
    return family.full_name


@pytest.mark.parametrize("family", CATALOGUE, ids=name_of)
def test_a_family_is_declared_as_prometheus_wants_it(family: Family) -> None:
    assert family.name.endswith("_total") == (family.kind == "counter")
    assert family.unit in family.name
    assert family.help.endswith(".")
    assert (family.kind == "histogram") == bool(family.buckets)
    assert list(family.buckets) == sorted(set(family.buckets))
    assert len(family.labels) <= MOST_LABELS
    for label in family.labels:
        assert bool(label.values) != bool(label.bound)
        assert len(set(label.values)) == len(label.values)


def test_every_name_is_there_once() -> None:
    assert len({family.name for family in CATALOGUE}) == len(CATALOGUE) > 60


def test_the_closed_sets_bound_the_number_of_series() -> None:
    def series(family: Family) -> int:
        lines = len(family.buckets) + 3 if family.buckets else 1
        return lines * prod(len(label.values) or 1 for label in family.labels)

    assert sum(map(series, CATALOGUE)) < MOST_SERIES


def test_a_histogram_counts_a_value_in_the_bucket_that_it_does_not_exceed() -> None:
    histogram = Histogram((1.0, 5.0))
    for value in (0.5, 1.0, 1.1, 5.0, 6.0):
        histogram.observe(value)
    histogram.observe(2.0, 10)
    assert histogram.shape().counts == [2, 12, 1]
    assert histogram.shape().total == pytest.approx(33.6)
