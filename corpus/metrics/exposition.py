"""Exposition: samples in Prometheus's text format, through its own library."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from corpus.metrics.family import Sample

Totals = dict[tuple[str, frozenset[tuple[str, str]]], float]
"""Values by the name of their metric and its labels but for `task`."""


class _Read(Collector):
    """What a registry asks for its metrics, each time it is read."""

    def __init__(self, read: Callable[[], Iterable[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        yield from self._read()


def registry_of(read: Callable[[], Iterable[Metric]]) -> CollectorRegistry:
    """Return a registry that has the metrics which `read` returns at the moment it is read."""
    registry = CollectorRegistry()
    registry.register(_Read(read))
    return registry


def as_metrics(samples: Iterable[Sample], task: str | None = None) -> list[Metric]:
    """Return samples as the library's metrics, the first label being `task` where one is given."""
    names, values = (("task",), (task,)) if task is not None else ((), ())
    found: dict[str, Metric] = {}
    for sample in samples:
        family = sample.family
        metric = found.get(family.name)
        if metric is None:
            kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
            metric = found[family.name] = kind(family.name, family.meaning, labels=(*names, *family.labels))
        metric.add_metric((*values, *sample.labels), sample.value)  # type: ignore[attr-defined]
    return list(found.values())


def totals_in(file: Path) -> Totals:
    """Return the values of a file of metrics; none where there is no such file."""
    try:
        metrics = list(text_string_to_metric_families(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
    return {
        (sample.name, frozenset(pair for pair in sample.labels.items() if pair[0] != "task")): sample.value
        for each in metrics
        for sample in each.samples
    }
