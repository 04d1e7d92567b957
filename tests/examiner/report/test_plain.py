"""The text form: read at a glance at any width; the JSON form: frozen, since programs read it."""

import base64
import json

import pytest

from examiner.report.content import Report
from examiner.report.plain import as_dict, text_of
from tests.examiner.report.conftest import HOSTILE, ReportOf, findings


@pytest.mark.parametrize("width", [40, 72, 100, 200])
def test_no_line_is_wider_than_the_terminal(made: ReportOf, width: int) -> None:
    assert max(map(len, text_of(made(name="a.jpg"), width))) <= width


def test_the_verdict_comes_first_then_the_strongest_evidence(report: Report) -> None:
    text = "\n".join(text_of(report))
    assert text.index("Unusual: A region") < text.index("Strongest evidence") < text.index("Quantisation:")
    assert text.index("Quantisation:") < text.index("What the file is") < text.index("Which device took it")


def test_statements_stand_below_each_other_and_a_weak_finding_is_called_weak(report: Report) -> None:
    lines = text_of(report)
    (weak,) = (line for line in lines if "enlarged by 1.5" in line)
    assert weak.startswith("  weak sign  The picture")
    statements = ("A region was", "The picture was enlarged", "No second grid", "Nothing can be said")
    levels = [line for line in lines if line[13:].startswith(statements)]
    assert [line[2:11].strip() for line in levels] == ["unusual", "weak sign", "expected", "no answer"]


def test_rows_of_a_table_are_aligned(report: Report) -> None:
    lines = text_of(report)
    header = next(line for line in lines if "Seen in" in line)
    row = next(line for line in lines if "1,240" in line)
    assert header.index("Seen in") == row.index("1,240")


def test_text_steers_no_terminal(report: Report) -> None:
    assert "\x1b" not in "".join(text_of(report))
    assert "\u202e" not in "".join(text_of(report))


def test_where_nothing_is_unusual_no_evidence_is_singled_out(made: ReportOf) -> None:
    text = "\n".join(text_of(made(findings(splice=3, weak=3))))
    assert "Strongest" not in text
    assert "Nothing unusual in 3 tests" in text


def test_a_file_that_could_not_be_examined_is_one_sentence() -> None:
    assert text_of(Report("a.zip", 9, error="is an archive")) == ["a.zip", "  could not be examined: is an archive"]


REPORT_KEYS = [
    "schema", "name", "size_bytes", "sha256", "kind", "size_px", "verdict", "calibration", "generation", "run",
    "version", "error", "outcome", "integrity", "preview", "orientation", "findings",
]  # fmt: skip
FINDING_KEYS = [
    "name", "group", "statement", "level", "score", "evidence", "method", "source", "caution", "strength",
]  # fmt: skip
EVIDENCE_KEYS = {
    "map": ["kind", "title", "values", "cell_px", "origin_px", "caption"],
    "table": ["kind", "title", "header", "rows"],
    "picture": ["kind", "title", "data", "caption"],
    "regions": ["kind", "title", "sets", "caption"],
}
STRENGTH_KEYS = ["false_alarm_rate", "upper_bound", "photographs", "devices", "origin", "detection"]


def test_the_keys_of_the_json_form_are_those_that_programs_know(report: Report) -> None:
    read = json.loads(json.dumps(as_dict(report), allow_nan=False))
    assert list(read) == REPORT_KEYS
    assert read["schema"] == 1
    assert [list(each) for each in read["findings"]] == [FINDING_KEYS] * 5
    (splice,) = (each for each in read["findings"] if each["name"] == "splice")
    assert {each["kind"]: list(each) for each in splice["evidence"]} == EVIDENCE_KEYS
    assert list(splice["strength"]) == list(read["integrity"]) == STRENGTH_KEYS
    assert list(splice["strength"]["detection"][0]) == ["what", "share", "photographs", "lossless"]


def test_values_of_the_json_form_are_those_of_the_report(report: Report) -> None:
    read = json.loads(json.dumps(as_dict(report)))
    assert read["name"] == HOSTILE
    assert base64.b64decode(read["preview"]) == report.preview
    values = next(each for each in read["findings"][3]["evidence"] if each["kind"] == "map")["values"]
    assert (values[0][0], values[13][22]) == (None, 1.0)


def test_a_score_without_a_bound_is_null_in_json(made: ReportOf) -> None:
    assert as_dict(made(findings(splice=float("inf"))))["findings"][3]["score"] is None


@pytest.mark.parametrize("group", ["REPORT_KEYS", "FINDING_KEYS", "STRENGTH_KEYS"])
def test_the_documents_name_every_key(group: str, repository: object) -> None:
    text = (repository / "docs" / "examiner.md").read_text()  # type: ignore[operator]
    assert [key for key in globals()[group] if f"`{key}`" not in text] == []
