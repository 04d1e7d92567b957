"""The counts of a generation are the same whether counted in parts or as a whole; leaks between splits are found."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.records import CURATED
from curation.judging.counts import SAMPLES, Tally, counts, tally
from curation.reasons import REASONS

NAMES = {"nexus-5x": ("LG Nexus 5X", True)}


def row(number, reasons=(), **columns):
    kept = not reasons
    cells = dict.fromkeys(CURATED.names) | {
        "photo": f"flickr:{number:03d}", "version": "v", "source": "flickr", "kept": kept, "reasons": list(reasons),
        "camera": "nexus-5x", "group": "ab"[number % 2] * 16, "split": ("train", "test")[number % 2] if kept else None,
        "fold": number % 2 if kept else None, "sha256": f"{number:016x}".ljust(64, "0"), "width_px": 3024,
        "height_px": 4032, "quality_factor": 90 + number % 9, "size_bytes": 1000 + number, "taken_at": "2016:05:01",
        "owner_id": f"o{number % 2}", "licence": "CC BY 2.0", "editor_marks": [], "id": number, "serial": None,
        "device": None,
    }  # fmt: skip
    return cells | columns


ROWS = [
    row(0),
    row(1),
    row(2),
    row(3, ("edited_by_software", "truncated")),
    row(4, ("truncated",)),
    row(5, ("duplicate",), duplicate_of="flickr:000"),
]


def count(rows, paired=(), pairs=()):
    return counts(tally(rows, paired), NAMES, [], pairs)


def test_funnel_counts_every_reason_and_what_is_left_after_it_in_photos_and_bytes():
    steps = [(step["reason"], step["refused"], step["first"], step["remaining"]) for step in count(ROWS)["funnel"]]
    assert steps == [("edited_by_software", 1, 1, 5), ("truncated", 2, 1, 4), ("duplicate", 1, 1, 3)]
    step = count(ROWS)["funnel"][1]
    assert (step["refused_bytes"], step["first_bytes"], step["remaining_bytes"]) == (2007, 1004, 6015 - 2007)
    assert step["meaning"] == REASONS["truncated"]


def test_a_photo_counts_for_a_reason_alone_where_no_other_refuses_it():
    steps = {step["reason"]: (step["alone"], step["alone_bytes"]) for step in count(ROWS)["funnel"]}
    assert steps == {"edited_by_software": (0, 0), "truncated": (1, 1004), "duplicate": (1, 1005)}


def test_a_reason_that_todays_program_does_not_know_is_counted_last():
    steps = count([row(0, ("an_old_idea",)), row(1, ("duplicate",))])["funnel"]
    assert [step["reason"] for step in steps] == ["duplicate", "an_old_idea"]
    assert "does not know" in steps[1]["meaning"]


def test_counts_are_plain_data_of_this_shape():
    found = count([*ROWS, row(6, source="wikimedia", licence=None)])
    assert json.loads(json.dumps(found)) == found
    assert list(found) == [
        "photos", "kept", "size_bytes", "kept_bytes", "funnel", "sources", "cameras", "quality", "megapixels",
        "licences", "leaks", "hubs",
    ]  # fmt: skip
    assert (found["photos"], found["kept"], found["size_bytes"], found["kept_bytes"]) == (7, 4, 7021, 4009)
    assert found["sources"]["wikimedia"] == {
        "photos": 1, "kept": 1, "wanted": 0, "size_bytes": 1006, "kept_bytes": 1006,
    }  # fmt: skip
    assert found["licences"] == {"?": 1, "CC BY 2.0": 3}
    assert found["quality"] == {"kept": {"90": 1, "91": 1, "92": 1, "96": 1}, "refused": {"93": 1, "94": 1, "95": 1}}
    assert found["megapixels"] == {"kept": {"12.2": 4}, "refused": {"12.2": 3}}


def test_counts_tell_cameras_groups_splits_and_turned_sizes_alike():
    camera = count([*ROWS, row(6, width_px=4032, height_px=3024)])["cameras"]["nexus-5x"]
    assert (camera["photos"], camera["kept"], camera["groups"], camera["owners"]) == (7, 4, 2, 2)
    assert camera["sizes"] == {"4032x3024": 4}
    assert camera["splits"]["train"] == {"photos": 3, "groups": 1}
    assert camera["splits"]["validation"] == {"photos": 0, "groups": 0}
    assert camera["folds"] == {"0": 3, "1": 1}
    assert (camera["name"], camera["listed"], camera["kept_bytes"]) == ("LG Nexus 5X", True, 4009)


def test_devices_are_groups_that_a_serial_number_tells():
    own = {"device": "d" * 16}
    rows = [row(0, **own), row(2, **own), row(1), row(3, ("truncated",), device="e" * 16)]
    assert count(rows)["cameras"]["nexus-5x"]["devices"] == 1


def test_a_camera_that_no_catalogue_lists_goes_by_its_key():
    camera = count([row(0, camera="kodak-z650")])["cameras"]["kodak-z650"]
    assert (camera["name"], camera["listed"]) == ("kodak-z650", False)


@pytest.mark.parametrize(
    ("taken_at", "year"), [("2016:05:01", "2016"), (None, "?"), ("0000:00:00", "?"), ("1970:01:01", "?"), ("abcd", "?")]
)
def test_years_are_those_that_a_digital_camera_can_have_seen(taken_at, year):
    assert count([row(0, taken_at=taken_at)])["cameras"]["nexus-5x"]["years"] == {year: 1}


def test_photos_without_a_camera_a_size_or_a_length_are_counted():
    bare = row(0, ("download_failed",), camera=None, width_px=None, height_px=None, size_bytes=None, source=None)
    found = count([bare])
    assert (found["photos"], found["size_bytes"], found["cameras"]) == (1, 0, {})
    assert found["sources"]["?"]["photos"] == 1


def test_nothing_at_all_is_counted_too():
    found = count([])
    assert (found["photos"], found["funnel"], found["cameras"]) == (0, [], {})
    assert set(found["leaks"].values()) == {0}
    assert counts(Tally(), {}, [], [])["leaks"] == found["leaks"]


NO_LEAKS = {"serials": 0, "serials_in_folds": 0, "groups": 0, "bytes": 0, "scans": 0, "near": 0, "owners": 0}


def test_a_judgement_without_leaks_has_none():
    assert count(ROWS, {0, 2}, [(0, 2)])["leaks"] == NO_LEAKS


@pytest.mark.parametrize(
    ("planted", "leaks"),
    [
        ({"group": "a" * 16}, {"groups": 1}),
        ({"serial": "NIKON\nD70 \nsn1234"}, {"serials": 1, "serials_in_folds": 1}),
        ({"serial": "NIKON\nD70 \nsn1234", "fold": 0}, {"serials": 1}),
        ({"serial": "NIKON\nD90\nsn1234"}, {}),
        ({"sha256": row(0)["sha256"]}, {"bytes": 1, "scans": 1}),  # without a scan of their own, files stand for it
        ({"scan_digest": "ab" * 16}, {"scans": 1}),
        ({"owner_id": "o0"}, {"owners": 1}),
        ({"owner_id": "o0", "camera": "nikon-d70"}, {}),
    ],
)
def test_leaks_between_splits_are_found_where_they_are_planted(planted, leaks):
    first = {"scan_digest": "ab" * 16 if "scan_digest" in planted else None, "serial": "NIKON CORPORATION\nD70\nSN1234"}
    rows = [row(0, **first), row(1, **planted)]
    assert count(rows)["leaks"] == NO_LEAKS | leaks
    same_side = [rows[0], rows[1] | {"split": "train", "fold": 0}]
    assert count(same_side)["leaks"] == NO_LEAKS


def test_owners_whom_a_site_does_not_name_are_no_leak():
    assert count([row(0, owner_id=None), row(1, owner_id=None)])["leaks"] == NO_LEAKS


def test_near_copies_on_two_sides_are_a_leak():
    assert count(ROWS, {0, 1}, [(0, 1)])["leaks"] == NO_LEAKS | {"near": 1}
    assert count(ROWS, {0, 5}, [(0, 5)])["leaks"] == NO_LEAKS  # the copy was refused


def test_of_each_reason_a_few_examples_are_kept_the_first_by_key_with_what_they_show():
    rows = [row(n, ("not_native_size",), original=f"originals/{n}.jpg") for n in range(20)]
    samples = tally(rows).samples["not_native_size"]
    assert [one["original"] for one in samples] == [f"originals/{n}.jpg" for n in range(SAMPLES)]
    assert samples[0]["value"] == "nexus-5x, 3024x4032, quality 90"
    total = tally(rows[:4])
    total.add(tally(rows[4:]))
    assert total.samples == tally(rows).samples
    (copy,) = tally(ROWS).samples["duplicate"]
    assert copy["value"].endswith("copy of flickr:000")


KINDS = st.sampled_from([(), ("truncated",), ("not_colour", "truncated"), ("duplicate",)])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 9), KINDS, st.sampled_from(["a", "b", None])), max_size=40), st.data())
def test_the_sum_of_the_tallies_of_parts_is_the_tally_of_the_whole(told, data):
    rows = [
        row(number, reasons, camera=camera or "a", owner_id=camera, group=f"{number % 3}")
        for number, reasons, camera in told
    ]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    total = Tally()
    for start, end in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        total.add(tally(rows[start:end], {1, 2, 3}))
    whole = tally(rows, {1, 2, 3})
    assert total == whole
    assert [one.tolist() for one in total.split_of()] == [one.tolist() for one in whole.split_of()]
    pairs = [(1, 2), (2, 3)]
    assert counts(total, NAMES, [], pairs) == count(rows, {1, 2, 3}, pairs)


def test_photos_whose_picture_can_be_shown_are_the_better_samples():
    rows = [
        row(number, ("truncated",), original=None if number < 7 else f"originals/{number}.jpg") for number in range(9)
    ]
    shown = ["originals/7.jpg", "originals/8.jpg", None, None, None, None]
    assert [one["original"] for one in tally(rows).samples["truncated"]] == shown
    total = tally(rows[:5])
    total.add(tally(rows[5:]))
    assert total.samples == tally(rows).samples


def test_tables_far_from_all_of_the_ijgs_are_counted_and_told_as_own():
    found = count([row(0, quality_residual=3.75), row(1, ("truncated",), quality_residual=2.0), row(2)])
    assert found["quality"] == {"kept": {"92": 1, "own": 1}, "refused": {"own": 1}}
    samples = tally([row(1, ("truncated",), quality_residual=2.0)]).samples["truncated"]
    assert samples[0]["value"] == "nexus-5x, 3024x4032, own tables, nearest 91"
