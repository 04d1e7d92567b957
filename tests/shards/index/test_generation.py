import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from corpus.errors import StageError, StorageError
from corpus.records import photo_digest
from corpus.sections import Shards
from shards.entries import entry_path, read_entry
from shards.index import (
    Folds,
    Index,
    latest_generation,
    missing_files,
    previous_classes,
    previous_plans,
    publish_index,
    read_index,
)
from shards.plan import plan_shards
from shards.remote.cache import LocalCache
from shards.write import write_shard

pytestmark = pytest.mark.slow

SETTINGS = Shards(tile_px=64, tiles_per_photo=2, shard_photos=4)


def tars(store):
    return {
        path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in Path(store.path("shards/tars")).iterdir()
    }


def test_what_is_published_is_what_is_read(collection):
    collection.add(6)
    collection.add(2, split="test")
    index = collection.publish(SETTINGS)
    again = read_index(collection.store, "0001-aa")
    assert again == index
    assert again.classes == ("a", "b", "c")
    assert [again.selection(split).tiles for split in ("train", "test", "validation")] == [12, 4, 0]
    assert sorted(set(again.tiles["tar"].tolist())) == list(range(len(again.tars)))


def test_an_index_gives_each_tiles_place_camera_and_group(collection):
    collection.add(5)
    index = collection.publish(SETTINGS)
    assert len(index.tiles) == 10
    rows = np.arange(10)
    photos = index.tiles.at("photo", rows)
    wanted = {photo_digest(row["photo"], row["version"]): row for row in collection.rows}
    for row, name, label, group in zip(
        rows, index.photo_names(photos), index.labels(photos), index.group_names(photos), strict=True
    ):
        start, end = (int(index.tiles["offset_bytes"][row] + n * index.tiles["length_bytes"][row]) for n in (0, 1))
        tile = collection.store.read(f"shards/tars/{index.tars[index.tiles['tar'][row]]}", start, end)
        size = index.tiles["height_px"][row], index.tiles["width_px"][row]
        assert simplejpeg.decode_jpeg_header(tile)[:2] == size
        assert (index.classes[label], group) == (wanted[name]["camera"], wanted[name]["group"])
    assert index.photo_rows_of(index.photo_names(photos)[::2]).tolist() == sorted(set(photos.tolist()))


def test_a_refresh_uses_unchanged_tars_again(collection):
    collection.add(8)
    collection.publish(SETTINGS)
    before = tars(collection.store)
    collection.add(3)
    index = collection.publish(SETTINGS, "0002-bb", previous_plans(collection.store))
    after = tars(collection.store)
    assert {name: after[name] for name in before} == before  # neither bytes nor times changed
    assert len(index.tars) == 3
    assert len(after) == len(before) + 3


def test_a_removed_photo_changes_its_own_shard_only_and_is_in_the_new_generation_no_more(collection):
    collection.add(12)
    first = collection.publish(SETTINGS)
    before = tars(collection.store)
    collection.rows[5]["kept"] = False
    second = collection.publish(SETTINGS, "0002-bb", previous_plans(collection.store))
    assert len(set(first.tars) - set(second.tars)) == 1
    assert (len(second.photos), len(first.photos)) == (11, 12)
    assert {name: tars(collection.store)[name] for name in before} == before  # the old generation is still whole
    assert read_index(collection.store, "0001-aa") == first


def test_failures_of_all_shards_are_listed(collection):
    collection.add(3)
    collection.add(2, progressive=True)
    collection.publish(SETTINGS)
    failures = read_index(collection.store, "0001-aa").failures
    assert {failure.original for failure in failures} == {"originals/folder/003.jpg", "originals/folder/004.jpg"}
    assert all("progressive" in failure.reason for failure in failures)


def test_a_generation_without_its_marker_is_not_there(collection):
    with pytest.raises(StorageError, match="run the curation"):
        latest_generation(collection.store)
    assert previous_plans(collection.store) == []
    collection.add(2)
    collection.publish(SETTINGS)
    collection.publish(SETTINGS, "0002-bb")
    Path(collection.store.path("shards/0002-bb/_done.json")).unlink()
    assert latest_generation(collection.store) == "0001-aa"
    with pytest.raises(StorageError, match="0002-bb is missing or not whole"):
        read_index(collection.store, "0002-bb")


def test_what_is_missing_of_a_generation_is_packed_again_under_the_same_labels(collection):
    """Also without another generation, where the classes would be sorted anew, and with an entry lost."""
    collection.classes = ("c", "b", "a")
    collection.add(8)
    first = collection.publish(SETTINGS)
    store, before = collection.store, tars(collection.store)
    assert missing_files(store, "0001-aa") == []
    lost = first.tars[0]
    gone = ["shards/0001-aa/photos.arrow", f"shards/tars/{lost}", entry_path(lost)]
    for path in gone:
        store.remove(path)
    assert sorted(missing_files(store, "0001-aa")) == sorted(gone)
    store.remove("shards/0001-aa/_done.json")
    assert previous_classes(store) == ("c", "b", "a")
    plans = previous_plans(store)
    assert {plan.name for plan in plans} == set(first.tars) - {lost}
    assert collection.publish(SETTINGS, previous=plans) == first
    assert missing_files(store, "0001-aa") == []
    assert {name: data for name, (_, data) in tars(store).items()} == {name: data for name, (_, data) in before.items()}


