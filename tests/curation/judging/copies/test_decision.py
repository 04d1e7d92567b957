"""One photo of each set of copies stays, chosen in a fixed order; near copies do not refuse each other in a chain."""

import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.judging.copies.decision import (
    CLAIMED_TWICE,
    COPY_OF_REFUSED,
    DUPLICATE,
    PLACEHOLDER,
    CopyVerdict,
    copy_verdicts,
)
from curation.judging.copies.members import Form, Member, Standing
from curation.judging.copies.pairs import BYTES, HASH, NEAR, SCAN, SHOT

MANY = 20
FORM = Form("a camera's tables", 4032, 3024, "its segments", "its firmware", "LGE", "Nexus 5X")
REFUSED = {"standing": Standing.NOT_ACCUSED}


def member(number, **changes):
    """Return a clean photo of one camera; the higher its number, the later it was uploaded.

    Other changes than those of a member's fields are of its form.
    """
    when = f"2020-01-01T00:00:{number:02d}Z"
    form = FORM._replace(**{name: changes.pop(name) for name in FORM._fields if name in changes})
    plain = Member(
        number, f"flickr:{number}", "v", "nexus-5x", "", Standing.CLEAN, False, False, when, form, 3.0, 0, None
    )
    return plain._replace(**changes)


def equal(*numbers, kind=BYTES):
    """Return pairs that say that photos are equal, as `near` gives them."""
    return [(numbers[0], other, kind) for other in numbers[1:]]


def of(number):
    return CopyVerdict(DUPLICATE, f"flickr:{number}", "")


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
    assert copy_verdicts([member(1, **REFUSED, kept_before=True), member(2)], equal(1, 2), MANY) == {1: of(2)}


BETTER_FIRST = (
    {},
    {"is_proved": True},
    {"software_signs": -1},
    {"long_px": 5000},
    {"coarseness": 1.0},
    {"kept_before": True},
    {"uploaded_at": "2001-01-01T00:00:00Z"},
)


@pytest.mark.parametrize("place", range(1, len(BETTER_FIRST)))
@pytest.mark.parametrize("kind", [HASH, NEAR])
def test_evidence_comes_before_what_was_kept_before_and_that_before_the_upload(place, kind):
    worse = {name: value for better in BETTER_FIRST[place + 1 :] for name, value in better.items()}
    members = [member(1, **worse), member(2, **BETTER_FIRST[place])]
    assert copy_verdicts(members, [(1, 2, kind)], MANY) == {1: of(2)}


def test_a_copy_saved_again_does_not_stay_for_its_name_where_no_upload_time_is_known():
    saved_again = member(1, uploaded_at=None, software_signs=2, tables="of a program", coarseness=1.0)
    assert copy_verdicts([saved_again, member(2, uploaded_at=None)], [(1, 2, NEAR)], MANY) == {1: of(2)}


def test_the_one_kept_before_stays_among_equals_though_an_earlier_one_turns_up():
    members = [member(1), member(2, kept_before=True)]
    assert copy_verdicts(members, equal(1, 2), MANY) == {1: of(2)}


def test_a_copy_kept_before_goes_when_its_original_turns_up_and_takes_the_originals_group():
    members = [member(1, kept_before=True, group="thief", software_signs=2), member(2, group="owner")]
    assert copy_verdicts(members, [(1, 2, NEAR)], MANY) == {1: CopyVerdict(DUPLICATE, "flickr:2", "owner")}


def test_refused_copies_are_told_to_be_duplicates_too():
    members = [member(1, **REFUSED), member(2), member(3, **REFUSED)]
    assert copy_verdicts(members, equal(1, 2, 3), MANY) == {1: of(2), 3: of(2)}


def test_a_set_without_any_clean_photo_keeps_its_first_as_what_the_others_are_copies_of():
    members = [member(number, **REFUSED) for number in (1, 2, 3)]
    in_no_split = CopyVerdict(DUPLICATE, "flickr:1", None)
    assert copy_verdicts(members, equal(1, 2, 3), MANY) == {2: in_no_split, 3: in_no_split}


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


def test_what_is_near_nothing_but_a_copy_stays():
    members = [member(1, kept_before=True), member(2, **NIKON, is_proved=True), member(3, **NIKON, is_proved=True)]
    assert copy_verdicts(members, [(1, 3, NEAR), (2, 3, NEAR)], MANY) == {3: of(2)}


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
    members = [member(1), member(2, **NIKON, **REFUSED)]
    assert copy_verdicts(members, equal(1, 2), MANY) == {2: of(1)}


