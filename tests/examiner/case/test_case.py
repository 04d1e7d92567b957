"""A case: a folder with an index, a report for each photograph and a CSV that computes nothing."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest

from corpus.errors import StageError
from examiner.case.folder import make_case, page_name
from examiner.case.index import PAGE_PHOTOGRAPHS, entry_of, index_pages
from examiner.case.table import HEADER, harmless
from examiner.report.content import Report


def report(name: str, **changed: object) -> Report:
    return replace(
        Report(name, 5, f"{name}-digest", "JPEG", (40, 30), "Nothing unusual.", outcome="ordinary"), **changed
    )


FORMULA = "=HYPERLINK(A1)"
REPORTS = (
    report("photos/ordinary.jpg"),
    report("photos/odd <b>.jpg", outcome="unusual", verdict="Unusual: seen."),
    report(FORMULA, outcome="doubtful"),
    Report("photos/ordinary.zip", 9, error="is an archive"),
)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cases") / "case"
    counted = make_case(iter(REPORTS), str(folder))
    assert counted == {"ordinary": 1, "unusual": 1, "doubtful": 1, None: 1}
    return folder


def test_every_photograph_has_a_row_and_a_page_that_the_index_leads_to(case: Path) -> None:
    with (case / "photographs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == HEADER
    assert [row["outcome"] for row in rows] == ["ordinary", "unusual", "doubtful", ""]
    assert [row["error"] for row in rows] == ["", "", "", "is an archive"]
    pages = {row["report"] for row in rows}
    assert {each.name for each in case.iterdir()} == pages | {"index.html", "photographs.csv"}
    assert set(re.findall(r'href="([^#"]*)"', (case / "index.html").read_text())) - {"data:,"} == pages


def test_the_unusual_ones_stand_first_and_names_are_no_markup(case: Path) -> None:
    html = (case / "index.html").read_text()
    sheet = html[html.index("Contact sheet</h2>") :]
    assert sheet.index("odd &lt;b&gt;.jpg") < sheet.index("HYPERLINK") < sheet.index("ordinary.jpg")
    assert "<b>" not in html


def test_no_cell_of_the_csv_is_a_formula(case: Path) -> None:
    assert FORMULA not in [cell for row in csv.reader((case / "photographs.csv").open()) for cell in row]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "\n=1"])
def test_a_cell_that_a_spreadsheet_would_compute_is_text(cell: str) -> None:
    shown = harmless(cell)
    assert shown[0] not in "=+-@\t\r\n ＝"
    assert "\n" not in shown


def test_other_cells_stay_as_they_are() -> None:
    assert [harmless(each) for each in ("a=b", "holiday.jpg", "", "Ω 写真")] == ["a=b", "holiday.jpg", "", "Ω 写真"]


def test_equal_photographs_make_equal_cases(case: Path, tmp_path: Path) -> None:
    make_case(iter(REPORTS), str(tmp_path / "again"))
    assert [(each.name, each.read_bytes()) for each in sorted((tmp_path / "again").iterdir())] == [
        (each.name, each.read_bytes()) for each in sorted(case.iterdir())
    ]


def test_a_case_is_whole_or_not_there(tmp_path: Path) -> None:
    def broken():  # type: ignore[no-untyped-def]
        yield report("a.jpg")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_case(broken(), str(tmp_path / "case"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(StageError, match="is there already; name a folder that is not"):
        make_case(iter(REPORTS), str(tmp_path))
    with pytest.raises(StageError, match="there is no folder"):
        make_case(iter(REPORTS), str(tmp_path / "a" / "b"))
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]


def test_many_photographs_have_several_pages_that_lead_to_each_other() -> None:
    entries = [entry_of(report(f"{number}.jpg"), page_name(number, f"{number}.jpg")) for number in range(1, 1202)]
    pages = index_pages(entries)
    assert list(pages) == ["index.html", "index-2.html", "index-3.html"]
    assert [html.count('<span class="label">') for html in pages.values()] == [PAGE_PHOTOGRAPHS, PAGE_PHOTOGRAPHS, 201]
    assert 'href="index-2.html"' in pages["index.html"]
    assert 'href="index.html"' in pages["index-3.html"]
    assert "1,201 files" in pages["index-2.html"]


def test_files_with_the_same_bytes_are_said() -> None:
    twice = [entry_of(report(name, sha256="same"), page_name(1, name)) for name in ("a.jpg", "b.jpg")]
    assert "1 file here has the same bytes as another one." in index_pages(twice)["index.html"]


@pytest.mark.parametrize(
    ("name", "page"),
    [("a/Holiday (1).JPG", "0007-holiday-1.html"), ("写真.jpg", "0007.html"), ("../../etc/passwd", "0007-passwd.html")],
)
def test_the_name_of_a_page_is_safe_in_a_path(name: str, page: str) -> None:
    assert page_name(7, name) == page
