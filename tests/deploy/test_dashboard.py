"""The metrics that the code exports, by Prometheus's conventions, and the dashboard, which asks for these alone."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from corpus.metrics import task_metrics
from corpus.metrics.family import Family
from crawlers.spiders import metrics as crawl_metrics
from curation.publishing import metrics as curation_metrics
from examiner.web.gate import metrics as page_metrics
from train.runs import metrics as training_metrics

MODULES = (task_metrics, crawl_metrics, curation_metrics, training_metrics, page_metrics)
FAMILIES: dict[str, Family] = {family.name: family for module in MODULES for family in module.FAMILIES}
LABELS = {"of", "on", "outcome", "reason", "source", "state", "status", "step", "verdict"}
"""Each has few values: none names a photograph, an owner, an address or a camera."""
FROM_ELSEWHERE = {"node_textfile_mtime_seconds": {"file"}}


@pytest.fixture(scope="module")
def dashboard(repository: Path) -> dict[str, Any]:
    return json.loads((repository / "deploy" / "grafana-dashboard.json").read_text())


def expressions(dashboard: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]


def exported(name: str) -> Family | None:
    """Return the family of a time series; a histogram has three of them."""
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    return FAMILIES.get(name) or (FAMILIES[base] if base in FAMILIES and FAMILIES[base].kind == "histogram" else None)


def test_no_two_metrics_have_one_name() -> None:
    assert len(FAMILIES) == sum(len(module.FAMILIES) for module in MODULES)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_names_follow_the_conventions_and_labels_have_few_values(family: Family) -> None:
    assert re.fullmatch(r"shutterprint(_[a-z]+)+", family.name)
    assert family.name.endswith("_total") == (family.kind == "counter")
    assert not re.search(r"_(ms|milliseconds|minutes|hours|mb|kilobytes|percent)(_|$)", family.name)
    assert family.meaning.endswith(".")
    assert set(family.labels) <= LABELS


def test_the_dashboard_asks_only_for_metrics_that_the_code_exports(dashboard: dict[str, Any]) -> None:
    named = {name for text in expressions(dashboard) for name in re.findall(r"\b(?:shutterprint|node)_\w+", text)}
    assert {name for name in named if exported(name) is None and name not in FROM_ELSEWHERE} == set()


def test_the_dashboard_shows_every_metric(dashboard: dict[str, Any]) -> None:
    text = "\n".join(expressions(dashboard))
    assert [name for name in FAMILIES if not re.search(rf"\b{name}(_bucket|_sum|_count)?\b", text)] == []


def test_the_dashboard_divides_by_labels_that_its_metrics_have(dashboard: dict[str, Any]) -> None:
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            families = [exported(name) for name in re.findall(r"\bshutterprint_\w+", target["expr"])]
            known = {label for family in families if family for label in family.labels} | {"task", "le", "file"}
            used = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            used |= {name for group in re.findall(r"by \(([^)]*)\)", target["expr"]) for name in group.split(", ")}
            assert used <= known, target["expr"]


def test_a_counter_is_asked_for_its_increase_and_a_gauge_is_not(dashboard: dict[str, Any]) -> None:
    for text in expressions(dashboard):
        for call, name in re.findall(r"(\w*)\(?(shutterprint_\w+)", text):
            family = exported(name)
            assert family is not None
            assert (call in ("rate", "increase")) == (family.kind != "gauge"), text


def test_panels_have_numbers_of_their_own_and_do_not_overlap(dashboard: dict[str, Any]) -> None:
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in panels):
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert all(panel["description"] for panel in panels if panel["type"] != "row")
    sources = {target["datasource"]["uid"] for panel in panels for target in panel.get("targets", ())}
    assert sources == {"${datasource}"}
