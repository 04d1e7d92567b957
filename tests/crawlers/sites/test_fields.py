"""Values of an API's answer: what is usable, and that nothing else raises."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.sites import fields
from crawlers.sites.fields import WrongShape


@pytest.mark.parametrize(("value", "site_id"), [("17", "17"), (17, "17"), ("a_b-C", "a_b-C"), ("x" * 64, "x" * 64)])
def test_ids_are_short_names_or_numbers(value, site_id):
    assert fields.usable_id(value) == site_id


@pytest.mark.parametrize(
    "value", [None, "", True, -1, 1.5, {}, {"id": 1}, [17], "x" * 65, "../../x", "a\0", "a b", "１７", "17\n", 10**30]
)
def test_all_other_ids_are_unusable(value):
    assert fields.usable_id(value) is None


def test_an_entry_without_an_id_is_named_by_what_it_says():
    first, same = (fields.photo_key("flickr", None, entry) for entry in ({"a": 1, "b": 2}, {"b": 2, "a": 1}))
    assert first == same
    assert fields.photo_key("flickr", None, {"a": 2}) != first
    assert re.fullmatch("flickr:unnamed-[0-9a-f]{12}", first)


def test_an_entry_nested_too_deep_is_a_wrong_answer_and_no_crash():
    entry = []
    for _ in range(100_000):
        entry = [entry]
    with pytest.raises(WrongShape, match="too deep"):
        fields.photo_key("flickr", None, entry)


@pytest.mark.parametrize(
    "address",
    [
        "https://live.staticflickr.com/65535/17_abc_o.jpg",
        "http://127.0.0.1:8090/images/a/ab/Dawn_%26.jpg",
        "https://h/" + "x" * 1990,
    ],
)
def test_addresses_are_those_of_the_web(address):
    assert fields.address_or_none(address) == address


@pytest.mark.parametrize(
    "address",
    [
        *(None, 5, {}, "", "javascript:alert(1)", "ftp://h/x", "//h/x", "/x", "file:///etc/passwd", "https://"),
        *("https:///x", "https://h/a b", "https://h/\n", "https://h/\0", "https://[/x", "https://h:port/x"),
        *("https://h/é", "https://h/\ud800", "https://h/" + "x" * 1991, "https://h:99999/"),
    ],
)
def test_all_other_addresses_are_unusable(address):
    assert fields.address_or_none(address) is None


@pytest.mark.parametrize(("value", "number"), [(5, 5), ("5", 5), (0, 0), ("100", 100), (100, 100)])
def test_numbers_come_as_such_or_as_digits(value, number):
    assert fields.number_or_none(value, 100) == number


@pytest.mark.parametrize(
    "value", [None, True, -1, "-1", 101, "abc", "5.0", 5.0, math.inf, math.nan, "", "٥", "9" * 5000]
)
def test_all_else_is_no_number(value):
    assert fields.number_or_none(value, 100) is None


def test_texts_are_cut_and_nested_ones_are_none():
    assert fields.text_or_none("a\0b ") == "ab"
    assert fields.text_or_none(7) == "7"
    assert len(fields.text_or_none("x" * 5000)) == 1000
    assert [fields.text_or_none(value) for value in (None, "", " \0", [], {"a": "b"}, True, 1.5)] == [None] * 7


def test_moments_are_those_of_the_calendar():
    assert fields.moment_or_none("2020-02-29T00:00:00Z") == "2020-02-29T00:00:00Z"
    wrong = ("2021-02-29T00:00:00Z", "2020-01-01", 5, None, "0000-00-00T00:00:00Z", "2020-01-01T00:00:00Z ")
    assert [fields.moment_or_none(value) for value in wrong] == [None] * len(wrong)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner), max_leaves=5
)


@given(JSON)
def test_no_value_whatever_makes_reading_it_raise(value):
    for read in (fields.usable_id, fields.text_or_none, fields.address_or_none, fields.moment_or_none):
        assert read(value) is None or isinstance(read(value), str)
    number = fields.number_or_none(value, fields.INT32_MAX)
    assert number is None or 0 <= number <= fields.INT32_MAX


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("a<br>b", "a b"),
        ("<style>p {}</style><p>Zo&eacute;</p>\n<p>X</p>", "Zoé X"),
        ("an <b>open tag", "an open tag"),
        ("1 &lt; 2", "1 < 2"),
        ("<script>alert(1)</script>Ann<!-- no -->", "Ann"),
        ("Ann \ud800", "Ann ?"),  # half of a surrogate pair
        ("<b>" * 5000 + "deep", ""),  # deeper than libxml2 reads
        ("before <![x[ after", "before"),  # no HTML: what came before it counts
    ],
)
def test_html_is_reduced_to_its_text(html, text):
    assert fields.plain_text(html) == text


def test_a_piece_without_end_is_cut():
    assert len(fields.plain_text("x" * 10 * fields.HTML_MAX)) == fields.HTML_MAX


@given(st.text(alphabet="<>![]-&#;?/ax \"'=\0\ud800", max_size=60))
def test_no_piece_whatever_raises(html):
    text = fields.plain_text(html)
    assert text == " ".join(text.split())
