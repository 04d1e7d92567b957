"""Text for people and for paths: amounts, times, what may stand on one line, names without collisions."""

import pytest

from corpus.text import (
    clipped,
    commonest,
    count,
    escaped,
    iso_time,
    leading_number,
    one_line,
    size,
    slug,
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
    assert one_line("a\nb" + "c" * 10, 5) == "a?bc…"
    assert one_line("a\nb", 5, " ") == "a b"
    assert clipped("abc", 3) == "abc"


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
