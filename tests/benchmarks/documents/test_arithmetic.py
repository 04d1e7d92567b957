"""The arithmetic of ten years of Flickr: its calls are those of the crawler, its numbers are said somewhere."""

from pathlib import Path

import pytest

from benchmarks.documents.arithmetic import CAMERAS, MEASURED, PAGE, YEARS, Measured, figures, listing_calls, written


@pytest.mark.parametrize("measured", MEASURED, ids=lambda each: each.meaning)
def test_every_measured_number_is_quoted_from_a_file_that_says_so(measured: Measured, repository: Path) -> None:
    assert measured.quote in (repository / measured.file).read_text()


@pytest.mark.parametrize(
    ("a_year", "windows", "calls"),
    [
        (0, 1, 1),
        (499, 1, 1),
        (500, 1, 2),  # a page that is full asks for another
        (2999, 1, 6),
        (3000, 2, 1 + 2 * 4),  # halved once: 1,500 in each half
    ],
)
def test_a_year_is_listed_as_the_crawler_does_it(a_year: int, windows: int, calls: int) -> None:
    assert listing_calls(a_year, number_of_years=1) == (windows, calls)


def test_years_are_asked_for_one_by_one() -> None:
    assert listing_calls(100, number_of_years=10) == (10, 10)


def test_more_photographs_take_more_of_everything() -> None:
    few, many = figures(1_000), figures(10_000)
    assert few.found == CAMERAS * YEARS * 1_000
    names = ("kept", "calls", "calls_a_night", "requests", "received_bytes", "stored_bytes", "download_s")
    for name in (*names, "crawl_cpu_s", "curation_cpu_s"):
        assert getattr(few, name) < getattr(many, name)


def test_the_page_has_the_tables_as_they_are_computed() -> None:
    page = PAGE.read_text()
    assert written(page) == page
    assert "| 4,000,000 |" in page
