"""Reading tiles whole and by rectangles, and what is said of damaged ones."""

import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import simplejpeg
from fsspec.implementations.memory import MemoryFileSystem

from corpus.errors import StorageError
from corpus.sections import Shards
from corpus.storage import open_store
from shards.entries import TILES, read_tiles_table, table_bytes, table_path
from shards.index import Index, read_index
from shards.index.publish import publish_tables
from shards.members import OPEN_TARS_MAX, Members
from shards.order import Order
from shards.reader import Corrupt, Region, Tile, TileReader
from shards.remote.cache import LocalCache
from shards.restarts import byte_range, find_restarts
from shards.tar_tables import TarTables

pytestmark = pytest.mark.slow


def pixels_of(jpeg):
    return simplejpeg.decode_jpeg(jpeg, "RGB", fastdct=False, fastupsample=False, strict=True)


def all_rows(index):
    return np.arange(len(index.tiles))


@pytest.fixture
def packed(collection):
    """A function from settings to an index of four photographs of 200×72 px, whose store may be damaged."""

    def pack(**settings):
        collection.add(4)
        return collection.publish(Shards(**{"tile_px": 64, "tiles_per_photo": 2, "shard_photos": 4, **settings}))

    return pack


def test_a_tile_is_what_the_tars_table_and_the_index_say(published):
    store, index = published(3)
    with TileReader(store, index) as reader:
        tiles = reader.tiles(all_rows(index))
    assert len({tile.key for tile in tiles}) == len(tiles) == 44
    for row, tile in enumerate(tiles):
        tar = index.tars[index.tiles["tar"][row]]
        own = read_tiles_table(store, tar).slice(int(index.tiles["row"][row]), 1).to_pylist()[0]
        assert tile.jpeg == store.read(f"shards/tars/{tar}", own["offset_bytes"], own["offset_bytes"] + len(tile.jpeg))
        assert zlib.crc32(tile.jpeg) == own["checksum"]
        names = ("photo", "tile", "label", "x_px", "y_px", "width_px", "height_px")
        assert all(getattr(tile, name) == own[name] for name in names)
        assert tile.key == f"{tile.photo}_{tile.tile}"
        assert tile.group.startswith(f"device-{tile.camera}")
        assert (tile.camera, tile.quality_factor) == (index.classes[tile.label], 95)


def test_tiles_of_cameras_that_an_index_leaves_out_are_named_rightly(published):
    store, index = published(3)
    first = index.classes[0]
    with TileReader(store, index) as whole, TileReader(store, index.leaving_out((first,))) as reader:
        named = [tile.camera for tile in whole.tiles(all_rows(index))]
        tiles = reader.tiles(all_rows(index))
    assert [tile.camera for tile in tiles] == named
    assert {tile.label for tile in tiles if tile.camera == first} == {-1}
    assert all(tile.camera == index.classes[tile.label + 1] for tile in tiles)


def test_tiles_come_in_the_order_of_the_rows_and_may_come_again(published):
    store, index = published(3)
    rows = np.array([7, 3, 3, 40, 0])
    with TileReader(store, index) as reader:
        whole = reader.tiles(all_rows(index))
        assert reader.tiles(rows) == [whole[row] for row in rows.tolist()]
        assert list(reader.stream(rows, is_checked=False)) == [whole[row] for row in rows.tolist()]
        assert reader.tiles(rows[:0]) == reader.regions(rows[:0], []) == []


def test_a_split_comes_as_it_lies_in_the_tars(published):
    store, index = published(3)
    with TileReader(store, index) as reader:
        keys = [tile.key for tile in reader.split("train")]
    tars = [tar for tar in index.tars if tar.startswith("train")]
    tables = [read_tiles_table(store, tar, ["photo", "tile"]).to_pylist() for tar in tars]
    assert keys == [f"{row['photo']}_{row['tile']}" for rows in tables for row in rows]