def test_an_index_that_is_not_the_one_its_marker_tells_of_is_refused(collection):
    """A flipped bit in the list of classes would give another label."""
    collection.add(2)
    collection.publish(SETTINGS)
    path = "shards/0001-aa/index.json"
    collection.store.publish(path, collection.store.read(path).replace(b'"b"', b'"d"'))
    with pytest.raises(StorageError, match=r"index\.json has SHA-256 .* as _done\.json says; delete both"):
        read_index(collection.store, "0001-aa")


def test_the_newest_generation_is_that_of_the_highest_number(collection):
    collection.add(1)
    for generation in ("0002-ff", "10000-aa", "0010-00", "9999-ee"):
        collection.publish(SETTINGS, generation)
    assert latest_generation(collection.store) == "10000-aa"


def test_a_published_generation_never_changes(collection):
    collection.add(2)
    first = collection.publish(SETTINGS)
    collection.add(2)
    assert collection.publish(SETTINGS) == first == read_index(collection.store, "0001-aa")


def test_equal_entries_give_equal_bytes(collection):
    collection.add(9)
    collection.add(1, progressive=True)
    entries = [
        write_shard(collection.store, plan, SETTINGS)
        for plan in plan_shards(collection.rows, SETTINGS, collection.classes)
    ]
    folders = []
    for order in (entries, entries[::-1]):
        publish_index(collection.store, "0001-aa", collection.classes, order)
        folder = Path(collection.store.path("shards/0001-aa"))
        folders.append({path.name: path.read_bytes() for path in folder.iterdir()})
        collection.store.remove("shards/0001-aa")
    assert folders[0] == folders[1]
    tables = {"groups.arrow", "photos.arrow", "tiles.arrow"}
    assert set(folders[0]) == {*tables, "index.json", "_info.json", "_done.json"}


def test_a_label_that_is_not_its_cameras_place_or_a_photo_in_two_shards_is_refused(collection):
    collection.add(2)
    entries = [
        write_shard(collection.store, plan, SETTINGS)
        for plan in plan_shards(collection.rows, SETTINGS, collection.classes)
    ]
    with pytest.raises(StageError, match="plan the shards again"):
        publish_index(collection.store, "0001-aa", ("c", "b", "a"), entries)
    (doubled,) = plan_shards(collection.rows[:1], SETTINGS, collection.classes)
    entries.append(write_shard(collection.store, doubled, SETTINGS))
    with pytest.raises(StageError, match=r"is in .* and in"):
        publish_index(collection.store, "0001-aa", collection.classes, entries)
    assert not Path(collection.store.path("shards/0001-aa")).exists()


def photos_by_fold(index, split):
    """The folds of a split's photos."""
    rows = index.selection(split).all_photo_rows()
    folds = index.groups["fold"][index.photos["group"][rows]]
    return dict(zip(index.photo_names(rows), folds.tolist(), strict=True))


def test_a_fold_is_held_out_and_the_next_one_validates_whatever_the_split(collection):
    collection.add(10)
    collection.add(5, split="test")
    index = collection.publish(SETTINGS)
    assert index.folds == 5
    before = set(index.photo_names(np.arange(len(index.photos))))
    for fold, following in ((0, 1), (3, 4), (4, 0)):
        held_out = index.holding_out(fold)
        test, validation, train = (photos_by_fold(held_out, split) for split in ("test", "validation", "train"))
        assert (set(test.values()), set(validation.values())) == ({fold}, {following})
        assert set(train.values()) == {0, 1, 2, 3, 4} - {fold, following}
        assert (len(test), len(validation), len(train)) == (3, 3, 9)
        assert {*test, *validation, *train} == before
    assert index.selection("test").tiles == 10  # the index itself has its splits


def test_of_two_folds_the_other_one_trains(made_up, photo):
    index = made_up([photo(0, "a", fold=0), photo(0, "b", fold=1)], folds=2).holding_out(1)
    assert [photos_by_fold(index, split) for split in ("validation", "test")] == [{}, {index.photo_names([1])[0]: 1}]
    assert list(photos_by_fold(index, "train").values()) == [0]


def test_folds_stand_in_the_index_alone_so_that_other_folds_pack_nothing_again(collection):
    collection.add(6)
    collection.publish(SETTINGS)
    before = tars(collection.store)
    entries = [read_entry(collection.store, name) for name in read_index(collection.store, "0001-aa").tars]
    of = {photo.photo: 1 for entry in entries for photo in entry.plan.photos}
    other = publish_index(collection.store, "0002-bb", collection.classes, entries, Folds(2, of))
    assert set(other.groups["fold"].tolist()) == {1}
    assert tars(collection.store) == before


