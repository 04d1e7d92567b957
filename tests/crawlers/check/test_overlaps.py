"""What contradicts itself in a catalogue, and what it leaves open."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.cameras.catalogue import BUILT_IN, Camera, Catalogue, read_catalogue
from crawlers.check.overlaps import CatalogueFinding, check_catalogue, common_string


def camera(key: str, **fields: object) -> Camera:
    whole = {
        "name": key, "make": ["Acme"], "model": [key], "sizes": ["4000x3000"], "software": ["Ver.[0-9]*"],
        "tables": ["0123456789abcdef"], "flickr": f"acme/{key}", "commons": f"Taken with Acme {key}",
        "wikidata": f"Q{len(key)}{ord(key[-1])}", "source": ["a manual"],
    }  # fmt: skip
    return Camera.model_validate({"key": key, **whole, **fields})


def check(*cameras: Camera) -> list[CatalogueFinding]:
    return check_catalogue(Catalogue(cameras=cameras))


def test_the_built_in_catalogue_has_neither_overlaps_nor_contradictions() -> None:
    assert [finding.text for finding in check_catalogue(read_catalogue(BUILT_IN)) if finding.is_fault] == []


def test_nothing_is_said_of_complete_entries_that_differ() -> None:
    assert check(camera("one"), camera("two")) == []


@pytest.mark.parametrize(
    ("one", "two", "common"),
    [
        ("iPhone 6", "iPhone 6s", None),
        ("iPhone 6*", "iPhone 6s", "iphone 6s"),
        ("iPhone 6", "IPHONE 6", "iphone 6"),
        ("SM-N900*", "SM-N910*", None),
        ("GT-I9300*", "GT-I9300I", "gt-i9300i"),
        ("XT109[0-9]", "XT1095", "xt1095"),
        ("XT109[0-4]", "XT109[5-9]", None),
        ("XT109[!0-4]", "XT109[3-6]", "xt1095"),
        ("*7K", "NEX-?*", "nex-7k"),
        ("a*b*c", "a?c", "abc"),
        ("a*b*c", "a??c", "abbc"),
        ("[", "[", "["),
        ("*", "*", ""),
    ],
)
def test_a_text_that_two_patterns_match_is_found_exactly(one: str, two: str, common: str | None) -> None:
    found = common_string(one, two)
    assert (found is None) == (common is None)
    if found is not None and common is not None:
        assert len(found) <= len(common)
        assert fnmatchcase(found, one.casefold())
        assert fnmatchcase(found, two.casefold())


@settings(deadline=None, max_examples=300)
@given(st.text("ab*?", max_size=6), st.text("ab*?", max_size=6), st.lists(st.text("ab", max_size=6), max_size=30))
def test_no_text_is_overlooked(one: str, two: str, texts: list[str]) -> None:
    found = common_string(one, two)
    if found is None:
        assert not [text for text in texts if fnmatchcase(text, one) and fnmatchcase(text, two)]
    else:
        assert fnmatchcase(found, one)
        assert fnmatchcase(found, two)


def test_an_overlap_comes_with_the_string_that_both_take() -> None:
    (finding,) = check(camera("iphone-6", model=["iPhone 6*"]), camera("iphone-6s", model=["iPhone 6s"]))
    assert (finding.kind, finding.is_fault, finding.cameras) == ("overlap", True, ("iphone-6", "iphone-6s"))
    assert finding.text == "make 'acme' with model 'iphone 6s' is taken by iphone-6 and iphone-6s"


def test_equal_models_of_two_makers_are_no_overlap() -> None:
    assert check(camera("one", model=["Z1"]), camera("two", model=["Z1"], make=["Borea"])) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "Acme"), ("flickr", "acme/x"), ("commons", "Taken with Acme X"), ("wikidata", "Q42")],
)
def test_what_leads_to_two_cameras_is_a_contradiction(field: str, value: str) -> None:
    (finding,) = check(camera("one", **{field: value}), camera("two", **{field: value}), camera("three"))
    assert (finding.kind, finding.field, finding.cameras) == ("contradiction", field, ("one", "two"))
    assert repr(value).casefold() in finding.text.casefold()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"software": ["*"]}, "matches whatever stands there"),
        ({"model": ["?*"]}, "matches whatever stands there"),
        ({"model": ["Acme  One"]}, "matches nothing"),
        ({"make": ["Acme "]}, "matches nothing"),
    ],
)
def test_patterns_that_match_all_or_nothing_are_contradictions(fields: dict[str, object], words: str) -> None:
    (finding,) = check(camera("one", **fields))
    assert finding.is_fault
    assert words in finding.text


@pytest.mark.parametrize("size", ["4000x3000", "3000x4000", "6000x4000", "5312x2988", "2448x2448", "4032x1908"])
def test_sizes_in_usual_aspect_ratios_are_not_remarked_upon(size: str) -> None:
    assert check(camera("one", sizes=[size])) == []


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        (["4000x3100"], "no usual aspect ratio"),
        (["4001x3001"], "odd number of pixels"),
        (["4000x3000", "3000x4000"], "both orientations"),
    ],
)
def test_unusual_sizes_are_worth_a_look_but_no_fault(sizes: list[str], words: str) -> None:
    (finding,) = check(camera("one", sizes=sizes))
    assert (finding.kind, finding.is_fault) == ("size", False)
    assert words in finding.text


@pytest.mark.parametrize("field", ["software", "tables", "flickr", "commons", "wikidata", "source"])
def test_what_entries_leave_open_is_counted_and_no_fault(field: str) -> None:
    empty = None if field in ("flickr", "commons", "wikidata") else ()
    without = [camera(f"c{number}", **{field: empty}) for number in range(7)]
    (finding,) = check(*without, camera("whole"))
    assert (finding.kind, finding.field, finding.is_fault) == ("gap", field, False)
    assert finding.text.startswith("7 of 8 cameras have none")
    assert finding.text.endswith("c0, c1, c2, c3, c4 and 2 more")
    assert finding.cameras == tuple(f"c{number}" for number in range(7))
