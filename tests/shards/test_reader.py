import itertools
from collections import Counter
from types import SimpleNamespace

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from torch.utils.data import DataLoader

from corpus.errors import StageError, StorageError
from corpus.sections import Shards
from corpus.storage import Store, open_store
from shards.members import OPEN_TARS_MAX, Members
from shards.reader import TileStream


def loaded(stream, workers):
    """Tiles as a DataLoader's workers give them."""
    return list(DataLoader(stream, batch_size=None, num_workers=workers))


def first(stream, count):
    return list(itertools.islice(stream, count))


def keys(tiles):
    return [tile.key for tile in tiles]


@pytest.fixture
def as_workers(monkeypatch):
    """Return a function that reads a stream as the given number of DataLoader workers would, in this process."""

    def read(stream, workers):
        tiles = []
        for number in range(workers):
            info = SimpleNamespace(id=number, num_workers=workers)
            monkeypatch.setattr("shards.reader.get_worker_info", lambda info=info: info)
            tiles += stream
        return tiles

    return read


def check_each_tile_comes_once(published, shards, ranks, workers, read):
    store, index = published(shards)
    assert sum(tar.startswith("train") for tar in index.tars) == shards
    streams = [TileStream(store, index, "train", seed=3, epoch=1, rank=rank, ranks=ranks) for rank in range(ranks)]
    parts = [keys(read(stream, workers)) for stream in streams]
    assert sorted(itertools.chain(*parts)) == sorted(index.split("train")["key"].to_pylist())
    assert max(len(part) for part in parts) - min(len(part) for part in parts) <= max(1, workers)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("shards", [1, 2, 3, 4])
def test_each_tile_comes_exactly_once_over_all_ranks_and_workers(published, shards, ranks, workers, as_workers):
    check_each_tile_comes_once(published, shards, ranks, workers, as_workers)


@pytest.mark.parametrize(("ranks", "workers"), [(5, 0), (2, 2), (3, 1)])
def test_each_tile_comes_exactly_once_from_loaders_that_are_processes(published, ranks, workers):
    check_each_tile_comes_once(published, 3, ranks, workers, loaded)


@pytest.mark.parametrize("ranks", [5, 9])
def test_more_consumers_than_tiles_neither_hang_nor_repeat(published, ranks):
    store, index = published(1)
    streams = [TileStream(store, index, "test", rank=rank, ranks=ranks) for rank in range(ranks)]
    assert sorted(key for stream in streams for key in keys(loaded(stream, 2 if ranks == 5 else 0))) == sorted(
        index.split("test")["key"].to_pylist()
    )


def test_a_tile_is_what_the_index_says(published):
    store, index = published(3)
    rows = {row["key"]: row for row in index.split("train").to_pylist()}
    for tile in TileStream(store, index, "train"):
        row = rows[tile.key]
        start = row["offset_bytes"]
        assert tile.jpeg == store.read(f"shards/tars/{row['shard']}", start, start + row["length_bytes"])
        assert all(
            getattr(tile, name) == row[name]
            for name in ("photo", "tile", "camera", "label", "group", "x_px", "y_px", "width_px", "height_px")
        )


def test_ordered_tiles_come_as_they_lie_in_the_tars(published):
    store, index = published(3)
    assert keys(TileStream(store, index, "train", ordered=True)) == index.split("train")["key"].to_pylist()


@pytest.mark.parametrize("wish", [{}, {"endless": True}, {"endless": True, "balanced": True}])
def test_order_depends_on_seed_epoch_and_consumer_alone(published, wish):
    store, index = published(2)

    def order(**changes):
        return keys(first(TileStream(store, index, "train", **{"seed": 1, "epoch": 2, **wish, **changes}), 40))

    assert order() == order()
    assert order() != order(epoch=3)
    assert order() != order(seed=2)
    assert order(rank=0, ranks=2) != order(rank=1, ranks=2)


