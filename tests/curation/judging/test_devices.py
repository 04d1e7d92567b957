"""A device is its serial number whatever a photo came through, and it never lies on two sides of the data set."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from corpus.storage import open_store
from curation.generations import Ledger
from curation.judging.devices import DeviceGroup, device_of, device_sides, has_serial
from tests.curation.conftest import Corpus


@pytest.mark.parametrize(
    "serial",
    [None, "", "    ", "0", "000000000", "xxxxxx", "unknown", "None", "N/A", "123456789", "0123456789", "12", "---- "],
)
def test_implausible_serial_numbers_are_none(serial):
    assert not has_serial(serial)


@pytest.mark.parametrize(
    "serial", ["3223111", "NO= 20025295", "KCTFY62401197", "7d2ed18fec733f57faa2ea5415a75c9f", "SN01"]
)
def test_plausible_serial_numbers_tell(serial):
    assert has_serial(serial)


def test_a_device_is_its_maker_model_and_serial_number():
    device = device_of("NIKON CORPORATION", "NIKON D70", "3223111")
    assert device == device_of("Nikon", "nikon  d70", " 3223111 ")
    assert len(str(device)) == 16
    others = [("Canon", "NIKON D70", "3223111"), ("NIKON", "NIKON D90", "3223111"), ("NIKON", "NIKON D70", "3223112")]
    assert device not in {device_of(*other) for other in others}
    assert device_of("NIKON", "NIKON D70", None) is None


LEDGER = Ledger({"a" * 16: "train", "b" * 16: "test", "c" * 16: "train"}, {"a" * 16: 0, "b" * 16: 1, "c" * 16: 0})
DEVICE = "d" * 16


def sides(*groups, ledger=LEDGER):
    return device_sides([DeviceGroup(DEVICE, group * 16, *numbers) for group, *numbers in groups], ledger)


def test_new_photos_of_a_device_join_the_group_that_its_photos_are_in_already():
    found = sides(("a", 3, 3), ("d", 9, 0))
    assert (found.group, found.refused) == ({DEVICE: "a" * 16}, {})


def test_photos_on_the_smaller_of_two_sides_are_refused():
    found = sides(("a", 3, 3), ("b", 9, 2), ("d", 5, 0))
    assert (found.group, found.refused) == ({DEVICE: "a" * 16}, {DEVICE: {"b" * 16}})


def test_groups_on_one_side_stay_and_are_bound():
    found = sides(("a", 3, 3), ("c", 9, 2))
    assert (found.group, found.refused, found.bound) == ({DEVICE: "a" * 16}, {}, {"c" * 16: "a" * 16})


def test_two_folds_are_two_sides_as_well():
    ledger = Ledger(LEDGER.splits, LEDGER.folds | {"c" * 16: 4})
    assert sides(("a", 3, 3), ("c", 9, 2), ledger=ledger).refused == {DEVICE: {"c" * 16}}


def by_owner(corpus, photo, owners):
    """Publish a generation in which the photos of owners have no serial number: each owner is a group."""
    for owner in owners:
        for number in range(3):
            corpus.photo(f"{owner}{number}", photo(serial_number=None), owner_id=owner, uploaded_at="2020")
    corpus.publish()


def test_a_device_that_a_later_upload_tells_joins_the_side_of_its_owner(corpus, photo):
    by_owner(corpus, photo, ["ann", "bob", "cem"])
    before = corpus.rows()
    corpus.photo("ann0", photo(serial_number="SN0001"), owner_id="ann", version="v2", uploaded_at="2021")
    corpus.photo("new", photo(serial_number="SN0001"), owner_id="dan", uploaded_at="2021")
    rows = corpus.rows()
    assert rows["new"]["kept"]
    assert (rows["new"]["group"], rows["new"]["split"]) == (before["ann1"]["group"], before["ann1"]["split"])
    corpus.publish()
    corpus.photo("newer", photo(serial_number="SN0001"), owner_id="eva", uploaded_at="2022")
    assert corpus.rows()["newer"]["group"] == before["ann1"]["group"]


def test_a_device_whose_photos_lie_on_two_sides_is_refused_on_the_smaller_and_nothing_moves(corpus, photo):
    by_owner(corpus, photo, ["ann", "bob", "cem"])
    before = corpus.rows()
    assert len({before[f"{owner}0"]["split"] for owner in ("ann", "bob", "cem")}) == 3
    for key in ("ann0", "ann1", "bob0"):  # the site has replaced these files: now they tell their device
        corpus.photo(key, photo(serial_number="SN0001"), owner_id=key[:3], version="w", uploaded_at="2021")
    for _ in range(2):  # the same again in the generation after
        judged = corpus.judge()
        rows = {(row["photo"], row["version"]): row for table, _, _ in judged.parts for row in table.to_pylist()}
        bobs = rows["flickr:bob0", "w"]
        assert bobs["reasons"] == ["device_on_two_sides"]
        assert bobs["group"] == before["bob0"]["group"]
        assert {rows[f"flickr:ann{n}", "w"]["split"] for n in (0, 1)} == {before["ann0"]["split"]}
        assert rows["flickr:bob1", "v"]["split"] == before["bob1"]["split"]
        corpus.publish()


SERIALS = st.sampled_from([None, "SN0001", "SN0002", "SN0003", "0000"])
SCANS = st.sampled_from([None, None, "a1" * 16, "b2" * 16])
CODINGS = st.sampled_from(["baseline", "baseline", "baseline", "progressive"])
UPLOADS = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from("abcd"), SERIALS, SCANS, CODINGS), min_size=1, max_size=10
)
"""Of one crawl: which photo, in whose folder, the serial number of its file, a scan that others share, and a coding."""
FOLDS = st.sampled_from([2, 3])
CRAWLS = st.lists(st.tuples(UPLOADS, FOLDS, st.sampled_from([("iphone-6",), "all", "all"])), min_size=2, max_size=3)
"""Uploads, number of folds, and cameras: with only the other camera chosen, all are refused for the time being."""
A_SPELL_OF_REFUSAL = [
    (
        [
            *[(12, "a", None, None, "baseline")] * 2,
            (8, "a", "SN0001", None, "baseline"),
            (10, "b", "0000", "b2" * 16, "baseline"),
            (12, "c", "SN0001", None, "progressive"),
            (8, "c", "0000", "a1" * 16, "baseline"),
        ],
        3,
        "all",
    ),
    ([(12, "a", "SN0002", None, "baseline"), (11, "b", "SN0002", None, "baseline")], 3, ("iphone-6",)),
    ([(12, "b", "0000", None, "baseline")], 3, "all"),
]
"""A photo (8, "a") is kept, refused for the time being, and wanted again after its device has joined another group."""


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(crawls=CRAWLS)
@example(crawls=A_SPELL_OF_REFUSAL)
def test_no_serial_number_is_ever_on_two_sides_whatever_folders_owners_copies_and_refreshes(
    tmp_path_factory, catalogue, photo, crawls
):
    corpus = Corpus(open_store(str(tmp_path_factory.mktemp("tree"))), catalogue)
    was, serial_of = {}, {}
    for number, (uploads, folds, cameras) in enumerate(crawls):
        for place, (site_id, owner, serial, scan, coding) in enumerate(uploads):
            facts, version = photo(serial_number=serial, scan_digest=scan, coding=coding), f"{number}-{place}"
            corpus.photo(site_id, facts, owner_id=f"folder-{owner}", version=version, uploaded_at=f"20{number}{place}")
            serial_of[f"flickr:{site_id}", version] = serial
        published = corpus.publish(cameras, folds=folds)
        assert published.counts["leaks"]["serials"] == published.counts["leaks"]["serials_in_folds"] == 0
        rows = corpus.store.read_table(f"curated/{published.name}/photos.parquet").to_pylist()
        kept = {(row["photo"], row["version"]): (row["split"], row["fold"]) for row in rows if row["kept"]}
        sides = {}
        for upload, side in kept.items():
            if serial_of[upload] not in (None, "0000"):
                sides.setdefault(serial_of[upload], set()).add(side)
        assert all(len(of_serial) == 1 for of_serial in sides.values())
        now = {upload: split for upload, (split, _) in kept.items()}
        assert {upload: split for upload, split in now.items() if upload in was} == {
            upload: split for upload, split in was.items() if upload in now
        }
        was = was | now


def test_a_copy_of_a_refused_photo_does_not_carry_its_group_into_a_later_generation(corpus, photo):
    mine = {"serial_number": "SN0001", "scan_digest": "a1" * 16}
    corpus.photo("original", photo(**mine), owner_id="ann", uploaded_at="2020")
    corpus.photo("gallery", photo(**mine | {"serial_number": None}), owner_id="bob", uploaded_at="2019")
    for owner in ("cem", "dan", "eva"):
        corpus.photo(owner, photo(serial_number=None, model="iPhone 6", make="Apple", software="9.3"), owner_id=owner)
    corpus.publish(("iphone-6",))
    for number in range(4):
        corpus.photo(f"more{number}", photo(serial_number="SN0001"), owner_id="fay", uploaded_at="2021")
    published = corpus.publish()
    assert published.counts["leaks"]["serials"] == 0
    rows = corpus.rows()
    of_device = {rows[key]["split"] for key in ("original", "more0", "more3") if rows[key]["kept"]}
    assert len(of_device) == 1


def test_new_photos_of_a_device_join_its_larger_side_even_where_its_own_group_is_the_smaller(corpus, photo):
    corpus.photo("own", photo(serial_number="SN0001"), owner_id="zoe", uploaded_at="2020")
    by_owner(corpus, photo, ["ann", "bob", "cem"])
    before = corpus.rows()
    other = next(owner for owner in ("ann", "bob", "cem") if before[f"{owner}0"]["split"] != before["own"]["split"])
    corpus.store.remove("facts")  # a later examiner reads serial numbers that this one did not know
    for key, row in before.items():
        told = photo(serial_number="SN0001" if key == "own" or key.startswith(other) else None)
        corpus.photo(key, told, owner_id=row["owner_id"], uploaded_at="2020")
    corpus.photo("new", photo(serial_number="SN0001"), owner_id="eva", uploaded_at="2022")
    rows = corpus.rows()
    assert rows["own"]["reasons"] == ["device_on_two_sides"]
    assert rows["new"]["reasons"] == []
    assert rows["new"]["split"] == before[f"{other}0"]["split"]