@pytest.mark.parametrize("restart_mcus", [0, 1, 8])
@pytest.mark.parametrize("content", ["tiles", "photos"])
def test_a_rectangle_has_the_pixels_of_the_whole_tile(packed, collection, restart_mcus, content):
    index = packed(restart_mcus=restart_mcus, content=content)
    rng = np.random.default_rng(1)
    rows = rng.integers(0, len(index.tiles), 40)
    rectangles = []
    for width_px, height_px in zip(index.tiles["width_px"][rows], index.tiles["height_px"][rows], strict=True):
        x_px, y_px = int(rng.integers(0, width_px)), int(rng.integers(0, height_px))
        rectangles.append(
            (x_px, y_px, int(rng.integers(1, width_px - x_px + 1)), int(rng.integers(1, height_px - y_px + 1)))
        )
    with TileReader(collection.store, index) as reader:
        tiles, regions = reader.tiles(rows), reader.regions(rows, rectangles)
    for tile, region, (x_px, y_px, width_px, height_px) in zip(tiles, regions, rectangles, strict=True):
        assert isinstance(region, Region)
        assert region.key == tile.key
        wanted = pixels_of(tile.jpeg)[y_px : y_px + height_px, x_px : x_px + width_px]
        np.testing.assert_array_equal(region.pixels, wanted)


def test_a_rectangle_costs_the_bytes_of_its_segments(packed, collection, monkeypatch):
    index = packed(restart_mcus=1, content="photos")
    asked = []
    plain = Members.read

    def read(self, places):
        wanted = list(places)
        asked.extend(place for _, place in wanted)
        return plain(self, wanted)

    monkeypatch.setattr(Members, "read", read)
    with TileReader(collection.store, index) as reader:
        (tile,) = reader.tiles(np.array([2]))
        del asked[:]
        rectangle = (100, 24, 16, 16)
        reader.regions(np.array([2]), [rectangle])
    start, end = byte_range(find_restarts(tile.jpeg), rectangle)
    assert [length_bytes for _, _, length_bytes in asked] == [end - start]
    assert end - start < len(tile.jpeg) // 2


def test_a_rectangle_that_leaves_its_tile_is_refused(published):
    store, index = published(3)
    with TileReader(store, index) as reader:
        for rectangle in ((0, 0, 65, 64), (-1, 0, 8, 8), (60, 0, 8, 8), (0, 0, 0, 8)):
            with pytest.raises(ValueError, match=r"leaves its tile of 64x64 px"):
                reader.regions(np.array([0, 1]), [(0, 0, 8, 8), rectangle])


def test_an_object_store_gives_the_same_tiles_and_rectangles(published, tmp_path):
    store, index = published(3)
    remote = open_store("memory://bucket/reader")
    assert isinstance(remote.filesystem, MemoryFileSystem)
    for folder in ("shards/tars", f"shards/{index.generation}"):
        for name in store.names(folder):
            remote.publish(f"{folder}/{name}", store.read(f"{folder}/{name}"))
    rows, rectangles = all_rows(index), [(3, 5, 40, 30)] * len(index.tiles)
    there_index = Index(remote, index.generation, cache=LocalCache(tmp_path / "cache"))
    with TileReader(store, index) as here, TileReader(remote, there_index) as there:
        assert there.tiles(rows) == here.tiles(rows)
        for one, other in zip(there.regions(rows, rectangles), here.regions(rows, rectangles), strict=True):
            np.testing.assert_array_equal(one.pixels, other.pixels)
        remote.filesystem.rm(remote.path("shards/tars/" + index.tars[0]))
        for answer in there.regions(rows, rectangles):
            assert isinstance(answer, Region) or index.tars[0] in answer.what
        kept = {path.name.rpartition(".")[0] for path in (tmp_path / "cache").rglob("*.arrow.*")}
        assert kept == {"groups.arrow", "photos.arrow", "tiles.arrow"} | {f"{tar}.arrow" for tar in index.tars}
        assert sum(isinstance(answer, Corrupt) for answer in there.tiles(rows)) == np.sum(index.tiles["tar"] == 0)


