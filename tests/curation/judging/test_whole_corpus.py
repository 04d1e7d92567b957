"""Judgement of all photos together: copies, learning, splits and caps, the same for any division into parts."""

import hashlib

import pytest

from corpus.records import CURATED
from corpus.sections import Consensus, Rules, Support
from corpus.storage import open_store
from curation.facts.examine import PhotoKey, Trouble, facts_row

pytestmark = pytest.mark.slow

SHORTLY_BEFORE, LONG_BEFORE = "2020-01-01T00:00:00Z", "2019-01-01T00:00:00Z"


def test_every_record_gets_a_row_whatever_became_of_it_ordered_by_key(corpus, photo):
    corpus.photo("5", photo())
    corpus.photo("4", None)
    corpus.record("3", state="failed", error="HTTP 500")
    corpus.record("2", state="deleted")
    corpus.record("1", reasons=["download_forbidden"])
    corpus.record("0", reasons=["low_quality_factor"], facts=facts_row(photo(is_complete=None)))
    rows = corpus.rows()
    assert [(site_id, row["reasons"]) for site_id, row in rows.items()] == [
        ("0", ["not_downloaded"]), ("1", ["download_forbidden"]), ("2", ["deleted_at_source"]),
        ("3", ["download_failed"]), ("4", ["unreadable"]), ("5", []),
    ]  # fmt: skip
    assert all(list(row) == CURATED.names for row in rows.values())
    assert all(row["kept"] == (row["reasons"] == []) == (row["split"] is not None) for row in rows.values())
    assert all((row["fold"] is not None) == row["kept"] for row in rows.values())


def test_a_store_whose_windows_found_no_photo_is_judged_too(corpus):
    assert corpus.rows() == {}


def test_genuine_photo_is_kept_with_its_group_in_the_ledger(corpus, photo):
    corpus.photo("1", photo(serial_number="SN0001"))
    judged = corpus.judge()
    assert judged.ledger.splits.keys() == judged.ledger.folds.keys()
    (split,) = judged.ledger.splits.values()
    assert split == "train"


def test_an_original_that_could_not_be_examined_has_its_trouble_as_its_reason(corpus, photo):
    corpus.photo("1", photo())
    trouble = Trouble(PhotoKey("flickr:1", "v"), "original_lost", "no file")
    row = corpus.rows(troubles=[trouble])["1"]
    assert (row["reasons"], row["error"]) == (["original_lost"], "no file")


def test_of_equal_bytes_one_is_kept_and_refused_copies_are_called_duplicates_too(corpus, photo, digest):
    same = {"sha256": digest("same")}
    corpus.photo("1", photo(), **same, uploaded_at=SHORTLY_BEFORE, owner_id="ann")
    corpus.photo("2", photo(), **same, uploaded_at=LONG_BEFORE, owner_id="bob")
    corpus.photo("3", photo(coding="progressive"), **same, uploaded_at="2001-01-01T00:00:00Z")
    judged = corpus.judge()
    rows = {row["photo"]: row for table, _, _ in judged.parts for row in table.to_pylist()}
    told = [(row["reasons"], row["duplicate_of"]) for row in rows.values()]
    assert told == [(["duplicate"], "flickr:2"), ([], None), (["not_baseline", "duplicate"], "flickr:2")]
    assert list(judged.ledger.splits) == [rows["flickr:2"]["group"]]
    assert judged.hubs == [{"photo": "flickr:2", "copies": 2, "reason": "duplicate"}]


def test_copies_are_found_by_bytes_by_scan_and_by_sight_across_owners_and_sources(corpus, photo, digest):
    seen = digest("seen")
    nearly = f"{int(seen, 16) ^ 0b1011:064x}"
    corpus.photo("0", photo(scan_digest="ab" * 16), sha256=digest("bytes"), seen=seen, uploaded_at=LONG_BEFORE)
    corpus.photo("1", photo(), sha256=digest("bytes"), owner_id="bob")
    corpus.photo("2", photo(scan_digest="ab" * 16), owner_id="cleo", source="wikimedia")
    corpus.photo("3", photo(), seen=nearly, owner_id="dan")
    corpus.photo("4", photo(), seen=digest("another"), owner_id="eve")
    rows = corpus.rows()
    assert [row["duplicate_of"] for row in rows.values()] == [None, *["flickr:0"] * 3, None]
    assert [rows["3"]["reasons"], corpus.rows(near_bits=2)["3"]["reasons"]] == [["duplicate"], []]


