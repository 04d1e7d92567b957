"""Given splits: how a list of official splits and folds is read, and what it binds."""

import json

import pyarrow as pa
import pytest

from corpus.errors import ConfigurationError
from corpus.storage import open_store
from curation.generations import Ledger
from curation.judging.given_splits import (
    DISAGREES,
    NO_FOLD,
    TWO_SPLITS,
    Answer,
    GivenSplits,
    Vote,
    bind,
    read_given_splits,
)

SHA = "ab" * 32


def read(text, folds=5):
    return read_given_splits(text.encode(), "list.csv", folds)


def test_a_list_by_path_names_photos_of_the_folder():
    assert read("path,split,fold\nD01/a.jpg,train,0\n./D02/b.jpg,test,\nc.jpg,,4\n").by_photo == {
        "folder:D01/a.jpg": Answer("train", 0), "folder:D02/b.jpg": Answer("test", None),
        "folder:c.jpg": Answer(None, 4),
    }  # fmt: skip


def test_a_list_by_key_or_by_sha256():
    assert read("photo,split\nflickr:4711,test\n").by_photo == {"flickr:4711": Answer("test", None)}
    assert read(f"sha256,fold\n{SHA.upper()},3\n").by_sha256 == {SHA: Answer(None, 3)}


def test_other_columns_quotes_a_byte_order_mark_and_empty_lines_are_no_fault():
    text = '\ufeffcamera, path ,split\r\nX,"a, b.jpg", test \r\n\r\nX,c.jpg,\r\n'
    assert read(text).by_photo == {"folder:a, b.jpg": Answer("test", None)}


def test_the_same_answer_twice_is_one_answer():
    assert read("path,split\na.jpg,test\na.jpg,test\n").by_photo == {"folder:a.jpg": Answer("test", None)}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1 does not name the columns; it needs one of path, photo, sha256, and split or fold"),
        ("path\na.jpg\n", "line 1 does not name the columns"),
        ("split\ntest\n", "line 1 does not name the columns"),
        ("path,sha256,split\n", "line 1 does not name the columns"),
        ("path,split,split\n", "line 1 does not name the columns"),
        ("path,split\na.jpg,train\nb.jpg,validate\n", "line 3: split 'validate' is not one of train, validation, test"),
        ("path,split\na.jpg\n", "line 2 has 1 cells, the first line 2"),
        ("path,split\na.jpg,train\nb.jpg,test\na.jpg,test\n", "line 4 gives a.jpg another answer than line 2"),
        ("path,split\n\n,train\n", "line 3: '' is not a path below sources.folder.path"),
        ("path,split\n/data/a.jpg,train\n", "line 2: '/data/a.jpg' is not a path below sources.folder.path"),
        ("path,fold\na.jpg,5\n", "line 2: fold '5' is not within 0..4; curation.folds is 5"),
        ("path,fold\na.jpg,-1\n", "line 2: fold '-1' is not within 0..4"),
        ("path,fold\na.jpg,one\n", "line 2: fold 'one' is not within 0..4"),
        ("sha256,split\nabc,train\n", "line 2: 'abc' is not a SHA-256, 64 hex digits"),
        ("photo,split\n4711,train\n", "line 2: '4711' is not the key of a photo, such as flickr:4711"),
        ('path,split\n"a.jpg,train\n', "line 2 is not CSV: unexpected end of data"),
        ('path,split\n"a"b.jpg,train\n', "line 2 is not CSV: ',' expected after '\"'"),
    ],
)
def test_a_fault_is_told_with_its_line(text, sentence):
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    assert str(caught.value).startswith(f"list.csv: {sentence}")


def test_a_list_that_is_not_utf_8_is_told_with_its_line():
    with pytest.raises(ConfigurationError, match=r"list\.csv: line 2 is not UTF-8"):
        read_given_splits(b"path,split\ncaf\xe9.jpg,train\n", "list.csv", 5)


def test_a_photo_has_two_answers_where_its_key_and_its_bytes_have_different_ones():
    given = GivenSplits({"folder:a": Answer("test", None)}, {SHA: Answer("train", None)})
    assert given.answers("folder:a", SHA) == [Answer("test", None), Answer("train", None)]
    assert given.answers("folder:b", SHA) == [Answer("train", None)]
    assert given.answers("folder:b", None) == []


def test_answers_that_name_no_photo_are_counted():
    given = GivenSplits({"folder:a": Answer("test", None), "folder:b": Answer("test", None)}, {SHA: Answer(None, 1)})
    uploads = pa.table({"photo": ["folder:a", "folder:x"], "sha256": [SHA, None]})
    assert given.number_found(uploads) == (2, 3)


def vote(number, group, split="", fold=NO_FOLD, *, stays=True):
    return Vote(number, "camera", group, split, fold, stays)


def bound(*votes, splits=None, folds=None):
    found = bind(votes, Ledger(splits or {}, folds or {}))
    json.dumps([found.ledger.splits, found.ledger.folds])  # plain data
    return found.ledger.splits, found.ledger.folds, {one: each.reason for one, each in found.refused.items()}


def test_a_photos_answer_binds_its_group():
    assert bound(vote(1, "g", "test"), vote(2, "h", "train", 3)) == ({"g": "test", "h": "train"}, {"h": 3}, {})


def test_of_a_group_that_is_given_two_splits_the_fewer_are_refused():
    votes = [vote(1, "g", "train"), vote(2, "g", "test"), vote(3, "g", "test")]
    assert bound(*votes) == ({"g": "test"}, {}, {1: TWO_SPLITS})
    assert bound(*votes[:2]) == ({"g": "train"}, {}, {2: TWO_SPLITS})  # equal numbers: the first in SPLITS


