"""The webdataset reader: it gives what the index says, never hangs, and names what it must skip."""

import io
import itertools
import pickle
import re
import tarfile
from collections import Counter

import pytest
import webdataset
from torch.utils.data import DataLoader

from corpus.errors import StageError, StorageError, StorageUnavailableError
from corpus.sections import Shards
from corpus.storage import open_store
from shards.reader import TileReader
from shards.remote.cache import LocalCache
from shards.streaming import SplitTars, TarStream, Unread, register_opener, split_tars


def stream_of(store, index, **wish):
    return TarStream(store, split_tars(store, index.generation, "train"), **wish)


def loaded(stream, loaders, count=None):
    """Return what a DataLoader with so many processes gives."""
    return list(itertools.islice(DataLoader(stream, batch_size=None, num_workers=loaders), count))


def keys(tiles):
    return [tile.key for tile in tiles]


def stored(store, index):
    """Return the tiles of the split in the order of the tars, as the exact reader gives them."""
    with TileReader(store, index) as reader:
        return list(reader.split("train"))


@pytest.fixture
def broken(collection):
    """Return a store with three tars of four tiles each, and a function that changes the bytes of the middle one."""
    collection.add(6)
    index = collection.publish(Shards(tile_px=64, tiles_per_photo=2, shard_photos=2))
    path = f"shards/tars/{index.tars[1]}"

    def change(how):
        collection.store.publish(path, how(collection.store.read(path)))

    return collection.store, index, change


def test_tiles_are_what_the_exact_reader_gives(published):
    store, index = published(3)
    exact = {tile.key: tile for tile in stored(store, index)}
    tiles = loaded(stream_of(store, index, endless=False), 0)
    assert sorted(keys(tiles)) == sorted(exact)
    told = ("photo", "tile", "label", "camera", "width_px", "height_px", "jpeg")
    for tile in tiles:
        assert [getattr(tile, name) for name in told] == [getattr(exact[tile.key], name) for name in told]


@pytest.mark.slow
@pytest.mark.parametrize("endless", [True, False])
def test_more_ranks_and_loaders_than_tars_hang_nothing(published, endless):
    store, index = published(1)
    wish = {"ranks": 3, "endless": endless, "shuffle_tiles": 20}
    parts = [loaded(stream_of(store, index, rank=rank, **wish), 2, 30 if endless else None) for rank in range(3)]
    every = sorted(keys(stored(store, index)))
    if endless:
        assert [len(part) for part in parts] == [30, 30, 30]
        assert {key for part in parts for key in keys(part)} <= set(every)
    else:
        assert sorted(key for part in parts for key in keys(part)) == every


@pytest.mark.parametrize(("tars", "ranks"), [(1, 1), (3, 2), (4, 5)])
def test_without_repeats_every_tar_comes_to_one_rank(published, tars, ranks):
    store, index = published(tars)
    parts = [loaded(stream_of(store, index, rank=rank, ranks=ranks, endless=False), 0) for rank in range(ranks)]
    assert sorted(key for part in parts for key in keys(part)) == sorted(keys(stored(store, index)))


def test_endless_tiles_come_about_equally_often(published):
    store, index = published(4)
    counts = Counter(keys(loaded(stream_of(store, index, shuffle_tiles=20), 0, 40 * 40)))
    assert len(counts) == 40
    assert 20 <= min(counts.values()) <= max(counts.values()) <= 60


def test_order_depends_on_seed_epoch_and_rank_and_is_shuffled(published):
    store, index = published(4)

    def order(**changes):
        return keys(loaded(stream_of(store, index, **{"seed": 1, "epoch": 2, **changes}), 0, 60))

    assert order() == order()
    others = [order(seed=2), order(epoch=3), order(rank=1, ranks=2), order(shuffle_tiles=0)]
    assert order() not in others
    in_tars = keys(stored(store, index))
    plain = order(shuffle_tiles=0, endless=False)
    assert plain != in_tars
    assert [plain[start : start + 10] for start in range(0, 40, 10)] == sorted(
        (in_tars[start : start + 10] for start in range(0, 40, 10)), key=lambda tar: plain.index(tar[0])
    )


def test_only_wanted_photographs_come(published):
    store, index = published(2)
    photos = sorted({tile.photo for tile in stored(store, index)})[:5]
    tiles = loaded(stream_of(store, index, endless=False, wanted=set(photos).__contains__), 0)
    assert {tile.photo for tile in tiles} == set(photos)
    assert not any(isinstance(tile, Unread) for tile in tiles)  # what is not wanted is not missing


@pytest.mark.parametrize("cached", [False, True])
def test_s3_gives_the_same_tiles_and_a_cached_tar_is_fetched_once(published, bucket, tmp_path, cached, caplog):
    store, index = published(3)
    there = open_store(f"{bucket}/{tmp_path.name}")
    paths = [f"shards/{index.generation}/_info.json", *(f"shards/tars/{tar}" for tar in index.tars)]
    for path in paths:
        there.publish(path, store.read(path))
    cache = LocalCache(tmp_path / "cache", 1 << 30) if cached else None
    with caplog.at_level("INFO", "werkzeug"):
        for epoch in range(2):
            here = loaded(stream_of(store, index, endless=False, epoch=epoch), 0)
            assert loaded(stream_of(there, index, endless=False, epoch=epoch, cache=cache), 0) == here
    gets = [record for record in caplog.messages if "GET" in record and ".tar" in record]
    assert len(gets) == (3 if cached else 6)