@pytest.mark.parametrize("restart_mcus", [0, 1])
def test_a_flipped_bit_anywhere_in_a_jpeg_is_an_answer_that_names_it(packed, collection, restart_mcus):
    index = packed(restart_mcus=restart_mcus)
    path = Path(collection.store.path(f"shards/tars/{index.tars[0]}"))
    whole = path.read_bytes()
    row, everything = np.array([3]), [(0, 0, 64, 64)]
    start, length_bytes = int(index.tiles["offset_bytes"][3]), int(index.tiles["length_bytes"][3])
    with TileReader(collection.store, index) as reader:
        (tile,) = reader.tiles(row)
        wanted = pixels_of(tile.jpeg)
        damaged = 0
        for place in np.random.default_rng(0).integers(0, length_bytes, 60).tolist():
            data = bytearray(whole)
            data[start + place] ^= 1 << place % 8
            path.write_bytes(data)
            (answer,), (region,) = reader.tiles(row), reader.regions(row, everything)
            assert isinstance(answer, Corrupt)
            assert (answer.key, answer.tar, answer.offset_bytes) == (tile.key, index.tars[0], start)
            assert "CRC-32" in answer.what
            if isinstance(region, Region):  # the header comes from the table, and the last marker is not read
                np.testing.assert_array_equal(region.pixels, wanted)
            else:
                damaged += 1
                assert (region.key, region.offset_bytes) == (tile.key, start)
                assert "CRC-32" in region.what
        assert damaged > (59 if restart_mcus == 0 else 10)
        others = reader.tiles(np.delete(all_rows(index), 3))
        assert all(isinstance(each, Tile) for each in others)


def test_what_is_missing_or_cut_short_is_an_answer(packed, collection):
    index = packed(restart_mcus=1)
    tar = index.tars[0]
    rows, rectangles = all_rows(index), [(0, 0, 64, 64)] * len(index.tiles)
    path, table = (Path(collection.store.path(name)) for name in (f"shards/tars/{tar}", table_path(tar)))
    path.write_bytes(path.read_bytes()[:9000])
    with TileReader(collection.store, index) as reader:
        for answers in (reader.tiles(rows), reader.regions(rows, rectangles)):
            wrong = [answer for answer in answers if isinstance(answer, Corrupt)]
            assert 0 < len(wrong) < len(rows)
            assert all(f"{tar} has" in answer.what for answer in wrong)
    path.unlink()
    with TileReader(collection.store, index) as reader:
        for answers in (reader.tiles(rows), reader.regions(rows, rectangles)):
            assert all(f"no file shards/tars/{tar}" in answer.what for answer in answers)
    table.write_bytes(table.read_bytes()[:1000])
    with TileReader(collection.store, index) as reader:
        assert all("is not a table of tiles" in answer.what for answer in reader.regions(rows, rectangles))
    table.unlink()
    with TileReader(collection.store, index) as reader:
        assert all(f"no file {table_path(tar)}" in answer.what for answer in reader.regions(rows, rectangles))