def test_pictures_that_look_alike_are_looked_for_among_clean_photos_alone(corpus, photo, digest):
    corpus.photo("1", photo(), seen=digest("seen"))
    corpus.photo("2", photo(coding="progressive"), seen=digest("seen"))
    assert [row["reasons"] for row in corpus.rows().values()] == [[], ["not_baseline"]]


def test_a_deleted_photo_is_no_copy_of_what_is_still_there(corpus, photo, digest):
    corpus.record("1", state="deleted", sha256=digest("same"), uploaded_at=LONG_BEFORE)
    corpus.photo("2", photo(), sha256=digest("same"))
    rows = corpus.rows()
    assert [row["reasons"] for row in rows.values()] == [["deleted_at_source"], []]


def test_the_same_picture_behind_many_photos_stands_in_for_them_all(corpus, photo, digest):
    for number in range(6):
        corpus.photo(number, photo(), sha256=digest("not available"), owner_id=f"owner{number}")
    judged = corpus.judge(placeholder_copies=6)
    assert judged.hubs == [{"photo": "", "copies": 6, "reason": "placeholder"}]
    assert {tuple(row["reasons"]) for row in corpus.rows(placeholder_copies=6).values()} == {("placeholder",)}
    assert sum(row["kept"] for row in corpus.rows(placeholder_copies=7).values()) == 1


def test_a_picture_that_two_cameras_claim_is_left_to_neither_unless_one_is_proved(corpus, photo, digest):
    apple = {"make": "Apple", "model": "iPhone 6", "software": "9.3.1", "width_px": 3264, "height_px": 2448}
    corpus.photo("1", photo(scan_digest="ab" * 16))
    corpus.photo("2", photo(**apple, exif_width_px=None, scan_digest="ab" * 16), owner_id="bob")
    assert [row["reasons"] for row in corpus.rows().values()] == [["claimed_by_two_cameras"]] * 2

    native = {"tables_digest": "11" * 8, "segments_form": "22" * 8}
    for number in range(6):  # now the tables of one of them are learned
        corpus.photo(f"more{number}", photo(**native), owner_id=f"owner{number}")
    corpus.photo("3", photo(**native, scan_digest="cd" * 16), uploaded_at=SHORTLY_BEFORE)
    corpus.photo("4", photo(**apple, exif_width_px=None, scan_digest="cd" * 16), uploaded_at=LONG_BEFORE)
    rows = corpus.rows()
    assert (rows["3"]["reasons"], rows["4"]["reasons"], rows["4"]["duplicate_of"]) == ([], ["duplicate"], "flickr:3")
    assert rows["1"]["reasons"][-1] == "duplicate"  # it is refused for its tables, which are not its camera's


def test_what_an_earlier_generation_decided_stays(corpus, photo, digest):
    for number in range(5):
        corpus.photo(number, photo(), owner_id=f"owner{number}")
    first = corpus.rows()
    corpus.publish()
    corpus.photo("copy", photo(), sha256=digest("bytes of flickr:0 v"), uploaded_at="1999-01-01T00:00:00Z")
    for number in range(9):
        corpus.photo(f"more{number}", photo(), owner_id=f"newcomer{number}")
    again = corpus.rows()
    assert (again["copy"]["reasons"], again["copy"]["duplicate_of"]) == (["duplicate"], "flickr:0")
    assert all(again[site_id][name] == row[name] for site_id, row in first.items() for name in ("split", "fold"))


def test_the_ledger_remembers_groups_whose_photos_are_gone(corpus, photo):
    corpus.photo("1", photo(serial_number="SN0001"))
    corpus.publish()
    before = corpus.judge().ledger
    corpus.record("1", state="deleted")
    corpus.photo("2", photo(), owner_id="bob")
    assert corpus.rows()["1"]["reasons"] == ["deleted_at_source"]
    after = corpus.judge().ledger
    assert before.splits.items() < after.splits.items()
    assert before.folds.items() < after.folds.items()