def test_balanced_tiles_have_every_class_equally_often_and_its_photos_evenly(published):
    store, index = published(2)  # of 20 photos 12 are of camera a, 4 of b, 4 of c
    tiles = first(TileStream(store, index, "train", endless=True, balanced=True), 720)
    assert Counter(tile.camera for tile in tiles) == {"a": 240, "b": 240, "c": 240}
    photos = Counter((tile.camera, tile.photo) for tile in tiles)
    assert {(camera, count) for (camera, _), count in photos.items()} == {("a", 20), ("b", 60), ("c", 60)}
    assert len({tile.key for tile in tiles}) == 40


def test_unbalanced_tiles_without_end_come_equally_often(published):
    store, index = published(2)
    assert set(Counter(keys(first(TileStream(store, index, "train", endless=True), 120))).values()) == {3}


def test_loader_workers_draw_differently_without_end(published):
    store, index = published(2)
    stream = TileStream(store, index, "train", endless=True, balanced=True)
    mixed = keys(first(DataLoader(stream, batch_size=None, num_workers=2), 40))
    assert mixed[0::2] != mixed[1::2]
    assert keys(first(DataLoader(stream, batch_size=None, num_workers=2), 40)) == mixed


def test_only_some_photos_are_read(published):
    store, index = published(4)
    wanted = set(index.photos("train")[:5])
    tiles = list(TileStream(store, index, "train", only=wanted))
    assert {tile.photo for tile in tiles} == wanted
    assert len(tiles) == 10


def test_an_object_store_gives_the_same_tiles(published):
    store, index = published(3)
    remote = open_store("memory://bucket/prefix")
    assert isinstance(remote.filesystem, MemoryFileSystem)
    for tar in index.tars:
        remote.publish(f"shards/tars/{tar}", store.read(f"shards/tars/{tar}"))
    wish = {"seed": 5, "endless": True, "balanced": True}
    there = first(TileStream(remote, index, "train", **wish), 100)
    assert there == first(TileStream(store, index, "train", **wish), 100)
    remote.filesystem.rm(remote.path("shards/tars/" + index.tars[0]))
    with pytest.raises(StorageError, match=f"no file shards/tars/{index.tars[0]}"):
        list(TileStream(remote, index, "train"))


def test_no_more_tars_are_held_open_than_a_process_may(store):
    for number in range(OPEN_TARS_MAX + 10):
        store.publish(f"shards/tars/{number}.tar", b"%04d" % number)
    numbers = [*range(OPEN_TARS_MAX + 10), *range(OPEN_TARS_MAX + 10)]
    with Members(store) as members:
        for number, data in members.read((number, (f"{number}.tar", 0, 4)) for number in numbers):
            assert data == b"%04d" % number
            assert len(members._open) <= OPEN_TARS_MAX
    assert members._open == {}


def test_tars_that_are_missing_or_cut_short_are_named(collection):
    collection.add(4)
    index = collection.publish(Shards(tile_px=64, tiles_per_photo=2, shard_photos=4))
    path = f"shards/tars/{index.tars[0]}"
    collection.store.publish(path, collection.store.read(path, 0, 9000))
    with pytest.raises(StorageError, match=f"{index.tars[0]} has .* bytes at"):
        list(TileStream(collection.store, index, "train", ordered=True))
    collection.store.filesystem.rm(collection.store.path(path))
    with pytest.raises(StorageError, match=f"no file {path}"):
        list(TileStream(collection.store, index, "train"))


def test_contrary_or_impossible_wishes_are_refused(published):
    store, index = published(1)
    for wish in ({"balanced": True}, {"ordered": True, "endless": True}, {"rank": 2, "ranks": 2}):
        with pytest.raises(ValueError, match=r"balanced|ordered|rank"):
            TileStream(store, index, "train", **wish)
    with pytest.raises(StageError, match="no tile in split validation"):
        TileStream(store, index, "validation")
    with pytest.raises(StageError, match="for the 1 photographs wanted"):
        TileStream(store, index, "train", only=["0" * 16])
    with pytest.raises(ValueError, match="'dev' is not one of train, validation, test"):
        TileStream(store, index, "dev")


def test_a_stream_travels_to_another_process_as_plain_data(published):
    import pickle

    store, index = published(2)
    stream = pickle.loads(pickle.dumps(TileStream(store, index, "train")))
    assert isinstance(stream.store, Store)
    assert keys(stream) == keys(TileStream(store, index, "train"))