def test_of_a_group_that_is_given_two_folds_the_fewer_are_refused():
    assert bound(vote(1, "g", fold=4), vote(2, "g", fold=2), vote(3, "g", fold=4)) == ({}, {"g": 4}, {2: TWO_SPLITS})


def test_a_photo_whose_key_and_bytes_are_given_two_splits_is_refused():
    assert bound(vote(1, "g", "train"), vote(1, "g", "test"))[2] == {1: TWO_SPLITS}


def test_copies_do_not_outvote_the_photo_that_stays_but_are_heard_where_it_has_no_answer():
    copies = [vote(number, "g", "test", stays=False) for number in range(2, 9)]
    splits, _, refused = bound(vote(1, "g", "train"), *copies)
    assert (splits, set(refused)) == ({"g": "train"}, set(range(2, 9)))
    assert bound(*copies) == ({"g": "test"}, {}, {})


def test_what_the_ledger_says_is_not_moved_and_the_photos_that_disagree_are_refused():
    votes = [vote(1, "g", "test", 0), vote(2, "g", "train", 1), vote(3, "h", "test")]
    assert bound(*votes, splits={"g": "train", "x": "test"}, folds={"g": 1}) == (
        {"g": "train", "x": "test", "h": "test"}, {"g": 1}, {1: DISAGREES},
    )  # fmt: skip


def test_a_refusal_says_what_was_given_and_what_its_group_has():
    refused = bind([vote(1, "g", "test"), vote(2, "h", fold=3)], Ledger({"g": "train"}, {"h": 0})).refused
    assert [refused[one].text for one in (1, 2)] == [
        "split test was given, its group has train", "fold 3 was given, its group has 0",
    ]  # fmt: skip


def splits_of(rows):
    return {site_id: row["split"] or row["reasons"] for site_id, row in rows.items()}


@pytest.mark.slow
def test_given_splits_and_folds_hold_for_whole_groups_and_the_others_are_assigned(corpus, photo):
    for number in range(6):
        corpus.photo(f"a{number}", photo(serial_number="SN0001"))
        corpus.photo(f"b{number}", photo(), owner_id="bob")
        corpus.photo(f"c{number}", photo(), owner_id=f"owner{number}")
    given = GivenSplits({"flickr:a0": Answer("validation", 4)}, {corpus.records[1]["sha256"]: Answer("test", 2)})
    rows = corpus.rows(given=given)
    assert {(row["split"], row["fold"]) for site_id, row in rows.items() if site_id[0] == "a"} == {("validation", 4)}
    assert {(row["split"], row["fold"]) for site_id, row in rows.items() if site_id[0] == "b"} == {("test", 2)}
    # both are held by given ones: most of what is left trains
    assert {row["split"] for site_id, row in rows.items() if site_id[0] == "c"} == {"train"}


@pytest.mark.slow
def test_a_leak_of_the_list_is_refused_counted_and_not_in_the_generation(corpus, photo, digest):
    for number in range(3):
        corpus.photo(f"a{number}", photo(serial_number="SN0001"))
    corpus.photo("b", photo(), owner_id="bob", sha256=digest("same"))
    corpus.photo("copy", photo(), owner_id="eve", sha256=digest("same"))
    given = GivenSplits({
        "flickr:a0": Answer("train", None), "flickr:a1": Answer("train", None), "flickr:a2": Answer("test", None),
        "flickr:b": Answer("train", None), "flickr:copy": Answer("test", None),
    })  # fmt: skip
    published = corpus.publish(given=given)
    rows = {
        row["photo"][7:]: row for row in corpus.store.read_table(f"curated/{published.name}/photos.parquet").to_pylist()
    }
    assert splits_of(rows) == {
        "a0": "train", "a1": "train", "a2": [TWO_SPLITS], "b": "train", "copy": ["duplicate", TWO_SPLITS],
    }  # fmt: skip
    assert rows["a2"]["error"] == "split test was given, its group has train"
    counted = {step["reason"]: step["refused"] for step in published.counts["funnel"]}
    assert counted == {"duplicate": 1, TWO_SPLITS: 2}
    assert published.counts["leaks"] == dict.fromkeys(published.counts["leaks"], 0)


@pytest.mark.slow
def test_a_given_split_does_not_move_what_an_earlier_generation_has_placed(corpus, photo):
    for number in range(4):
        corpus.photo(number, photo(), owner_id=f"owner{number}")
    first = splits_of(corpus.rows())
    corpus.publish()
    trained = next(site_id for site_id, split in first.items() if split == "train")
    given = GivenSplits({f"flickr:{trained}": Answer("test", None), "flickr:new": Answer("test", None)})
    corpus.photo("new", photo(), owner_id="newcomer")
    assert splits_of(corpus.rows(given=given)) == {**first, trained: [DISAGREES], "new": "test"}


@pytest.mark.slow
def test_any_division_into_parts_gives_the_same(varied_corpus, tmp_path, rows_judged):
    made = varied_corpus(open_store("corpus", tmp_path))
    given = {
        f"flickr:{row['photo'][7:]}": Answer(("train", "test")[n % 2], n % 5) for n, row in enumerate(made.records)
    }
    judged = [made.judge(given=GivenSplits(given), judge_photos=size) for size in (100, 10_000)]
    rows = [rows_judged(each) for each in judged]
    assert rows[0] == rows[1]
    assert any(TWO_SPLITS in row["reasons"] for row in rows[0].values())
