"""One tile is shown with what is known of it, and its place in its photograph."""

import json
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from corpus.errors import StageError, StorageError
from corpus.sections import Shards
from shards.entries import table_path
from shards.index import read_index
from shards.show import main, picture, shown

SETTINGS = Shards(tile_px=64, tiles_per_photo=4, shard_photos=4, restart_mcus=2)


@pytest.fixture
def index(collection):
    collection.add(2, width_px=256, height_px=128)
    return collection.publish(SETTINGS)


def key_of(index, tile):
    return f"{index.photo_names([0])[0]}_{tile}"


def test_a_tile_is_found_by_its_key(collection, index):
    store = collection.store
    found, jpeg = shown(store, index, key_of(index, 1))
    assert (found["key"], found["photo_px"], found["is_photo_px_known"]) == (key_of(index, 1), (256, 128), True)
    assert simplejpeg.decode_jpeg(jpeg).shape == (found["height_px"], found["width_px"], 3)
    row = next(row for row in collection.rows if row["original"] == found["original"])
    assert [found[name] for name in ("camera", "group", "split", "sha256")] == [
        row["camera"], row["group"], "train", row["sha256"],
    ]  # fmt: skip
    assert (found["is_whole"], found["restart_mcus"], found["segments"]) == (True, 2, 2 * 4)
    assert [place["tile"] for place in found["tiles"]] == [0, 1, 2, 3]
    central, _ = shown(store, index, key_of(index, 0))
    assert shown(store, index, key_of(index, 0)[:16])[0] == central
    assert (central["x_px"], central["y_px"]) == (96, 32)


def test_the_picture_has_the_tile_at_its_place(collection, index):
    found, _ = shown(collection.store, index, key_of(index, 0))
    lines = picture(found)
    assert {len(line) for line in lines} == {64}
    assert len(lines) == 16
    assert [line[24:40] for line in lines[4:12]] == ["#" * 16] * 8  # 96..160 of 256 px, 32..96 of 128
    assert sum(line.count("#") for line in lines) == 16 * 8
    assert all(any(str(tile) in line for line in lines) for tile in (1, 2, 3))


def test_of_a_photograph_that_is_gone_the_tiles_tell_the_least_size(collection, index):
    before, _ = shown(collection.store, index, key_of(index, 0))
    collection.store.remove(before["original"])
    found, _ = shown(collection.store, index, key_of(index, 0))
    assert found["photo_px"] == (256, 128)
    assert not found["is_photo_px_known"]


@pytest.mark.parametrize(
    ("key", "says"),
    [("x", "is no key"), ("0" * 16, "has no photograph"), ("{photo}_9", "has the tiles 0, 1, 2, 3; none is 9")],
)
def test_a_key_that_there_is_not_is_refused_in_a_sentence(collection, index, key, says):
    with pytest.raises(StageError, match=says):
        shown(collection.store, index, key.format(photo=key_of(index, 0)[:16]))


def test_of_an_original_whose_header_is_damaged_the_tiles_tell_the_least_size(collection, index):
    before, _ = shown(collection.store, index, key_of(index, 0))
    data = bytearray(collection.store.read(before["original"]))
    place = data.index(b"\xff\xc0")
    data[place + 4] = 77  # bits of a sample
    collection.store.publish(before["original"], bytes(data))
    assert not shown(collection.store, index, key_of(index, 0))[0]["is_photo_px_known"]


@pytest.mark.parametrize("file", ["index", "table"])
def test_a_damaged_index_or_table_is_told_in_a_sentence(collection, index, file):
    (tar,) = index.tars
    name = table_path(tar) if file == "table" else f"shards/{index.generation}/tiles.arrow"
    path, (right, _) = Path(collection.store.path(name)), shown(collection.store, index, key_of(index, 0))
    whole, told = path.read_bytes(), 0
    for place in np.random.default_rng(5).permutation(8 * len(whole))[:200].tolist():
        data = bytearray(whole)
        data[place // 8] ^= 1 << place % 8
        path.write_bytes(data)
        try:
            found, _ = shown(collection.store, read_index(collection.store, index.generation), key_of(index, 0))
        except (StorageError, StageError):
            told += 1
        else:
            assert (found["camera"], found["original"]) == (right["camera"], right["original"])
    assert told > 10


def test_the_command_writes_the_tile_and_tells_a_damaged_one(collection, index, tmp_path, capsys):
    (tmp_path / "pipelines.yaml").write_text(json.dumps({"storage": collection.store.url}))
    given = ["latest", key_of(index, 0), "--config", str(tmp_path / "pipelines.yaml")]
    assert main([*given, "--out", str(tmp_path / "tile.jpg")]) == 0
    found, jpeg = shown(collection.store, index, key_of(index, 0))
    assert (tmp_path / "tile.jpg").read_bytes() == jpeg
    told = capsys.readouterr().out
    assert "64x64 px at 96,32 of 256x128 px" in told
    assert found["tar"] in told
    assert main([*given, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["key"] == key_of(index, 0)
    tar = Path(collection.store.path(f"shards/tars/{found['tar']}"))
    data = bytearray(tar.read_bytes())
    data[found["offset_bytes"] + 700] ^= 1
    tar.write_bytes(data)
    assert main(given) == 1
    assert "python -m shards.verify 0001-aa" in capsys.readouterr().out
    assert read_index(collection.store, "0001-aa") is not None
