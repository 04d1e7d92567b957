"""Text for people and for paths: amounts, times, what may stand on one line, names without collisions."""

import os
from pathlib import Path

import pytest

from corpus.text import (
    age,
    ago,
    clipped,
    commonest,
    count,
    escaped,
    iso_time,
    leading_number,
    one_line,
    pace,
    parsed_time,
    size,
    slug,
    span,
    unique_slug,
    years,
)


@pytest.mark.parametrize(
    ("size_bytes", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (1_240_000_000, "1.24 GB")]
)
def test_a_size_has_the_largest_unit_that_it_fills(size_bytes, text):
    assert size(size_bytes) == text


def test_counts_have_singular_plural_and_separators():
    assert [count(number, "photo") for number in (0, 1, 1200)] == ["0 photos", "1 photo", "1,200 photos"]


def test_the_commonest_values_come_first_and_the_rest_is_counted():
    assert commonest({"a": 1, "b": 2000, "c": 1}, 2) == "b (2,000), a (1) and 1 more"


def test_years_are_a_range_of_those_known():
    assert [years(each) for each in ({}, {"?": 1}, {"2012": 1}, {"2016": 1, "2012": 2, "?": 1})] == [
        "",
        "unknown",
        "2012",
        "2012–2016",
    ]


def test_what_is_not_printable_neither_breaks_a_line_nor_reaches_the_terminal():
    assert escaped("a\x1b[2J\nß") == r"a\x1b[2J\nß"
    assert one_line("a\nb" + "c" * 10, 6) == r"a\nbc…"
    assert one_line("abc", 3) == "abc"
    assert clipped("abc", 3) == "abc"


def test_what_steers_a_terminal_a_page_or_the_eye_is_shown_as_an_escape():
    hidden = "\x85\x9b\u061c\u200b\u200d\u200e\u200f\u2028\u2029\u202e\u2066\u2069\ufeff"
    assert escaped(f"a{hidden}b") == (r"a\x85\x9b\u061c\u200b\u200d\u200e\u200f\u2028\u2029\u202e\u2066\u2069\ufeffb")
    assert escaped("a\n\tb", keep="\n") == "a\n\\tb"
    assert escaped("Zürich\u3000 東京 ＝") == "Zürich\u3000 東京 ＝"


def test_bytes_of_a_name_that_are_not_utf_8_are_shown_as_bytes():
    path = Path(os.fsdecode(b"caf\xe9 \xff.jpg"))
    assert escaped(path) == r"caf\xe9 \xff.jpg"
    assert escaped("\ud800") == r"\ud800"


@pytest.mark.parametrize(
    ("text", "time_s"),
    [("2010-01-01", 1262304000), ("2010-01-01T01:00:00+01:00", 1262304000), ("1970-01-01", 0)],
)
def test_dates_are_utc_unless_they_say_otherwise(text, time_s):
    assert parsed_time(text) == time_s


@pytest.mark.parametrize("text", ["yesterday", "2010-02-30", "", "1969-12-31", "9999-12-31", "0001-01-01"])
def test_a_text_that_is_no_date_of_an_upload_is_refused(text):
    with pytest.raises(ValueError, match=r"is not (an ISO date|within the years 1970 to 2199)"):
        parsed_time(text)


def test_slugs_are_safe_in_a_path_and_unique_ones_differ_wherever_texts_do():
    assert slug("../Taken with NEX-7!") == "taken-with-nex-7"
    assert len(slug("a" * 100)) == 60
    assert slug("…") == ""
    assert unique_slug("S8") != unique_slug("S8+")
    assert unique_slug("…")[0] != "-"


def test_times_are_utc_and_whole_seconds():
    assert iso_time(1412236800.9) == "2014-10-02T08:00:00Z"


@pytest.mark.parametrize(
    ("name", "number"), [("0012-3fa9", 12), ("10000-a", 10000), ("latest", 0), ("", 0), ("²-a", 0)]
)
def test_a_generations_number_is_what_its_name_begins_with(name, number):
    assert leading_number(name) == number


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (3601, "1 h"), (90061, "1 d 1 h"), (172800, "2 d")],
)
def test_spans_of_time(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_how_long_ago_a_moment_was() -> None:
    assert ago(1_000_000.0, 1_000_061.0) == "1 min 1 s ago (1970-01-12T13:46:40Z)"
    assert ago(2.0, 1.0).startswith("0 s ago"), "clocks differ"
    assert ago(None, 1.0) == "never"


def test_runs_are_sorted_by_their_number_then_their_name() -> None:
    assert sorted(["0010-a", "9-b", "0009-a", "mine"], key=age) == ["mine", "0009-a", "9-b", "0010-a"]


@pytest.mark.parametrize(
    ("per_s", "text"),
    [(1234.5, "1,234/s"), (12.4, "12/s"), (3.44, "3.4/s"), (0.5, "30/min"), (0.035, "2.1/min"), (0.0, "0/s")],
)
def test_a_rate_is_never_rounded_to_nothing(per_s: float, text: str) -> None:
    assert pace(per_s) == text