def test_a_damaged_table_gives_damaged_tiles_and_no_exception(packed, collection):
    index = packed(restart_mcus=1)
    path = Path(collection.store.path(table_path(index.tars[0])))
    whole = path.read_bytes()
    rows, rectangles = all_rows(index), [(8, 8, 40, 40)] * len(index.tiles)
    with TileReader(collection.store, index) as reader:
        wanted = reader.regions(rows, rectangles)
    rng = np.random.default_rng(2)
    found = 0
    for place in rng.integers(0, len(whole), 150).tolist():
        data = bytearray(whole)
        data[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        with TileReader(collection.store, index) as reader:
            for answer, right in zip(reader.regions(rows, rectangles), wanted, strict=True):
                if isinstance(answer, Corrupt):
                    found += 1
                else:
                    np.testing.assert_array_equal(answer.pixels, right.pixels)
    assert found > 20


@pytest.mark.parametrize("name", ["groups", "photos", "tiles"])
def test_a_damaged_index_gives_an_error_or_damaged_tiles_and_never_another_label(packed, collection, name):
    generation, store = packed(restart_mcus=1, shard_photos=2).generation, collection.store
    path = Path(store.path(f"shards/{generation}/{name}.arrow"))
    whole = path.read_bytes()

    def read():
        """What a training and an export use of an index: order, labels, rectangles, whole tiles."""
        index = read_index(store, generation)
        with TileReader(store, index) as reader:
            rows = Order(index.selection("train", least_px=64), 1, "balanced").rows(np.arange(16))
            labels = index.labels(index.tiles.at("photo", rows)).tolist()
            regions = reader.regions(rows, [(0, 0, 8, 8)] * len(rows))
            return zip(labels, regions, strict=True), reader.tiles(all_rows(index))

    right = {tile.key: tile for tile in read()[1]}
    pixels = {key: pixels_of(tile.jpeg)[:8, :8] for key, tile in right.items()}
    places = np.random.default_rng(4).permutation(8 * len(whole))[:400].tolist()
    found = 0
    for place in places:
        data = bytearray(whole)
        data[place // 8] ^= 1 << place % 8
        path.write_bytes(data)
        try:
            labelled, tiles = read()
        except StorageError as error:
            found += "curate again" in str(error) or "shards.verify" in str(error)
            continue
        for label, region in labelled:
            if isinstance(region, Region):
                assert label == right[region.key].label, place
                np.testing.assert_array_equal(region.pixels, pixels[region.key])
        for tile in tiles:
            if isinstance(tile, Tile):
                told = (tile.label, tile.camera, tile.group, tile.jpeg)
                assert told == (lambda one: (one.label, one.camera, one.group, one.jpeg))(right[tile.key]), place
            else:
                found += 1
    assert found > 50


def test_an_index_that_names_another_tar_or_tile_is_damaged_not_obeyed(packed, collection):
    index = packed(shard_photos=2)
    tables = {name: getattr(index, name) for name in ("groups", "photos", "tiles")}
    assert len(index.tars) == 2
    for column, change in (("tar", 1), ("offset_bytes", 512), ("length_bytes", 1 << 20), ("photo", 1), ("tile", 1)):
        made = {}
        for name, columns in tables.items():
            rows = columns._batch.to_pylist()
            if name == "tiles":
                rows[0][column] = rows[0][column] ^ change
            made[name] = pa.Table.from_pylist(rows, columns.schema)
        generation = f"0002-{column}"
        publish_tables(collection.store, generation, made, dict(index.content), {})
        with TileReader(collection.store, read_index(collection.store, generation)) as reader:
            row = np.array([0])
            for answer in (*reader.tiles(row), *reader.regions(row, [(0, 0, 8, 8)])):
                assert isinstance(answer, Corrupt), column
                assert "one of them is damaged" in answer.what or "has" in answer.what


def test_a_restart_index_that_leaves_its_jpeg_is_an_answer_before_anything_is_fetched(packed, collection, monkeypatch):
    """One flipped bit of a segment's length asked for gigabytes, which ended the process."""
    index = packed(restart_mcus=1)
    rows = read_tiles_table(collection.store, index.tars[0]).to_pylist()
    number = int(index.tiles["row"][0])
    rows[number]["segment_bytes"][3] ^= 1 << 31
    collection.store.publish(table_path(index.tars[0]), table_bytes(pa.Table.from_pylist(rows, schema=TILES)))
    asked = []
    monkeypatch.setattr(Members, "read", lambda self, places: iter(asked.extend(places) or ()))
    with TileReader(collection.store, index) as reader:
        (answer,) = reader.regions(np.array([0]), [(0, 0, 64, 64)])
    assert isinstance(answer, Corrupt)
    assert "its restart index" in answer.what
    assert asked == []


def test_of_the_tars_tables_the_one_not_asked_for_longest_is_let_go(published, monkeypatch):
    store, index = published(20)
    monkeypatch.setattr("shards.tar_tables.MAPPED_MAX", 2)
    tables, (first, second, third) = TarTables(store, index.cache), index.tars[:3]
    for tar in (first, second, first, third):
        tables.record(tar, 0)
    assert list(tables._tables) == [first, third]


def test_no_more_tars_are_held_open_than_a_process_may(store):
    for number in range(OPEN_TARS_MAX + 10):
        store.publish(f"shards/tars/{number}.tar", b"%04d" % number)
    numbers = [*range(OPEN_TARS_MAX + 10), *range(OPEN_TARS_MAX + 10)]
    handles = len(list(Path("/proc/self/fd").iterdir()))
    with Members(store) as members:
        assert members.fetch([(f"{number}.tar", 0, 4) for number in numbers]) == [
            b"%04d" % number for number in numbers
        ]
        assert len(list(Path("/proc/self/fd").iterdir())) <= handles + OPEN_TARS_MAX
    assert len(list(Path("/proc/self/fd").iterdir())) == handles


def test_mapped_tables_hold_no_file_open(published):
    store, index = published(20)
    handles = len(list(Path("/proc/self/fd").iterdir()))
    with TileReader(store, index) as reader:
        assert len(reader._tables._tables) == 0
        assert all(reader._tables.record(tar, 0).length_bytes for tar in index.tars)
        assert len(reader._tables._tables) == len(index.tars)
        assert len(list(Path("/proc/self/fd").iterdir())) == handles
