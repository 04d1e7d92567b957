"""Records and facts are brought together, one row an upload, in parts that are ranges of keys."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.sections import Curation
from corpus.takedowns import takedown
from curation.cluster.spool import Spool
from curation.judging.gather import Parts, parts_of, pieces_of, read_piece, uploads_of
from curation.judging.inputs import find_inputs

KIND = "decoded"


def gathered(store, part_photos=100):
    """Return the parts as lists of (record, what was examined), each without what is null."""
    inputs, spool = find_inputs(store, KIND), Spool(None, "")
    parts = parts_of(inputs, part_photos)
    pieces = pieces_of(inputs, parts)
    for piece in pieces:
        read_piece(piece, spool)
    tables = [uploads_of(part, pieces, spool).to_pylist() for part in range(parts.number)]
    return [[(there(row), there(row.pop("examined"))) for row in table] for table in tables]


def there(row):
    """Return what is not null in a row."""
    if not isinstance(row, dict):
        return row
    return {name: there(value) for name, value in row.items() if value is not None and name != "examined"}


def photos(part):
    return [record["photo"].removeprefix("flickr:") for record, _ in part]


@pytest.fixture
def write(corpus):
    """Return what leaves the records added to the corpus as one window."""
    return lambda: corpus.write(Curation())


def test_every_upload_is_one_row_with_its_record_and_what_was_examined(corpus, photo, write):
    corpus.photo("1", photo())
    corpus.record("2", reasons=["download_forbidden"])
    write()
    ((first, second),) = gathered(corpus.store)
    assert (first[0]["photo"], first[1]["facts"]["model"]) == ("flickr:1", "Nexus 5X")
    assert first[0]["sha256"] == first[1]["sha256"]
    assert (second[0]["reasons"], second[1]) == (["download_forbidden"], None)
    assert None not in first[0].values()
    assert None not in first[1]["facts"].values()


def test_the_record_that_counts_is_the_best_of_all_windows_and_facts_are_found_wherever_they_stand(
    corpus, photo, write
):
    corpus.photo("1", photo(), title="first")
    write()
    corpus.record("1", state="stored", title="again")
    write()
    corpus.record("1", state="failed", title="last")
    write()
    ((row,),) = gathered(corpus.store)
    assert row[0]["title"] == "again"
    assert row[1]["facts"]["model"] == "Nexus 5X"


def test_an_original_examined_twice_is_one_row(corpus, photo, write):
    corpus.photo("1", photo())
    corpus.examined *= 2
    write()
    assert [len(part) for part in gathered(corpus.store)] == [1]


def test_facts_without_a_record_are_left_out(corpus, photo, write):
    corpus.photo("1", photo())
    corpus.photo("2", photo())
    del corpus.records[0]
    write()
    assert [photos(part) for part in gathered(corpus.store)] == [["2"]]


def test_of_a_forgotten_photo_nothing_but_its_key_comes_in(corpus, photo, write):
    corpus.photo("1", photo(make="A name that must not be seen"), title="A title that must not be seen")
    write()
    takedown(corpus.store, "flickr:1")
    ((row,),) = gathered(corpus.store)
    assert row == ({"photo": "flickr:1", "version": "v", "source": "flickr", "state": "refused",
                    "reasons": ["forgotten"]}, None)  # fmt: skip


def test_parts_hold_about_as_many_uploads_as_asked_for_and_follow_each_other_in_the_order_of_keys(corpus, write):
    for number in range(1000):
        corpus.record(number * 7 % 1000)
    write()
    parts = [photos(part) for part in gathered(corpus.store, 100)]
    assert [len(part) for part in parts] == [100] * 10
    assert [photo for part in parts for photo in part] == sorted(map(str, range(1000)))


def test_all_uploads_of_one_photo_are_in_one_part(corpus, write):
    for number in range(300):
        corpus.record("replaced" if number < 250 else number, version=f"{number:03d}")
    write()
    assert [len(part) for part in gathered(corpus.store, 100)] == [50, 250]


def test_no_upload_at_all_is_one_part_of_nothing(corpus, write):
    write()
    assert gathered(corpus.store) == [[]]


def test_text_of_any_language_and_hostile_characters_come_through(corpus, write):
    title = 'Zürich "写真"\u2028\n\\ \U0001f4f7 \x7f'
    corpus.record("1", title=title)
    write()
    ((row,),) = gathered(corpus.store)
    assert row[0]["title"] == title


@settings(deadline=None)
@given(st.lists(st.text(max_size=3), max_size=8, unique=True).map(sorted), st.text(max_size=3))
def test_a_photo_belongs_to_the_last_part_whose_first_key_is_not_behind_it(firsts, photo):
    part = Parts(tuple(firsts)).part_of(photo)
    assert 0 <= part < Parts(tuple(firsts)).number
    assert all(first <= photo for first in firsts[:part])
    assert all(first > photo for first in firsts[part:])
