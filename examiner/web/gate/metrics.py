"""Metrics: `GET /metrics`, which Prometheus reads, behind the same guard as everything else.

It counts requests and examinations and says nothing of what was examined.
"""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import HistogramMetricFamily, Metric

from corpus.metrics.exposition import as_metrics, registry_of
from corpus.metrics.family import Family, Sample
from examiner.web.examinations import Examinations

BOUNDS_S = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0)

ANSWERS = Family("shutterprint_serve_responses_total", "counter", "Answers by HTTP status, refusals too.", ("status",))
ENDED = Family("shutterprint_serve_examinations_total", "counter", "Examinations that have ended.", ("outcome",))
PRESENT = Family("shutterprint_serve_examinations", "gauge", "Examinations in memory, by state.", ("state",))
HELD = Family("shutterprint_serve_held_bytes", "gauge", "Bytes of the files in memory.")
TOOK = Family("shutterprint_serve_examination_duration_seconds", "histogram", "How long examinations took.")
FAMILIES = (ANSWERS, ENDED, PRESENT, HELD, TOOK)

_STATES = ("waiting", "working", "done", "failed")


@dataclass
class Ended:
    """The examinations that have ended since the server was started."""

    outcomes: Counter[str] = field(default_factory=Counter)
    durations: Counter[int] = field(default_factory=Counter)
    """Examinations by the number of the first bound of BOUNDS_S that they did not exceed."""
    seconds: float = 0.0

    def add(self, outcome: str, took_s: float) -> None:
        """Count one more."""
        self.outcomes[outcome] += 1
        self.durations[bisect_left(BOUNDS_S, took_s)] += 1
        self.seconds += took_s


def metrics_of(answers: Counter[int], examinations: Examinations, ended: Ended) -> list[Metric]:
    """Return the metrics of this moment; `answers`: how many by HTTP status."""
    states, held_bytes = examinations.present()
    samples = [
        *(Sample(ANSWERS, number, (str(status),)) for status, number in sorted(answers.items())),
        *(Sample(ENDED, ended.outcomes[outcome], (outcome,)) for outcome in ("done", "failed")),
        *(Sample(PRESENT, states[state], (state,)) for state in _STATES),
        Sample(HELD, held_bytes),
    ]
    sums = list(accumulate(ended.durations[number] for number in range(len(BOUNDS_S) + 1)))
    took = HistogramMetricFamily(TOOK.name, TOOK.meaning)
    took.add_metric((), list(zip((*map(str, BOUNDS_S), "+Inf"), sums, strict=True)), ended.seconds)
    return [*as_metrics(samples), took]


def metrics_routes(answers: Counter[int], examinations: Examinations, ended: Ended) -> APIRouter:
    """Return the route `/metrics`."""
    routes = APIRouter()
    registry = registry_of(lambda: metrics_of(answers, examinations, ended))

    @routes.get("/metrics", tags=["server"])
    async def metrics() -> Response:
        """Return counts of requests and examinations, as Prometheus reads them."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return routes
