import io
from pathlib import Path

import pytest
import simplejpeg
import webdataset

from corpus.errors import StageError, StorageError
from corpus.sections import Shards
from shards.entries import read_entry
from shards.index import Folds, latest_generation, previous_plans, publish_index, read_index
from shards.index.columns import GROUPS, PHOTOS, TILES
from shards.plan import plan_shards
from shards.write import write_shard
from train.model.torchvision_repair import repair_torchvision

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
    assert again.samples.schema == SAMPLES
    assert again.classes == ("a", "b", "c")
    assert (again.split("train").num_rows, again.split("test").num_rows, again.split("validation").num_rows) == (
        12,
        4,
        0,
    )
    assert list(dict.fromkeys(again.samples["shard"].to_pylist())) == list(again.tars)


def test_an_index_gives_each_tiles_place_camera_and_group(collection):
    collection.add(5)
    samples = collection.publish(SETTINGS).samples.to_pylist()
    assert len(samples) == 10
    for sample in samples:
        tar = Path(collection.store.path(f"shards/tars/{sample['shard']}")).read_bytes()
        tile = tar[sample["offset_bytes"] : sample["offset_bytes"] + sample["length_bytes"]]
        assert simplejpeg.decode_jpeg_header(tile)[:2] == (sample["height_px"], sample["width_px"])
        assert sample["camera"] == collection.classes[sample["label"]]
        assert sample["group"].startswith(f"device-{sample['camera']}")


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
    assert len(set(second.samples["photo"].to_pylist())) == 11
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
    for generation, order in (("0001-aa", entries), ("0002-bb", entries[::-1])):
        publish_index(collection.store, generation, collection.classes, order)
        folder = Path(collection.store.path(f"shards/{generation}"))
        folders.append({path.name: path.read_bytes().replace(b"0002-bb", b"0001-aa") for path in folder.iterdir()})
    assert folders[0] == folders[1]
    assert set(folders[0]) == {"samples.parquet", "index.json", "_info.json", "_done.json"}


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


def test_photos_for_evaluation_are_spread_evenly_over_the_cameras(published):
    _, index = published(2)  # of five photos three are of camera a, one of b, one of c
    cameras = dict(zip(index.samples["photo"].to_pylist(), index.samples["camera"].to_pylist(), strict=True))
    chosen = index.photos("train")[:9]
    assert sorted(cameras[photo] for photo in chosen) == ["a"] * 3 + ["b"] * 3 + ["c"] * 3
    assert index.photos("train")[:9] == chosen
    assert len(index.photos("train")) == len(set(index.photos("train"))) == 20
    assert index.photos("validation") == []


def test_plain_webdataset_reads_a_tar(published):
    store, index = published(1)
    (tar,) = [tar for tar in index.tars if tar.startswith("train")]
    dataset = webdataset.WebDataset(store.path(f"shards/tars/{tar}"), shardshuffle=False, empty_check=False)
    read = [(sample["__key__"], int(sample["cls"]), sample["jpg"][:2]) for sample in dataset]
    assert read == [(row["key"], row["label"], b"\xff\xd8") for row in index.split("train").to_pylist()]


@pytest.mark.parametrize("training", [False, True])
def test_timm_reads_a_generation(published, training):
    repair_torchvision()
    from timm.data.readers import create_reader

    store, index = published(3)
    reader = create_reader("wds/", root=store.path("shards/0001-aa"), split="train", is_training=training, batch_size=1)
    assert len(reader) == 40
    read = [(image.size, target) for image, target in reader]
    rows = index.split("train")
    assert [size for size, _ in read] == [(64, 64)] * len(read)
    assert sorted(target for _, target in read) == sorted(rows["label"].to_pylist())


def test_every_tile_in_a_published_tar_decodes_cleanly(published):
    store, index = published(4)
    for sample in index.samples.to_pylist():
        start = sample["offset_bytes"]
        tile = store.read(f"shards/tars/{sample['shard']}", start, start + sample["length_bytes"])
        assert simplejpeg.decode_jpeg(io.BytesIO(tile).getvalue(), strict=True).shape == (64, 64, 3)


def photos_by_fold(index, split):
    samples = index.split(split)
    return dict(zip(samples["photo"].to_pylist(), samples["fold"].to_pylist(), strict=True))


def test_a_fold_is_held_out_and_the_next_one_validates_whatever_the_split(collection):
    collection.add(10)
    collection.add(5, split="test")
    index = collection.publish(SETTINGS)
    assert index.folds == 5
    before = set(index.samples["photo"].to_pylist())
    for fold, following in ((0, 1), (3, 4), (4, 0)):
        held_out = index.holding_out(fold)
        test, validation, train = (photos_by_fold(held_out, split) for split in ("test", "validation", "train"))
        assert (set(test.values()), set(validation.values())) == ({fold}, {following})
        assert set(train.values()) == {0, 1, 2, 3, 4} - {fold, following}
        assert (len(test), len(validation), len(train)) == (3, 3, 9)
        assert {*test, *validation, *train} == before
        assert held_out.samples.drop_columns(["split"]) == index.samples.drop_columns(["split"])
    assert index.split("test").num_rows == 10  # the index itself has its splits


def test_of_two_folds_the_other_one_trains(collection):
    collection.add(6)
    index = collection.publish(SETTINGS)
    samples = index.samples.set_column(15, "fold", pc.bit_wise_and(index.samples["fold"], 1))
    held_out = replace(index, samples=samples, folds=2).holding_out(1)
    assert [held_out.split(split).num_rows > 0 for split in ("train", "validation", "test")] == [True, False, True]


def test_folds_stand_in_the_index_alone_so_that_other_folds_pack_nothing_again(collection):
    collection.add(6)
    collection.publish(SETTINGS)
    before = tars(collection.store)
    entries = [read_entry(collection.store, name) for name in read_index(collection.store, "0001-aa").tars]
    of = {photo.photo: 1 for entry in entries for photo in entry.plan.photos}
    other = publish_index(collection.store, "0002-bb", collection.classes, entries, Folds(2, of))
    assert set(other.samples["fold"].to_pylist()) == {1}
    assert tars(collection.store) == before


@pytest.mark.parametrize("fold", [-1, 5])
def test_a_fold_that_there_is_not_is_refused(collection, fold):
    collection.add(5)
    with pytest.raises(StageError, match=f"train.fold: {fold} is none of generation 0001-aa, which has 0 to 4"):
        collection.publish(SETTINGS).holding_out(fold)


def test_a_generation_of_a_version_without_folds_is_read_and_has_none_to_hold_out(collection):
    collection.add(5)
    collection.publish(SETTINGS)
    path, store = "shards/0001-aa/samples.parquet", collection.store
    store.publish_table(path, store.read_table(path).drop_columns(["fold"]))
    content = store.read_json("shards/0001-aa/index.json")
    del content["folds"]
    store.publish_json("shards/0001-aa/index.json", content)
    index = read_index(store, "0001-aa")
    assert index.samples.schema == SAMPLES
    with pytest.raises(StageError, match=r"train\.fold: generation 0001-aa was packed by a version without folds"):
        index.holding_out(0)
