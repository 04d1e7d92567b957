"""Owners: which part of a path is a person."""

import math

import pytest

from corpus.validation import CHOICES_MAX, check_pattern
from crawlers.folder.owners import PATH_CHARACTERS_MAX, owner_of


@pytest.mark.parametrize("path", ["a.jpg", "ann/a.jpg", "ann/2016/a.jpg"])
def test_without_a_word_about_owners_the_whole_tree_is_one(path):
    assert owner_of(path, None) is None


def test_a_level_names_the_folder_at_that_depth():
    assert owner_of("canon/ann/roll 1/a.jpg", 1) == "canon"
    assert owner_of("canon/ann/roll 1/a.jpg", 2) == "ann"


def test_one_person_below_several_folders_is_one_owner():
    assert owner_of("canon/ann/a.jpg", 2) == owner_of("nikon/ann/b/c.jpg", 2)


def test_a_path_that_the_level_does_not_reach_belongs_to_the_whole_tree():
    assert owner_of("ann/a.jpg", 2) is None
    assert owner_of("a.jpg", 1) is None  # the file itself is no folder


def test_a_pattern_names_the_owner_by_its_group():
    pattern = r"[^/]+/(?P<owner>[^/]+) - "
    assert owner_of("2016/ann - holidays/a.jpg", pattern) == "ann"
    assert owner_of("2016/line\nbreak - x/a.jpg", pattern) == "line\nbreak"
    assert owner_of("2016/holidays/a.jpg", pattern) is None
    assert owner_of("x/2016/ann - holidays/a.jpg", pattern) is None  # it is matched from the beginning


def test_an_owner_without_a_name_is_the_whole_trees():
    assert owner_of("x/a.jpg", "(?P<owner>y?)") is None


def test_a_collections_device_is_its_owner_unless_the_configuration_says_otherwise():
    assert owner_of("D01_X/images/nat/a.jpg", None, "vision D01") == "vision D01"
    assert owner_of("ann/D01_X/images/nat/a.jpg", 1, "vision D01") == "ann"


def test_a_long_path_is_not_matched_since_a_match_may_take_the_longer_the_longer_it_is():
    assert owner_of("a" * PATH_CHARACTERS_MAX, "(?P<owner>a+)") == "a" * PATH_CHARACTERS_MAX
    assert owner_of("a" * (PATH_CHARACTERS_MAX + 1), "(?P<owner>a+)") is None


def test_the_slowest_pattern_that_is_taken_has_less_than_three_million_ways_to_match_a_path():
    slowest = "(?P<owner>" + ".*" * CHOICES_MAX + ")!"
    check_pattern(slowest, "owner")
    with pytest.raises(ValueError, match="repeats"):
        check_pattern(f".*{slowest}", "owner")
    assert math.comb(PATH_CHARACTERS_MAX + CHOICES_MAX, CHOICES_MAX) < 3_000_000