@pytest.mark.parametrize("fold", [-1, 5])
def test_a_fold_that_there_is_not_is_refused(collection, fold):
    collection.add(5)
    with pytest.raises(StageError, match=f"train.fold: {fold} is none of generation 0001-aa, which has 0 to 4"):
        collection.publish(SETTINGS).holding_out(fold)


def test_a_generation_that_was_packed_without_folds_has_none_to_hold_out(made_up, photo):
    index = made_up([photo(0, "a")])
    assert index.folds is None
    with pytest.raises(StageError, match=r"train\.fold: generation \S+ was packed without folds; set curation"):
        index.holding_out(0)


def test_a_generation_of_an_earlier_version_is_refused_by_name_and_its_shards_are_packed_again(collection):
    collection.add(2)
    collection.publish(SETTINGS)
    store = collection.store
    content = store.read_json("shards/0001-aa/index.json")
    del content["format"]
    store.publish_json("shards/0001-aa/index.json", content)
    with pytest.raises(StorageError, match=r"shards/0001-aa was packed by another version .*; curate again"):
        read_index(store, "0001-aa")
    assert previous_plans(store) == []


def test_a_table_that_is_damaged_or_of_another_form_is_refused_by_name(collection):
    collection.add(2)
    index = collection.publish(SETTINGS)
    path = Path(collection.store.path("shards/0001-aa/photos.arrow"))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StorageError, match=r"photos\.arrow is not a table of the index"):
        len(read_index(collection.store, "0001-aa").photos)
    path.write_bytes(Path(collection.store.path("shards/0001-aa/groups.arrow")).read_bytes())
    with pytest.raises(StorageError, match=r"photos\.arrow has other columns"):
        len(read_index(collection.store, "0001-aa").photos)
    assert len(index.groups) == 2


def test_what_is_sent_to_a_loader_is_small_however_large_the_index_is(made_up, photo):
    index = made_up([photo(n % 3, f"device-{n}") for n in range(3000)], 40, folds=5)
    assert len(index.tiles) == 6000
    selection = index.selection("train", least_px=100)
    assert selection.tiles == 6000
    for thing in (index, selection, index.holding_out(2)):
        again = pickle.loads(pickle.dumps(thing))
        assert len(pickle.dumps(thing)) < 1000
        assert len(getattr(again, "index", again).tiles) == 6000


def test_copies_of_an_object_stores_tables_are_fetched_once_and_never_stale(made_up, photo, tmp_path):
    index = made_up([photo(0, "a")])
    cache = LocalCache(tmp_path / "cache")

    def photos():
        return len(read_from(index, cache).photos)

    assert photos() == 1
    (copy,) = cache.folder.rglob("photos.arrow.*")
    filled = copy.stat().st_ino
    assert photos() == 1
    assert copy.stat().st_ino == filled  # not fetched again
    other = made_up([photo(0, "a"), photo(0, "b")])
    for name in ("photos.arrow", "index.json"):  # as if it had been removed and packed again
        data = other.store.read(f"shards/{other.generation}/{name}")
        index.store.publish(f"shards/{index.generation}/{name}", data)
    assert photos() == 2
    index.store.publish(f"shards/{index.generation}/photos.arrow", b"something else")
    for copy in cache.folder.rglob("photos.arrow.*"):
        copy.unlink()
    with pytest.raises(StorageError, match=r"photos\.arrow has SHA-256 .* as published; remove it"):
        photos()


def test_a_mapped_table_stays_readable_when_its_copy_is_removed_and_without_room_it_is_in_memory(
    made_up, photo, tmp_path
):
    index = made_up([photo(0, "a"), photo(1, "b")])
    cache = LocalCache(tmp_path / "cache")
    mapped = read_from(index, cache)
    assert len(mapped.groups) == 2
    shutil.rmtree(cache.folder)
    assert mapped.groups.texts("group", np.arange(2)) == ["a", "b"]
    in_memory = read_from(index, LocalCache(tmp_path / "small", 10))
    assert in_memory.groups.texts("group", np.arange(2)) == ["a", "b"]
    assert not list((tmp_path / "small").rglob("*.arrow*"))


def test_a_loader_and_a_held_out_fold_keep_tables_where_the_index_does(made_up, photo, tmp_path):
    cache = LocalCache(tmp_path / "cache", 5_000)
    index = replace(made_up([photo(0, "a")], folds=5), cache=cache)
    for other in (index.holding_out(1), pickle.loads(pickle.dumps(index))):
        assert (other.cache.folder, other.cache.max_bytes) == (cache.folder, 5_000)


def read_from(index, cache):
    """Return the index as another process would open it."""
    return Index(index.store, index.generation, cache=cache)
