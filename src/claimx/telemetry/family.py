"""What a metric is."""

from typing import Literal, NamedTuple

from claimx.telemetry.histogram import Shape

PREFIX = "claimx_"
OTHER = "other"
"""Takes what is not in a closed set of label values."""

Kind = Literal["counter", "gauge", "histogram"]


class Label(NamedTuple):
    """A label and the values that it may have.

    Args:
        values: all there are; empty where configuration or assignment bounds them.
        bound: what bounds them then.
    """

    name: str
    values: tuple[str, ...] = ()
    bound: str = ""


class Family(NamedTuple):
    """One metric.

    Args:
        name: without the prefix, with its unit as suffix; counters end with ``_total``.
        unit: what it counts in; empty for plain numbers.
        buckets: upper bounds, of a histogram.
    """

    name: str
    kind: Kind
    unit: str
    help: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        """As it is exposed."""
        return PREFIX + self.name


Labels = tuple[str, ...]
"""The values of a family's labels, in their order."""

Value = float | Shape

Sample = tuple[Family, Labels, Value]
