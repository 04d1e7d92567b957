"""One photo of each set of copies stays, chosen in a fixed order; near copies do not refuse each other in a chain."""

import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.judging.copies import CLAIMED_TWICE, DUPLICATE, PLACEHOLDER, CopyVerdict, Member, copy_verdicts
from curation.judging.copy_pairs import BYTES, HASH, NEAR, SCAN

MANY = 20


def member(number, **changes):
    """Return a clean photo of one camera; the higher its number, the later it was uploaded."""
    when = f"2020-01-01T00:00:{number:02d}Z"
    plain = Member(number, f"flickr:{number}", "v", "nexus-5x", None, True, False, False, when)
    return plain._replace(**changes)


def equal(*numbers, kind=BYTES):
    """Return pairs that say that photos are equal, as `near` gives them."""
    return [(numbers[0], other, kind) for other in numbers[1:]]


def of(number):
    return CopyVerdict(DUPLICATE, f"flickr:{number}")


def test_the_first_uploaded_stays_and_unknown_times_come_last():
    members = [member(1), member(2), member(3), member(0, uploaded_at=None)]
    assert copy_verdicts(members, equal(0, 1, 2, 3), MANY) == {2: of(1), 3: of(1), 0: of(1)}


@pytest.mark.parametrize("kind", [BYTES, SCAN, HASH])
def test_it_does_not_matter_by_what_photos_are_found_equal(kind):
    assert copy_verdicts([member(1), member(2)], equal(1, 2, kind=kind), MANY) == {2: of(1)}


def test_of_equal_times_the_smallest_key_stays_whatever_the_order():
    copies = [member(number, uploaded_at="2020-01-01T00:00:00Z") for number in range(9)]
    found = equal(*range(9))
    for seed in range(5):
        random.Random(seed).shuffle(copies)
        random.Random(seed).shuffle(found)
        assert copy_verdicts(copies, found, MANY) == {number: of(0) for number in range(1, 9)}


def test_of_two_uploads_of_one_photo_the_smaller_version_stays():
    members = [member(1, photo="flickr:1", version="b"), member(2, photo="flickr:1", version="a", uploaded_at=None)]
    members = [one._replace(uploaded_at=None) for one in members]
    assert copy_verdicts(members, equal(1, 2), MANY) == {1: of(1)}


def test_a_photo_that_no_rule_refuses_stays_before_all_others():
    assert copy_verdicts([member(1, is_clean=False, kept_before=True), member(2)], equal(1, 2), MANY) == {1: of(2)}


def test_the_one_kept_before_stays_though_an_earlier_or_a_proved_one_turns_up():
    members = [member(1, is_proved=True), member(2, kept_before=True)]
    assert copy_verdicts(members, equal(1, 2), MANY) == {1: of(2)}


def test_of_the_others_a_proved_one_stays_before_an_earlier_one():
    assert copy_verdicts([member(1), member(2, is_proved=True)], equal(1, 2), MANY) == {1: of(2)}


def test_refused_copies_are_told_to_be_duplicates_too():
    members = [member(1, is_clean=False), member(2), member(3, is_clean=False)]
    assert copy_verdicts(members, equal(1, 2, 3), MANY) == {1: of(2), 3: of(2)}


def test_a_set_without_any_clean_photo_keeps_its_first_as_what_the_others_are_copies_of():
    members = [member(number, is_clean=False) for number in (1, 2, 3)]
    assert copy_verdicts(members, equal(1, 2, 3), MANY) == {2: of(1), 3: of(1)}


def test_equality_joins_what_is_found_by_different_means():
    found = [(1, 2, BYTES), (2, 3, SCAN), (3, 4, HASH)]
    assert copy_verdicts([member(number) for number in (1, 2, 3, 4)], found, MANY) == {2: of(1), 3: of(1), 4: of(1)}


def test_photos_that_are_no_copies_have_no_fate():
    assert copy_verdicts([member(1), member(2)], [], MANY) == {}


NIKON = {"camera": "nikon-d70"}


def test_of_a_picture_that_two_cameras_claim_the_proved_one_stays():
    members = [member(1), member(2, **NIKON, is_proved=True)]
    assert copy_verdicts(members, equal(1, 2), MANY) == {1: of(2)}
    assert copy_verdicts([one._replace(kept_before=one.id == 1) for one in members], equal(1, 2), MANY) == {1: of(2)}


def test_what_is_a_copy_of_a_photo_that_is_one_itself_is_a_copy_of_that_ones_original():
    # the first gives way to the third, whose tables prove it, and that one to the second, proved and uploaded before
    members = [member(1, kept_before=True), member(2, **NIKON, is_proved=True), member(3, **NIKON, is_proved=True)]
    assert copy_verdicts(members, [(1, 3, NEAR), (2, 3, NEAR)], MANY) == {1: of(2), 3: of(2)}


@pytest.mark.parametrize("is_proved", [True, False])
def test_a_picture_that_two_cameras_claim_is_neithers_where_both_or_none_are_proved(is_proved):
    members = [member(1, is_proved=is_proved), member(2, **NIKON, is_proved=is_proved)]
    assert copy_verdicts(members, equal(1, 2), MANY) == {
        1: CopyVerdict(CLAIMED_TWICE, None),
        2: CopyVerdict(CLAIMED_TWICE, None),
    }
    assert copy_verdicts(members, [(1, 2, NEAR)], MANY) == {
        1: CopyVerdict(CLAIMED_TWICE, None),
        2: CopyVerdict(CLAIMED_TWICE, None),
    }