def test_a_photo_whose_owner_changed_keeps_its_group_and_with_it_its_side(corpus, photo):
    for number in range(8):
        corpus.photo(number, photo(), owner_id=f"owner{number}")
    first = corpus.rows()
    corpus.publish()
    tested = next(site_id for site_id, row in first.items() if row["split"] == "test")
    corpus.photo(tested, photo(), owner_id="a new name")
    corpus.photo("late", photo(), owner_id="a new name")
    rows = corpus.rows()
    assert rows[tested]["owner_id"] == "a new name"
    assert (rows[tested]["group"], rows[tested]["split"]) == (first[tested]["group"], "test")
    assert rows["late"]["group"] not in {row["group"] for row in first.values()}


def move(corpus, old, new, facts, **columns):
    """Move a file as a crawl of a folder finds it: its photo is deleted, and its bytes are those of a new one."""
    sha256 = columns.pop("sha256", None) or hashlib.sha256(f"bytes of flickr:{old} v".encode()).hexdigest()
    corpus.record(old, state="deleted", sha256=sha256)
    corpus.photo(new, facts, sha256=sha256, **columns)


def test_a_photo_that_was_moved_keeps_its_side_and_is_no_copy(corpus, photo, digest):
    for number in range(8):
        corpus.photo(number, photo(scan_digest=digest(number, 32)), owner_id=f"owner{number}")
    first = corpus.rows()
    corpus.publish()
    for number in range(8):
        move(corpus, number, f"new{number}", photo(scan_digest=digest(number, 32)), owner_id="one for all")
    rows = corpus.rows()
    for number in range(8):
        old, new = rows[str(number)], rows[f"new{number}"]
        assert (old["reasons"], new["reasons"]) == (["deleted_at_source"], [])
        assert [new[name] for name in ("group", "split", "fold")] == [
            first[str(number)][name] for name in ("group", "split", "fold")
        ]
    corpus.publish()
    assert [corpus.rows()[f"new{number}"]["group"] for number in range(8)] == [
        first[str(number)]["group"] for number in range(8)
    ]


def test_a_label_that_was_corrected_by_moving_its_file_is_no_claim_of_two_cameras(corpus, photo, digest):
    bare = photo(make=None, model=None, software=None, scan_digest=digest("scan", 32))
    corpus.photo("wrong", bare, labelled_camera="iphone-6")
    corpus.publish()
    move(corpus, "wrong", "right", bare, labelled_camera="nexus-5x")
    rows = corpus.rows()
    assert (rows["right"]["reasons"], rows["right"]["camera"]) == ([], "nexus-5x")
    assert rows["wrong"]["reasons"] == ["deleted_at_source", "no_camera_model"]  # what is gone has no label


def test_a_refused_photo_that_is_gone_is_no_copy_either(corpus, photo, digest):
    facts = photo(scan_digest=digest("scan", 32))
    corpus.record("gone", state="deleted", facts=facts_row(facts), uploaded_at=LONG_BEFORE)
    corpus.photo("there", facts)
    assert [row["reasons"] for row in corpus.rows().values()] == [["deleted_at_source"], []]


def test_a_moved_photo_counts_as_kept_before_among_its_copies(corpus, photo, digest):
    seen = digest("seen")
    corpus.photo("z", photo(), seen=seen, owner_id="ann")
    corpus.publish()
    move(corpus, "z", "zz", photo(), seen=seen, owner_id="eve")
    corpus.photo("a", photo(), seen=seen, owner_id="bob", uploaded_at=LONG_BEFORE)
    rows = corpus.rows()
    assert (rows["a"]["reasons"], rows["zz"]["reasons"]) == (["duplicate"], [])


def test_another_number_of_folds_deals_them_anew_and_leaves_the_splits(corpus, photo):
    for number in range(9):
        corpus.photo(number, photo(), owner_id=f"owner{number}")
    corpus.publish()
    five, three = corpus.judge(folds=5).ledger, corpus.judge(folds=3).ledger
    assert five.splits == three.splits
    assert (set(five.folds.values()), set(three.folds.values())) == ({0, 1, 2, 3, 4}, {0, 1, 2})


