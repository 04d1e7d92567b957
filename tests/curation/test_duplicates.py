"""Equal bytes under several names: one stays."""

import random

from curation.duplicates import Candidate, duplicates


def candidate(photo, sha256="aa", uploaded_at="2020-01-01T00:00:00Z"):
    return Candidate(photo, "v", sha256, uploaded_at)


def test_the_first_uploaded_stays_across_sources():
    copies = [
        candidate("flickr:1", uploaded_at="2020-01-03T00:00:00Z"),
        candidate("wikimedia:9", uploaded_at="2020-01-01T00:00:00Z"),
        candidate("folder:x", uploaded_at=None),
    ]
    assert duplicates(copies, ()) == {("flickr:1", "v"), ("folder:x", "v")}


def test_of_equal_times_the_smallest_key_stays_whatever_the_order():
    copies = [candidate(f"flickr:{number}") for number in range(9)]
    for seed in range(5):
        random.Random(seed).shuffle(copies)
        assert duplicates(copies, ()) == {(f"flickr:{number}", "v") for number in range(1, 9)}


def test_the_one_kept_before_stays_though_an_earlier_upload_turns_up():
    copies = [candidate("flickr:1"), candidate("flickr:0", uploaded_at="2001-01-01T00:00:00Z")]
    assert duplicates(copies, [("flickr:1", "v")]) == {("flickr:0", "v")}


def test_different_bytes_are_no_duplicates():
    assert duplicates([candidate("flickr:1", "aa"), candidate("flickr:2", "bb")], ()) == set()
