"""The PDF form: the same for the same report, and no name, text or table makes it fail."""

import re
import time
from dataclasses import replace

import pytest
from PIL import Image

from examiner.finding import Finding, Regions, Table
from examiner.report.content import Report
from examiner.report.fonts import drawable
from examiner.report.page_a4 import PageA4
from examiner.report.pdf import ROWS_SHOWN, pdf_of
from examiner.report.words import RATES_HEADER
from tests.examiner.report.conftest import HOSTILE, ReportOf, findings, saved


def pages(data: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b(?!s)", data))


def pictures(data: bytes) -> list[tuple[int, int]]:
    return [
        (int(width), int(height)) for height, width in re.findall(rb"/Height (\d+).{0,200}?/Width (\d+)", data, re.S)
    ]


@pytest.fixture(scope="module")
def data(report: Report) -> bytes:
    return pdf_of(report)


def test_a_report_has_pages_pictures_and_an_outline(data: bytes) -> None:
    assert data.startswith(b"%PDF-")
    assert 2 <= pages(data) <= 6
    assert sorted(pictures(data)) == [(60, 40), (480, 320), (480, 320), (480, 320)]
    assert b"/Outlines" in data
    assert b"/Lang (en)" in data


def test_equal_reports_are_equal_files_at_any_time(data: bytes, report: Report) -> None:
    time.sleep(1.1)  # dates have seconds
    assert pdf_of(report) == data
    assert b"D:1970" in data
    assert b"D:20" not in data


def test_what_the_font_lacks_is_shown_as_an_escape() -> None:
    assert drawable("Ωμέγα → é") == "Ωμέγα → é"
    assert drawable("写真\u202e\x1b") == r"\u5199\u771f\u202e\x1b"
    assert drawable("\U0001f4f7 \udce9") == r"\U0001f4f7 \xe9"


TEXTS = (
    HOSTILE, "", " ", "\n\n", "w" * 9000, "مرحبا بالعالم שלום", "\udcff\udc80", "-*_[x](y)**", "{nb} %s \\",
    "\ufffd\u0301" * 90,
)  # fmt: skip
TABLES = (
    Table("none", (), ()),
    Table("no rows", ("a", "b"), ()),
    Table("many columns", tuple(map(str, range(40))), (tuple("y" * 300 for _ in range(40)),)),
    Table("ragged", ("a", "b"), (("1",), ("1", "2", "3"), ())),
    Table("long", ("a", "b"), (("1", "2"),) * 3000),
)


def test_no_word_of_an_ordinary_table_is_broken() -> None:
    page = PageA4("Widths", "")
    found = "92 % in the mean of 24 kinds, saved without loss"
    rows = [("Thumbnail content", "expected", "-0.1961", "154 of 154", "47", "100 %", found)] * 3
    rows.append(("Splices", "no answer", "1", "not measured " * 20, "", "", ""))
    widths = page._widths([RATES_HEADER, *rows])
    page._pdf.set_font("DejaVu", "B", 8)
    for column, width in zip(zip(RATES_HEADER, *rows, strict=True), widths, strict=True):
        longest = max(page._pdf.get_string_width(word) for cell in column for word in cell.split())
        assert longest + 2.4 < width
    assert sum(widths) <= page._pdf.epw + 1e-6


def test_no_text_and_no_table_makes_it_fail(made: ReportOf) -> None:
    found = [
        Finding("x", "file", text, "fact", 1.0, (Table(text, (text, text), ((text, text),)),), text, text, text)
        for text in TEXTS
    ]
    found.append(Finding("x", "file", "Seen.", "fact", evidence=TABLES))
    assert pages(pdf_of(made(found, name="\u0301\udcff" * 900))) <= 12 + ROWS_SHOWN // 20


@pytest.mark.parametrize("size", [(1, 900), (3000, 2)])
def test_pictures_of_any_shape_fit_a_page(made: ReportOf, size: tuple[int, int]) -> None:
    assert pages(pdf_of(made(data=saved(Image.new("RGB", size), "PNG")))) <= 6


def test_missing_pictures_and_many_regions_are_said(made: ReportOf) -> None:
    many = Regions("Copied", tuple(((each, each, 9, 9), (each + 20, each, 9, 9)) for each in range(200)))
    report = made([replace(findings()[3], evidence=(many,))])
    assert pages(pdf_of(replace(report, preview=b""))) >= 1


def test_a_file_that_could_not_be_examined_is_one_page() -> None:
    assert pages(pdf_of(Report(HOSTILE, 3, error="is an archive"))) == 1