def test_plain_webdataset_reads_s3_with_the_opener(published, bucket, tmp_path):
    store, index = published(1)
    there = open_store(f"{bucket}/{tmp_path.name}")
    there.publish("shards/a.tar", store.read(f"shards/tars/{index.tars[0]}"))
    register_opener(there)
    samples = list(webdataset.WebDataset(f"{there.url}/shards/a.tar", shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == keys(stored(store, index))


def cut_in_a_picture(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        member = [one for one in tar if one.name.endswith(".jpg")][2]
    return data[: member.offset_data + 100]


def cut_between_members(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        member = [one for one in tar if one.name.endswith(".cls")][2]
    return data[: member.offset]


def header_flipped(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        member = [one for one in tar if one.name.endswith(".jpg")][2]
    return data[: member.offset + 3] + b"!" + data[member.offset + 4 :]


def last_description_flipped(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        member = tar.getmembers()[-1]
    return data[: member.offset_data] + b"!" + data[member.offset_data + 1 :]


def described(old, new):
    """Return a function that changes the description of the third tile, in the same length."""

    def change(data):
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            member = [one for one in tar if one.name.endswith(".json")][2]
        about = data[member.offset_data : member.offset_data + member.size]
        changed = re.sub(old, new, about)
        assert changed != about
        assert len(changed) == len(about)
        return data[: member.offset_data] + changed + data[member.offset_data + member.size :]

    return change


@pytest.mark.parametrize(
    ("how", "left", "reason"),
    [
        (cut_in_a_picture, 2, "unexpected end of data"),
        (cut_between_members, 2, "before its last tile"),
        (header_flipped, 2, "has no"),
        (last_description_flipped, 3, "cannot be read"),
        (described(rb'("photo": ").', rb"\1p"), 3, "describes itself as 'p"),
        (described(rb'("photo": ").', rb"\1A"), 3, "describes itself as 'A"),
        (described(rb'("tile": ).', rb"\g<1>9"), 3, "tile 9"),
        (described(rb'("height_px": )..', rb"\g<1>{}"), 3, "cannot be read"),
        (lambda data: data[:0], 0, "empty file"),
        (lambda data: b"no tar at all" * 100, 0, "could not be opened|not|header"),
    ],
)
def test_a_broken_tar_is_read_as_far_as_it_goes_and_the_rest_is_named(broken, how, left, reason):
    store, index, change = broken
    whole = keys(loaded(stream_of(store, index, endless=False), 0))
    change(how)
    came = loaded(stream_of(store, index, endless=False), 0)
    (skipped,) = (item for item in came if isinstance(item, Unread))
    tiles = keys(item for item in came if not isinstance(item, Unread))
    assert len(whole) == 12
    assert len(tiles) == 8 + left
    assert set(tiles) < set(whole)
    assert (skipped.tar, skipped.tiles) == (index.tars[1], 4 - left)
    assert re.search(reason, skipped.reason)
    assert index.tars[1] in skipped.reason


def test_a_missing_tar_is_named_and_an_endless_stream_of_nothing_else_still_tells(broken):
    store, index, _ = broken
    for tar in index.tars:
        store.remove(f"shards/tars/{tar}")
    skipped = loaded(stream_of(store, index, shuffle_tiles=4), 0, 8)
    assert {type(item) for item in skipped} == {Unread}
    assert {item.tiles for item in skipped} == {4}
    assert "No such file" in skipped[0].reason


def test_a_service_that_does_not_answer_is_not_a_broken_tar(bucket):
    stream = TarStream(open_store("s3://no-such-bucket/x"), SplitTars(("shards/tars/a.tar",), (4,)))
    with pytest.raises(StorageUnavailableError, match="there is no such bucket"):
        next(iter(stream))


def test_members_of_other_kinds_are_left_alone(store):
    class Bomb:
        def __reduce__(self):
            return pytest.fail, ("a member was unpickled",)

    key = "0123456789abcdef_0"
    members = {f"{key}.pyd": pickle.dumps(Bomb()), f"{key}.pickle": pickle.dumps(Bomb())}
    members |= {f"{key}.cls": b"1", f"{key}.jpg": b"jpeg"}
    members[f"{key}.json"] = b'{"photo": "0123456789abcdef", "tile": 0, "camera": "a", "width_px": 8, "height_px": 16}'
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as tar:
        for name, data in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
    store.publish("shards/tars/a.tar", sink.getvalue())
    (tile,) = loaded(TarStream(store, SplitTars(("shards/tars/a.tar",), (1,)), endless=False), 0)
    assert (tile.key, tile.label, tile.width_px, tile.height_px, tile.jpeg) == (key, 1, 8, 16, b"jpeg")


def test_splits_without_tars_and_impossible_ranks_are_refused(published):
    store, index = published(1)
    with pytest.raises(StageError, match="no tile in split validation"):
        split_tars(store, index.generation, "validation")
    with pytest.raises(StorageError, match="does not list split dev"):
        split_tars(store, index.generation, "dev")
    with pytest.raises(ValueError, match="rank 2 is not one of 2"):
        stream_of(store, index, rank=2, ranks=2)


def test_a_stream_travels_to_another_process_as_little_data(published):
    store, index = published(2)
    stream = stream_of(store, index, endless=False)
    assert len(pickle.dumps(stream)) < 2000
    assert list(pickle.loads(pickle.dumps(stream))) == list(stream)
