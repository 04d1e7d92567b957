"""Family: what a metric is called and means; a sample is one value of it. Plain data, which needs no library.

Names and units follow Prometheus's conventions (https://prometheus.io/docs/practices/naming/): base units, `_total` on
counters. A label has few values: sources, states, reasons; never a photograph, an owner or an address.
"""

from typing import Literal, NamedTuple


class Family(NamedTuple):
    """A metric: its name as exported, what it is, and the names of its labels."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()


class Sample(NamedTuple):
    """One value of a metric, with a value for each of its labels."""

    family: Family
    value: float
    labels: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, frozenset[tuple[str, str]]]:
        """What no other sample of a task has: the metric's name and the labels."""
        return self.family.name, frozenset(zip(self.family.labels, self.labels, strict=True))