@pytest.fixture
def of_one_owner(corpus, photo):
    """Return a corpus with six photos of one owner and one of each of three others."""
    for number in range(6):
        corpus.photo(number, photo(), owner_id="ann")
    for number in range(6, 9):
        corpus.photo(number, photo(), owner_id=f"owner{number}")
    return corpus


def test_no_more_photos_of_an_owner_and_camera_are_kept_than_the_cap(of_one_owner):
    rows = of_one_owner.rows(owner_photos_max=2)
    anns = [tuple(row["reasons"]) for row in rows.values() if row["owner_id"] == "ann"]
    assert sorted(anns) == [(), (), *[("beyond_owner_cap",)] * 4]
    assert all(row["kept"] for row in rows.values() if row["owner_id"] != "ann")
    assert {row["kept"] for row in of_one_owner.rows(owner_photos_max=0).values()} == {True}


def test_photos_beyond_the_cap_do_not_count_where_splits_are_made(corpus, photo):
    for number in range(60):
        corpus.photo(f"a{number}", photo(), owner_id="ann")
        corpus.photo(f"b{number}", photo(), owner_id=f"owner{number // 2}")
    kept = [row for row in corpus.rows(owner_photos_max=2).values() if row["kept"]]
    assert len(kept) == 62
    # were ann's 60 counted, hers would be the only group that trains
    assert sum(row["split"] == "train" for row in kept) in (30, 32)


def test_those_kept_before_stay_when_their_owner_comes_to_the_cap(of_one_owner, photo):
    kept = {site_id for site_id, row in of_one_owner.rows(owner_photos_max=4).items() if row["kept"]}
    of_one_owner.publish(owner_photos_max=4)
    for number in range(10, 40):
        of_one_owner.photo(number, photo(), owner_id="ann")
    rows = of_one_owner.rows(owner_photos_max=4)
    assert {site_id for site_id, row in rows.items() if row["kept"]} == kept


def test_owners_whom_a_site_does_not_name_are_not_one_owner_to_the_cap(corpus, photo):
    for number in range(6):
        corpus.photo(number, photo(), owner_id=None)
    assert all(row["kept"] for row in corpus.rows(owner_photos_max=2).values())


def test_the_cap_is_of_an_owner_at_one_site_and_of_one_camera(corpus, photo):
    apple = photo(make="Apple", model="iPhone 6", software="9.3.1", width_px=3264, height_px=2448, exif_width_px=None)
    for number in range(2):
        corpus.photo(f"a{number}", photo(), source="flickr")
        corpus.photo(f"b{number}", photo(), source="wikimedia")
        corpus.photo(f"c{number}", apple)
    assert all(row["kept"] for row in corpus.rows(owner_photos_max=2).values())


LEAST = Support(photos_min=6, owners_min=4)


def by_a_kodak(photo, **changes):
    """Return facts of a photo by a camera that the catalogue does not list."""
    return photo(make="KODAK", model="Z650", software=None, width_px=2832, height_px=2128, **changes)


def test_cameras_enter_by_support_listed_or_not_and_others_are_told_to_have_too_little(corpus, photo):
    for number in range(6):
        corpus.photo(f"kodak{number}", by_a_kodak(photo, exif_width_px=None), owner_id=f"owner{number}")
        corpus.photo(f"nexus{number}", photo(), owner_id=f"owner{number}")
        corpus.photo(f"casio{number}", photo(make="CASIO", model="EX-Z3", software=None), owner_id=f"owner{number % 3}")
    corpus.photo("apple", photo(make="Apple", model="iPhone 6", software="9.3.1", width_px=3264, height_px=2448,
                                exif_width_px=None))  # fmt: skip
    rows = corpus.rows(LEAST)
    told = {(row["camera"], tuple(row["reasons"])) for row in rows.values()}
    assert told == {
        ("kodak-z650", ()), ("nexus-5x", ()), ("casio-ex-z3", ("too_little_support",)),
        ("iphone-6", ("too_little_support",)),
    }  # fmt: skip