def test_near_pictures_are_copies_of_the_one_that_stays_and_do_not_chain():
    members = [member(number) for number in range(1, 6)]
    burst = [(number, number + 1, NEAR) for number in range(1, 5)]
    assert copy_verdicts(members, burst, MANY) == {2: of(1), 4: of(3)}
    assert copy_verdicts([*members[:2], members[2]._replace(is_proved=True), *members[3:]], burst, MANY) == {
        2: of(3), 4: of(3)
    }  # fmt: skip


def test_all_equal_copies_of_a_near_picture_are_copies_too():
    members = [member(number) for number in (1, 2, 3)]
    assert copy_verdicts(members, [(1, 3, NEAR), (2, 3, BYTES)], MANY) == {2: of(1), 3: of(1)}


def test_the_same_picture_of_very_many_photos_is_a_placeholder():
    members = [
        member(number, standing=Standing.NOT_ACCUSED if number == 3 else Standing.CLEAN) for number in range(MANY)
    ]
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
    """Return photos with any features, and pairs of any kind among them."""
    forms = st.sampled_from([FORM, FORM._replace(tables="of a program"), FORM._replace(segments="others")])
    features = st.tuples(
        st.sampled_from(["a", "b"]), st.sampled_from([Standing.CLEAN, *Standing]), st.booleans(), st.booleans(),
        st.integers(0, 3), forms, st.integers(0, 2), st.sampled_from([None, 7, 8]),
    )  # fmt: skip
    told = draw(st.lists(features, min_size=2, max_size=9))
    members = [
        Member(
            number, f"p{number}", "v", camera, "", Standing.CLEAN if proved else standing, proved, before,
            f"{when}" if when else None, form, 3.0, signs, thumbnail,
        )
        for number, (camera, standing, proved, before, when, form, signs, thumbnail) in enumerate(told)
    ]  # fmt: skip
    ids = st.sampled_from(range(len(members)))
    pairs = draw(st.lists(st.tuples(ids, ids, st.sampled_from([BYTES, SCAN, HASH, NEAR, NEAR, SHOT])), max_size=12))
    return Set(members, [pair for pair in pairs if pair[0] < pair[1]])


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
        if fate.reason == COPY_OF_REFUSED:
            assert not keeper.is_clean
        else:
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
    staying = {one.id: one for one in drawn.members if one.is_clean and one.id not in found}
    copies = [pair for pair in drawn.pairs if {*pair[:2]} <= staying.keys()]
    assert not [
        (one, other) for one, other, kind in copies if kind != SHOT or staying[one].is_same_shot(staying[other])
    ]


def test_a_copy_has_the_group_of_the_photo_that_stays():
    found = copy_verdicts([member(1, group="one"), member(2, group="two")], [(1, 2, BYTES)], MANY)
    assert found == {2: CopyVerdict(DUPLICATE, "flickr:1", "one")}


def test_refused_copies_of_a_near_copy_are_told_as_well():
    members = [member(1), member(2), member(3, **REFUSED)]
    found = copy_verdicts(members, [(1, 2, NEAR), (2, 3, BYTES)], MANY)
    assert found == {2: of(1), 3: of(1)}


def saved_again(number, **changes):
    """Return a clean photo as a program saves it: IJG tables, finer than the camera's, and JFIF before EXIF."""
    return member(number, tables="IJG 98", segments="JFIF first", coarseness=1.0, software_signs=2, **changes)


def of_refused(number):
    return CopyVerdict(COPY_OF_REFUSED, f"flickr:{number}")


@pytest.mark.parametrize("kind", [HASH, NEAR, SHOT])
@pytest.mark.parametrize("standing", [Standing.NOT_ACCUSED, Standing.DOUBTED])
def test_a_copy_saved_again_is_not_kept_in_the_stead_of_its_refused_original(kind, standing):
    members = [member(1, standing=standing), saved_again(2)]
    assert copy_verdicts(members, [(1, 2, kind)], MANY) == {2: of_refused(1)}


@pytest.mark.parametrize("kind", [HASH, NEAR, SHOT])
def test_a_genuine_photo_is_not_lost_because_somebody_edited_a_copy_of_it(kind):
    edited = saved_again(2, standing=Standing.ALTERED)
    hardly_compressed = member(3, standing=Standing.DOUBTED, tables="IJG 80", software_signs=1)
    reduced = member(4, **REFUSED, long_px=2016, short_px=1512)
    of_another_site = saved_again(5, **REFUSED)
    members = [member(1), edited, hardly_compressed, reduced, of_another_site]
    assert copy_verdicts(members, [(1, number, kind) for number in range(2, 6)], MANY) == {}


