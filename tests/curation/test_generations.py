"""What a generation hands to the next one: the split of every group, and the photos that it kept."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.errors import StageError
from corpus.records import CURATED
from corpus.storage import open_store
from curation.generations import (
    Before,
    Ledger,
    Moved,
    Past,
    folds_in,
    generation_named,
    latest_generation,
    tables_of,
)  # fmt: skip
from curation.judging.refresh.state.files import write_arrow
from curation.judging.refresh.state.ledger import Sides

NAME = "0007-aaaaaaaaaa"


@pytest.fixture
def store(tmp_path):
    return open_store("data", tmp_path)


def row(number, *, kept=True, version="v", group="aa", **columns):
    told = {"photo": f"flickr:{number:03d}", "version": version, "kept": kept, "group": group, "reasons": []}
    has_side = kept or columns.get("duplicate_of") is not None
    return dict.fromkeys(CURATED.names) | told | {"has_side": has_side} | columns


def leave(store, rows=(), splits=None, folds=None, name=NAME, rows_of_a_group=4):
    """Leave a generation with these rows and this ledger."""
    written = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), CURATED), written, row_group_size=rows_of_a_group)
    store.publish(f"curated/{name}/photos.parquet", written.getvalue())
    store.publish_json(f"curated/{name}/splits.json", splits or {one["group"]: "train" for one in rows})
    store.publish_json(f"curated/{name}/folds.json", folds or {"folds": 5, "groups": {}})
    store.mark_done(f"curated/{name}", {})
    return Past(store, name)


def test_before_the_first_generation_nothing_is_known(store):
    assert latest_generation(store) is None
    past = Past(store, None)
    assert past.ledger(5) == Ledger({}, {})
    assert past.kept("", "~") == {}


def test_the_ledger_has_the_split_and_the_fold_of_every_group(store):
    past = leave(store, splits={"g1": "train", "g2": "test"}, folds={"folds": 5, "groups": {"g1": 0, "g2": 4}})
    assert past.ledger(5) == Ledger({"g1": "train", "g2": "test"}, {"g1": 0, "g2": 4})


def test_the_ledger_of_another_number_of_folds_starts_anew_and_its_splits_stay(store):
    past = leave(store, splits={"g1": "train"}, folds={"folds": 5, "groups": {"g1": 3}})
    assert past.ledger(4) == Ledger({"g1": "train"}, {})


def test_the_ledger_of_a_refresh_lies_in_files_that_generations_share(store):
    told = Ledger({"00000000000000aa": "train", "00000000000000ff": "test"}, {"00000000000000ff": 4})
    path = f"tables/{write_arrow(store, 'tables', Sides.of_ledger(told).table())}.arrow"
    store.publish_json(f"curated/{NAME}/ledger.json", {"folds": 5, "files": [path]})
    assert Past(store, NAME).ledger(5) == told
    assert Past(store, NAME).ledger(4) == Ledger(told.splits, {})
    assert folds_in(store, NAME) == 5
    assert tables_of(store, NAME) == [path]


def test_photos_that_were_kept_are_told_with_their_versions_and_their_group(store):
    rows = [row(0), row(1, kept=False), row(2, version="a", group="bb"), row(2, version="b", group="bb"),
            row(2, version="c", group="bb", kept=False)]  # fmt: skip
    assert leave(store, rows).kept("flickr:000", "flickr:999") == {
        "flickr:000": Before(frozenset({"v"}), {"v": "aa"}),
        "flickr:002": Before(frozenset({"a", "b"}), {"a": "bb", "b": "bb"}),
    }


def test_uploads_of_one_photo_stay_each_in_its_own_group_and_a_new_one_joins_an_earlier_ones(store):
    rows = [row(0, version="a", group="bb"), row(0, version="b", group="aa")]
    before = leave(store, rows).kept("flickr:000", "flickr:999")["flickr:000"]
    assert [before.group_of(version) for version in ("a", "b", "new")] == ["bb", "aa", "aa"]


def test_a_copy_is_told_with_the_group_of_the_photo_it_is_a_copy_of(store):
    rows = [row(0), row(1, kept=False, duplicate_of="flickr:000", group="aa")]
    assert leave(store, rows).kept("", "~")["flickr:001"] == Before(frozenset(), {"v": "aa"})


def test_bytes_that_were_kept_are_told_with_their_group_and_so_are_copies_of_kept_ones(store):
    rows = [
        row(0, sha256="1" * 64), row(1, sha256="1" * 64, kept=False, duplicate_of="flickr:000", group="bb"),
        row(2, sha256="2" * 64, kept=False, duplicate_of="flickr:000", group="cc"),
        row(3, sha256="3" * 64, kept=False), row(4, sha256="4" * 64),
    ]  # fmt: skip
    assert leave(store, rows).moved(["1" * 64, "2" * 64, "3" * 64]) == {
        "1" * 64: Moved("aa", True), "2" * 64: Moved("cc", False),
    }  # fmt: skip
    assert Past(store, None).moved(["1" * 64]) == {}


@pytest.mark.parametrize(("first", "last"), [(0, 99), (13, 14), (12, 15), (7, 93), (50, 50), (100, 200)])
def test_a_range_of_keys_is_told_whole_and_nothing_beside_it(store, first, last):
    past = leave(store, [row(number) for number in range(100)])
    found = past.kept(f"flickr:{first:03d}", f"flickr:{last:03d}")
    assert sorted(found) == [f"flickr:{number:03d}" for number in range(first, min(last, 99) + 1)]


def test_only_the_row_groups_that_hold_a_range_are_read(store):
    past, path = leave(store, [row(number) for number in range(100)]), f"curated/{NAME}/photos.parquet"
    data = bytearray(store.read(path))
    metadata = pq.read_metadata(io.BytesIO(data))
    first, after = (metadata.row_group(at).column(0).dictionary_page_offset for at in (2, 4))
    footer = len(data) - 8 - metadata.serialized_size
    data[4:first], data[after:footer] = bytes(first - 4), bytes(footer - after)
    store.publish(path, bytes(data))
    assert list(past.kept("flickr:010", "flickr:013")) == [f"flickr:{number:03d}" for number in range(10, 14)]
    with pytest.raises(OSError, match=r"(?i)page|decompress|deserialize|thrift|corrupt"):
        past.kept("flickr:010", "flickr:016")


def test_generations_are_counted_beyond_four_digits(store):
    store.mark_done("curated/9999-aaaaaaaaaa", {})
    store.mark_done("curated/10000-aaaaaaaaaa", {})
    assert latest_generation(store) == "10000-aaaaaaaaaa"


def test_a_generation_without_its_marker_is_none(store):
    leave(store)
    store.publish("curated/0008-bbbbbbbbbb/splits.json", b"{}")
    assert latest_generation(store) == NAME


def test_a_generation_is_named_by_its_beginning_or_as_the_latest(store):
    for name in ("0001-abc", "0002-abd", "10000-abe"):
        store.mark_done(f"curated/{name}", {})
    assert generation_named(store, "latest") == "10000-abe"
    assert generation_named(store, "0002") == generation_named(store, "0002-abd") == "0002-abd"
    with pytest.raises(StageError, match="'000' begins the names of 2 generations: 0001-abc, 0002-abd"):
        generation_named(store, "000")
    for unknown in ("0003", "", "latest-"):
        with pytest.raises(StageError, match=r"no generation is called .* there are 0001-abc, 0002-abd, 10000-abe"):
            generation_named(store, unknown)


def test_where_there_is_no_generation_the_command_that_makes_one_is_named(store):
    with pytest.raises(StageError, match=r"there are none; run python -m curation\.run first"):
        generation_named(store, "latest")