def test_refused_photos_claim_nothing():
    members = [member(1), member(2, **NIKON, is_clean=False)]
    assert copy_verdicts(members, equal(1, 2), MANY) == {2: of(1)}


def test_near_pictures_are_copies_of_the_one_that_stays_and_do_not_chain():
    members = [member(number) for number in range(1, 6)]
    burst = [(number, number + 1, NEAR) for number in range(1, 5)]
    assert copy_verdicts(members, burst, MANY) == {2: of(1), 4: of(3)}
    assert copy_verdicts([*members[:2], members[2]._replace(kept_before=True), *members[3:]], burst, MANY) == {
        2: of(3), 4: of(3)
    }  # fmt: skip


def test_all_equal_copies_of_a_near_picture_are_copies_too():
    members = [member(number) for number in (1, 2, 3)]
    assert copy_verdicts(members, [(1, 3, NEAR), (2, 3, BYTES)], MANY) == {2: of(1), 3: of(1)}


def test_the_same_picture_of_very_many_photos_is_a_placeholder():
    members = [member(number, is_clean=number != 3) for number in range(MANY)]
    assert copy_verdicts(members, equal(*range(MANY)), MANY) == {n: CopyVerdict(PLACEHOLDER, None) for n in range(MANY)}
    assert len(copy_verdicts(members[:-1], equal(*range(MANY - 1)), MANY)) == MANY - 2


def test_many_uploads_of_one_photo_are_no_placeholder():
    members = [member(number, photo="flickr:1", version=f"{number:02d}") for number in range(MANY)]
    found = copy_verdicts(members, equal(*range(MANY)), MANY)
    assert {fate.reason for fate in found.values()} == {DUPLICATE}


def test_what_is_near_a_placeholder_is_not_its_copy():
    members = [member(number) for number in range(MANY + 1)]
    found = copy_verdicts(members, [*equal(*range(MANY)), (5, MANY, NEAR)], MANY)
    assert MANY not in found


def test_pairs_of_near_pictures_alone_are_no_placeholder_however_many():
    members = [member(number) for number in range(MANY + 1)]
    found = copy_verdicts(members, [(0, number, NEAR) for number in range(1, MANY + 1)], MANY)
    assert {fate.reason for fate in found.values()} == {DUPLICATE}


@dataclass(frozen=True)
class Set:
    members: list[Member]
    pairs: list[tuple[int, int, int]]


@st.composite
def sets(draw):
    """Return photos with any features, and pairs among them: near ones of clean photos alone, as `passes` gives."""
    features = st.tuples(st.sampled_from(["a", "b"]), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 3))
    told = draw(st.lists(features, min_size=2, max_size=9))
    members = [
        Member(number, f"p{number}", "v", camera, None, clean or proved, proved, before, f"{when}" if when else None)
        for number, (camera, clean, proved, before, when) in enumerate(told)
    ]
    ids = st.sampled_from(range(len(members)))
    pairs = draw(st.lists(st.tuples(ids, ids, st.sampled_from([BYTES, SCAN, HASH, NEAR, NEAR])), max_size=12))
    clean = {one.id for one in members if one.is_clean}
    return Set(members, [pair for pair in pairs if pair[0] < pair[1] and (pair[2] != NEAR or {*pair[:2]} <= clean)])


@settings(deadline=None, max_examples=600)
@given(sets())
def test_what_a_copy_is_a_copy_of_stays_itself(drawn):
    found = copy_verdicts(drawn.members, drawn.pairs, MANY)
    by_photo = {one.photo: one for one in drawn.members}
    for copy, fate in found.items():
        if fate.of is None:
            assert fate.reason in (CLAIMED_TWICE, PLACEHOLDER)
            continue
        keeper = by_photo[fate.of]
        assert keeper.id != copy
        assert keeper.id not in found or found[keeper.id].reason == CLAIMED_TWICE


@settings(deadline=None, max_examples=200)
@given(sets(), st.randoms(use_true_random=False))
def test_verdicts_do_not_depend_on_the_order_in_which_photos_and_pairs_come(drawn, shuffled):
    members, pairs = list(drawn.members), list(drawn.pairs)
    shuffled.shuffle(members)
    shuffled.shuffle(pairs)
    assert copy_verdicts(members, pairs, MANY) == copy_verdicts(drawn.members, drawn.pairs, MANY)


@settings(deadline=None, max_examples=200)
@given(sets())
def test_no_two_photos_that_stay_are_a_pair_unless_rules_refuse_one_of_them(drawn):
    found = copy_verdicts(drawn.members, drawn.pairs, MANY)
    staying = {one.id for one in drawn.members if one.is_clean and one.id not in found}
    assert not [pair for pair in drawn.pairs if {*pair[:2]} <= staying]


def test_a_copy_has_the_group_of_the_photo_that_stays():
    found = copy_verdicts([member(1, group="one"), member(2, group="two")], [(1, 2, BYTES)], MANY)
    assert found == {2: CopyVerdict(DUPLICATE, "flickr:1", "one")}


def test_refused_copies_of_a_near_copy_are_told_as_well():
    members = [member(1), member(2), member(3, is_clean=False)]
    found = copy_verdicts(members, [(1, 2, NEAR), (2, 3, BYTES)], MANY)
    assert found == {2: CopyVerdict(DUPLICATE, "flickr:1"), 3: CopyVerdict(DUPLICATE, "flickr:1")}