def test_what_a_camera_writes_proves_a_photo_whatever_was_refused():
    members = [member(1, **REFUSED), saved_again(2, is_proved=True)]
    assert copy_verdicts(members, [(1, 2, NEAR)], MANY) == {}


def test_frames_of_a_burst_are_not_lost_because_one_of_them_was_refused():
    burst = [member(1, **REFUSED), member(2), member(3, short_px=4032, long_px=3024)]
    assert copy_verdicts(burst[:2], [(1, 2, NEAR)], MANY) == {}


def test_segments_that_a_camera_adds_at_need_make_no_copy_but_jfif_before_exif_does():
    with_faces = member(2, segments="XMP too")
    assert copy_verdicts([member(1, **REFUSED), with_faces], [(1, 2, NEAR)], MANY) == {}
    same_tables = member(2, segments="JFIF first", software_signs=1)
    assert copy_verdicts([member(1, **REFUSED), same_tables], [(1, 2, NEAR)], MANY) == {2: of_refused(1)}


def test_the_shot_that_agrees_with_a_refused_one_stays_and_the_copy_that_does_not_is_its_copy():
    members = [member(1, **REFUSED), saved_again(2, uploaded_at="2001-01-01T00:00:00Z"), member(3)]
    pairs = [(1, 2, NEAR), (1, 3, NEAR), (2, 3, NEAR)]
    assert copy_verdicts(members, pairs, MANY) == {2: of(3)}


def test_another_camera_in_the_exif_of_the_same_scan_makes_a_copy_and_other_metadata_do_not():
    members = [member(1, **REFUSED), member(2, segments="without thumbnail", software="none")]
    assert copy_verdicts(members, [(1, 2, SCAN)], MANY) == {1: of(2)}
    relabelled = members[1]._replace(camera="iphone-6", form=FORM._replace(model="iPhone 6"))
    assert copy_verdicts([members[0], relabelled], [(1, 2, SCAN)], MANY)[2] == of_refused(1)


def test_a_name_that_nobody_knows_over_the_same_scan_takes_no_genuine_photo_away():
    renamed = member(2, standing=Standing.NOT_ACCUSED, camera=None, make="Foo", model="Foo")
    assert copy_verdicts([member(1), renamed], [(1, 2, SCAN)], MANY) == {2: of(1)}


@pytest.mark.parametrize("kind", [HASH, NEAR, SHOT])
def test_a_copy_compressed_harder_that_its_uploader_deletes_takes_no_genuine_photo_away(kind):
    deleted = member(2, standing=Standing.NOT_ACCUSED, tables="IJG 90", coarseness=5.0)
    assert 1 not in copy_verdicts([member(1), deleted], [(1, 2, kind)], MANY)


def test_refused_photos_that_look_alike_are_no_placeholder():
    members = [member(0), *(member(number, standing=Standing.ALTERED) for number in range(1, MANY))]
    assert copy_verdicts(members, equal(*range(MANY), kind=HASH), MANY) == {}


def test_clean_photos_are_equal_by_what_a_refused_one_joins():
    members = [member(1, standing=Standing.ALTERED), member(2), member(3)]
    assert copy_verdicts(members, equal(1, 2, 3, kind=HASH), MANY) == {3: of(2)}


def test_versions_of_one_shot_are_copies_and_frames_of_one_second_are_not():
    cropped = saved_again(2, thumbnail_bytes=9000)
    members = [member(1, thumbnail_bytes=9000), cropped]
    assert copy_verdicts(members, [(1, 2, SHOT)], MANY) == {2: of(1)}
    assert copy_verdicts([members[0], cropped._replace(thumbnail_bytes=9001)], [(1, 2, SHOT)], MANY) == {}
    assert copy_verdicts([members[0], member(2, thumbnail_bytes=9000)], [(1, 2, SHOT)], MANY) == {}


def test_without_thumbnails_other_tables_or_another_frame_tell_a_version_of_a_shot():
    for changes in ({"tables": "IJG 98"}, {"long_px": 4000}):
        found = copy_verdicts([member(1), member(2, **changes, software_signs=1)], [(1, 2, SHOT)], MANY)
        assert found == {2: of(1)}
    assert copy_verdicts([member(1), member(2, segments="XMP too")], [(1, 2, SHOT)], MANY) == {}