def test_unlisted_cameras_are_held_to_what_was_learned_of_them(corpus, photo):
    for number in range(6):
        facts = by_a_kodak(photo, exif_width_px=None, tables_digest="11" * 8, quality_factor=88)
        corpus.photo(number, facts, owner_id=f"owner{number}")
    corpus.photo("resized", photo(make="KODAK", model="Z650", software=None, width_px=640, height_px=480,
                                  exif_width_px=None, tables_digest="11" * 8))  # fmt: skip
    corpus.photo("saved again", by_a_kodak(photo, exif_width_px=None, tables_digest="22" * 8))
    rows = corpus.rows(LEAST)
    assert all(rows[str(number)]["kept"] for number in range(6))  # of quality 88, by nature
    assert rows["resized"]["reasons"] == ["not_native_size"]
    assert rows["saved again"]["reasons"] == ["not_native_tables"]


def test_to_a_closed_catalogue_cameras_that_it_does_not_list_stay_unknown_but_are_learned_of(corpus, photo):
    for number in range(6):
        corpus.photo(number, by_a_kodak(photo, exif_width_px=None), owner_id=f"owner{number}")
    judged = corpus.judge()
    assert {"kodak-z650"} == {row["camera"] for row in judged.learned if row["photos"]}
    assert {tuple(row["reasons"]) for row in corpus.rows().values()} == {("camera_unknown",)}


def test_natives_are_learned_from_clean_photos_and_copies_count_once(corpus, photo, digest):
    for number in range(6):
        corpus.photo(f"a{number}", photo(tables_digest="11" * 8), owner_id=f"owner{number}")
        # one picture, shown by six owners under other metadata
        copy = photo(tables_digest="22" * 8, scan_digest="ab" * 16)
        corpus.photo(f"b{number}", copy, owner_id=f"thief{number}")
        edited = photo(tables_digest="33" * 8, editor_marks=("app13: Photoshop 3.0",))
        corpus.photo(f"c{number}", edited, owner_id=f"owner{number}")
    judged = corpus.judge()
    tables = {row["value"]: (row["photos"], row["owners"], row["native"]) for row in judged.learned
              if (row["camera"], row["aspect"]) == ("nexus-5x", "tables")}  # fmt: skip
    assert tables == {"11" * 8: (6, 6, True), "22" * 8: (1, 1, False)}
    rows = corpus.rows()
    assert all(rows[f"a{number}"]["kept"] for number in range(6))
    assert "not_native_tables" in rows["b0"]["reasons"]


def test_switches_of_the_rules_and_thresholds_of_consensus_are_heeded(corpus, photo):
    for number in range(6):
        corpus.photo(number, photo(tables_digest="11" * 8), owner_id=f"owner{number}")
    corpus.photo("odd", photo(tables_digest="22" * 8), owner_id="bob")
    assert corpus.rows()["odd"]["reasons"] == ["not_native_tables"]
    assert corpus.rows(rules=Rules(native_tables=False))["odd"]["kept"]
    assert corpus.rows(consensus=Consensus(photos_min=7))["odd"]["kept"]
    assert corpus.rows(consensus=Consensus(photos_min=1, owners_min=1))["odd"]["kept"]


@pytest.fixture(scope="module")
def made(tmp_path_factory, varied_corpus):
    """Return a corpus of 300 uploads with all that can befall a photo, in an order of no meaning."""
    return varied_corpus(open_store("corpus", tmp_path_factory.mktemp("made")))


def test_parts_of_any_size_give_the_same_verdicts(made, rows_judged):
    at_once, in_parts = made.judge(LEAST), made.judge(LEAST, judge_photos=100)
    assert (at_once.number_of_parts, in_parts.number_of_parts) == (1, 3)
    assert rows_judged(at_once) == rows_judged(in_parts)
    for name in ("learned", "ledger", "hubs"):
        assert getattr(at_once, name) == getattr(in_parts, name)
        assert getattr(at_once, name)
    assert at_once.pairs.tolist() == in_parts.pairs.tolist() != []
