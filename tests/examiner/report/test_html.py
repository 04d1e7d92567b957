"""The HTML form: one page that needs nothing beside it, the same for the same report."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from PIL import Image

from examiner.finding import GROUPS, Finding, Table
from examiner.report.content import Report
from examiner.report.html import ROWS_SHOWN, html_of
from tests.examiner.report.conftest import HOSTILE, ReportOf, findings, saved, taken


class Seen(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def pictures(html: str) -> list[Image.Image]:
    found = re.findall(r'src="data:image/[a-z]+;base64,([^"]*)"', html)
    return [Image.open(io.BytesIO(base64.b64decode(each))) for each in found]


def test_the_verdict_stands_first_then_the_strongest_evidence_then_every_question(report: Report) -> None:
    html = html_of(report)
    headings = re.findall("<h2>(.*?)</h2>", html)
    questions = [GROUPS[group] for group in ("file", "history", "splices", "device")]
    assert headings == ["Strongest evidence", *questions, "Methods", "Error rates", "How to repeat this"]
    assert html.index("Unusual: A region was taken by another camera.") < html.index("<h2>")


def test_evidence_of_every_kind_is_shown_once(report: Report) -> None:
    html = html_of(report)
    sizes = [each.size for each in pictures(html)]
    assert sizes == [(480, 320), (480, 320), (60, 40), (480, 320)]  # the photograph, its map, the picture, regions
    assert html.count("<caption>Quantisation</caption>") == 1
    assert "no answer" in html


def test_a_page_needs_no_other_file_and_no_script(report: Report) -> None:
    seen = Seen(html_of(report))
    assert "script" not in seen.tags
    addresses = [value or "" for name, value in seen.attributes if name in ("src", "href", "srcset", "action")]
    assert [each for each in addresses if not each.startswith(("data:", "#"))] == []
    assert "<script>alert(1)" not in html_of(report)


def test_equal_files_give_equal_pages(made: ReportOf) -> None:
    assert html_of(made()) == html_of(made())


def test_digest_versions_and_error_rates_are_stated(report: Report) -> None:
    html = html_of(replace(report, generation="0007-abcd", run="0003-run"))
    for stated in (
        report.sha256,
        report.version,
        "0007-abcd",
        "0003-run",
        "199 photographs of the tests",
        "a splice of",
    ):
        assert stated in html


def test_nothing_but_pixels_of_a_picture_gets_into_a_report(made: ReportOf) -> None:
    exif = Image.Exif()
    exif[0x010E] = "at home"
    secret = saved(Image.new("RGB", (20, 20)), exif=exif)
    assert b"at home" in secret
    found = findings()[3]
    picture = replace(next(each for each in found.evidence if type(each).__name__ == "Picture"), data=secret)
    shown = made([replace(found, evidence=(picture,))])
    html = html_of(shown)
    assert b"at home" not in b"".join(base64.b64decode(each) for each in re.findall(r'base64,([^"]*)"', html))


def test_a_picture_that_does_not_decode_is_a_sentence(made: ReportOf) -> None:
    found = findings()[3]
    picture = replace(
        next(each for each in found.evidence if type(each).__name__ == "Picture"), data=b"\x89PNG\r\n\x1a\nx"
    )
    assert "This picture cannot be decoded." in html_of(made([replace(found, evidence=(picture,))]))


def test_a_table_of_any_length_is_bounded(made: ReportOf) -> None:
    table = Table("Fields", ("Field", "Value"), tuple((f"field {number}", "y" * 9000) for number in range(5000)))
    html = html_of(made([Finding("metadata", "file", "Its metadata.", "fact", evidence=(table,))]))
    assert "4,000 more rows in the JSON form" in html
    assert html.count("<tr>") == 1 + ROWS_SHOWN + 2
    assert "y" * 1000 not in html


def test_long_tables_of_what_was_read_are_folded_and_those_of_evidence_are_not(made: ReportOf) -> None:
    long = Table("Fields", ("Field",), (("x",),) * 50)
    facts = html_of(made([Finding("metadata", "file", "Its metadata.", "fact", evidence=(long,))]))
    evidence = html_of(made([Finding("splice", "splices", "Seen.", "expected", 500.0, (long,))]))
    assert "<summary>Fields: 50 rows</summary>" in facts
    assert "<summary>Fields" not in evidence


def test_the_files_own_name_is_shown_and_no_folder_which_may_name_a_person(made: ReportOf) -> None:
    html = html_of(made(name="/home/ada/case 7/holiday.jpg"))
    assert "<h1>holiday.jpg</h1>" in html
    assert "<dd>holiday.jpg</dd>" in html
    assert "/home" not in html
    assert "case 7" not in html


@pytest.mark.parametrize("data", [taken(), saved(Image.new("L", (9, 9)), "PNG"), saved(Image.new("RGB", (1, 1)))])
def test_pictures_of_any_kind_and_size_have_a_page(made: ReportOf, data: bytes) -> None:
    assert "Unusual" in html_of(made(data=data))


def test_a_file_that_could_not_be_examined_has_a_page_with_the_reason() -> None:
    html = html_of(Report(HOSTILE, 3, error="is an archive"))
    assert "is an archive" in html
    assert "<script>" not in html
