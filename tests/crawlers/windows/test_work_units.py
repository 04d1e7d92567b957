"""Work shares: every unit of work is in exactly one of them."""

import pytest

from corpus.errors import ConfigurationError
from corpus.text import unique_slug
from crawlers.windows.work_units import WorkShare, parse_work_share

UNITS = [f"apple/iphone_{number} {year}" for number in range(40) for year in range(2010, 2026)]


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_every_unit_is_in_exactly_one_part(count):
    parts = [parse_work_share(f"{number}/{count}") for number in range(1, count + 1)]
    owners = [sum(part.has(unit) for part in parts) for unit in UNITS]
    assert owners == [1] * len(UNITS)


def test_parts_are_of_similar_size():
    sizes = [sum(WorkShare(number, 8).has(unit) for unit in UNITS) for number in range(1, 9)]
    assert min(sizes) > 0.5 * len(UNITS) / 8


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/2/3", ""])
def test_an_impossible_part_is_refused_with_the_right_form(text):
    with pytest.raises(ConfigurationError, match="i/n"):
        parse_work_share(text)


def test_each_part_has_its_own_receipt():
    assert (WorkShare().receipt("flickr"), WorkShare(2, 8).receipt("flickr")) == ("crawl-flickr", "crawl-flickr-2-of-8")


def test_units_have_safe_distinct_names():
    names = {unique_slug(text) for text in ("a b", "a-b", "A b", "../x", "", "é", "x" * 500, "x" * 501)}
    assert len(names) == 8
    assert all(len(name) < 80 and name.replace("-", "").isalnum() and name.isascii() for name in names)
