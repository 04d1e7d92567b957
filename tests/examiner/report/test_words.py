"""A report says on which genuine pictures its false alarms were measured."""

from dataclasses import replace

from examiner.calibration.measured import Measured
from examiner.finding import Finding
from examiner.report.words import provenance_rows
from tests.examiner.report.conftest import CALIBRATION, ReportOf


def test_a_finding_about_pages_names_the_pages_and_only_where_it_says_something(made: ReportOf) -> None:
    pages = Measured(tuple(map(float, range(120))), 6, (), "120 scans of pages")
    known = replace(CALIBRATION, findings={**CALIBRATION.findings, "document_regions": pages})
    photograph = [Finding("splice", "splices", "Nothing.", "expected", 3.0)]
    page = [*photograph, Finding("document_regions", "scan", "Nothing.", "expected", 3.0)]
    said = {
        name: dict(provenance_rows(made(found, calibration=known)))["False alarms measured on"]
        for name, found in (("photograph", photograph), ("page", page))
    }
    assert said["photograph"] == "199 photographs of the tests"
    assert said["page"] == "199 photographs of the tests; of document regions, 120 scans of pages"
