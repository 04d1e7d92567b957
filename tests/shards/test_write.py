import hashlib
import io
import json
import random
import signal
import subprocess
import sys
import tarfile
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import simplejpeg

from corpus.errors import StageError
from corpus.sections import Shards
from corpus.storage import Store
from forensics.coefficients import read_coefficients
from shards import write
from shards.entries import TILES, read_entry, read_tiles_table
from shards.index import previous_plans
from shards.plan import plan_shards
from shards.restarts import decode_rectangle, find_restarts
from shards.write import write_shard

pytestmark = pytest.mark.slow

SETTINGS = Shards(tile_px=64, tiles_per_photo=2, shard_photos=4)


def plans(collection, settings=SETTINGS, previous=()):
    return plan_shards(collection.rows, settings, collection.classes, previous)


def pool(store):
    folder = Path(store.path("shards/tars"))
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}


def table(store, plan):
    return read_tiles_table(store, plan.name).to_pylist()


def test_a_sample_is_label_tile_and_description_under_a_key_without_dots(collection):
    collection.add(2)
    (plan,) = plans(collection)
    write_shard(collection.store, plan, SETTINGS)
    with tarfile.open(fileobj=io.BytesIO(pool(collection.store)[plan.name])) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar}
        headers = {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in tar.getmembers()}
    assert headers == {(0, 0, 0, "shutterprint", "shutterprint", 0o444)}  # nothing of this machine or hour
    assert list(members) == [
        f"{p.photo}_{n}.{end}" for p in plan.photos for n in range(2) for end in ("cls", "jpg", "json")
    ]
    rows = table(collection.store, plan)
    assert [(row["photo"], row["tile"]) for row in rows] == [(p.photo, n) for p in plan.photos for n in range(2)]
    for row in rows:
        key = f"{row['photo']}_{row['tile']}"
        about = json.loads(members[f"{key}.json"])
        label = int(members[f"{key}.cls"])
        assert label == row["label"]
        assert collection.classes[label] == about["camera"]
        assert set(about) == {
            "camera", "split", "x_px", "y_px", "width_px", "height_px", "tile", "photo", "quality_factor",
        }  # fmt: skip
        told = ("photo", "tile", "x_px", "y_px", "width_px", "height_px")
        assert [about[name] for name in told] == [row[name] for name in told]


def test_the_table_says_where_in_the_tar_each_tile_lies_and_the_entry_what_both_hash_to(collection):
    collection.add(3)
    (plan,) = plans(collection)
    entry = write_shard(collection.store, plan, SETTINGS)
    files = pool(collection.store)
    assert set(files) == {plan.name, f"{plan.name}.arrow", f"{plan.name}.json"}
    data = files[plan.name]
    rows = table(collection.store, plan)
    assert (entry.tiles, entry.size_bytes, entry.sha256) == (len(rows), len(data), hashlib.sha256(data).hexdigest())
    arrow = files[f"{plan.name}.arrow"]
    assert (entry.table_bytes, entry.table_sha256) == (len(arrow), hashlib.sha256(arrow).hexdigest())
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for row in rows:
            tile = data[row["offset_bytes"] : row["offset_bytes"] + row["length_bytes"]]
            assert tile == tar.extractfile(f"{row['photo']}_{row['tile']}.jpg").read()
            assert row["checksum"] == zlib.crc32(tile)


def test_a_table_is_one_uncompressed_batch_that_is_mapped_not_read(collection):
    collection.add(3)
    (plan,) = plans(collection)
    write_shard(collection.store, plan, SETTINGS)
    allocated = pa.total_allocated_bytes()
    tiles = read_tiles_table(collection.store, plan.name)
    assert (tiles.schema, len(tiles.to_batches())) == (TILES, 1)
    assert pa.total_allocated_bytes() == allocated
    assert read_tiles_table(collection.store, plan.name, ["label", "photo"]) == tiles.select(["label", "photo"])


@pytest.mark.parametrize("content", ["tiles", "photos"])
def test_the_table_has_the_restart_index_of_each_jpeg(collection, content):
    settings = Shards(content=content, tile_px=64, tiles_per_photo=2, shard_photos=4, restart_mcus=2)
    collection.add(3, width_px=203, height_px=157)
    (plan,) = plans(collection, settings)
    write_shard(collection.store, plan, settings)
    data = pool(collection.store)[plan.name]
    rows = table(collection.store, plan)
    assert len(rows) == {"tiles": 6, "photos": 3}[content]
    for row in rows:
        jpeg = data[row["offset_bytes"] : row["offset_bytes"] + row["length_bytes"]]
        found = find_restarts(jpeg)
        assert (row["header"], row["restart_mcus"]) == (found.header, found.mcus)
        assert (row["segment_bytes"], row["checksums"]) == (found.segment_bytes.tolist(), found.checksums.tolist())
        assert row["restart_mcus"] == {"tiles": 2, "photos": 1}[content]  # the photos' rows have 13 MCUs
        whole = simplejpeg.decode_jpeg(jpeg, fastdct=False, fastupsample=False)
        corner = (row["width_px"] - 40, row["height_px"] - 30, 40, 30)
        assert np.array_equal(decode_rectangle(found, corner, jpeg, 0), whole[-30:, -40:])


def test_whole_photographs_are_packed_with_their_true_size_and_every_coefficient(collection, secrets):
    settings = Shards(content="photos", shard_photos=4)
    collection.add(2, width_px=203, height_px=157)
    (plan,) = plans(collection, settings)
    write_shard(collection.store, plan, settings)
    data = pool(collection.store)[plan.name]
    assert not [secret for secret in secrets if secret in data]
    for row, photo in zip(table(collection.store, plan), plan.photos, strict=True):
        assert [row[name] for name in ("tile", "x_px", "y_px", "width_px", "height_px")] == [0, 0, 0, 203, 157]
        packed = read_coefficients(data[row["offset_bytes"] : row["offset_bytes"] + row["length_bytes"]])
        original = read_coefficients(collection.store.read(photo.original))
        for ours, theirs in zip(packed.components, original.components, strict=True):
            assert np.array_equal(ours, theirs)
        assert np.array_equal(packed.tables, original.tables)


def test_without_markers_the_index_of_restarts_is_empty(collection):
    settings = SETTINGS.model_copy(update={"restart_mcus": 0})
    collection.add(1)
    (plan,) = plans(collection, settings)
    write_shard(collection.store, plan, settings)
    for row in table(collection.store, plan):
        assert [row[name] for name in ("restart_mcus", "header", "segment_bytes", "checksums")] == [0, b"", [], []]
    assert b"\xff\xdd" not in pool(collection.store)[plan.name]


def test_several_photographs_at_once_give_the_same_files(collection):
    collection.add(3)
    collection.add(1, width_px=1200, height_px=900)  # the last to be ready
    collection.add(4)
    collection.add(1, progressive=True)
    settings = Shards(tile_px=64, tiles_per_photo=2, shard_photos=9)
    (plan,) = plans(collection, settings)
    written = []
    for at_once in (1, 4):
        entry = write_shard(collection.store, plan, settings, photos_at_once=at_once)
        written.append((entry, pool(collection.store)))
        for name in written[0][1]:
            collection.store.remove(f"shards/tars/{name}")
    assert written[0] == written[1]


def test_photographs_that_together_are_too_large_are_cut_one_after_the_other():
    room, together, most = write._Room(100), [], []

    def take(size):
        with room.taken(size):
            together.append(size)
            most.append(sum(min(one, 100) for one in together))
            time.sleep(0.01)
            together.remove(size)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(take, [30, 30, 30, 500, 60, 100, 30, 0, 500]))
    assert max(most) == 100
    assert len(most) == 9


def test_a_shortage_of_memory_is_no_reason_against_a_photograph(collection, monkeypatch):
    def short(*_, **__):
        raise ValueError("Insufficient memory (case 4)")

    monkeypatch.setattr(write, "cut_tiles", short)
    collection.add(2)
    (plan,) = plans(collection)
    with pytest.raises(MemoryError, match="Insufficient memory"):
        write_shard(collection.store, plan, SETTINGS)
    assert pool(collection.store) == {}


def test_nothing_private_is_in_a_tar(collection, secrets):
    collection.add(4)
    for plan in plans(collection):
        write_shard(collection.store, plan, SETTINGS)
    original = collection.store.read(collection.rows[0]["original"])
    files = pool(collection.store).items()
    assert all(secret in original for secret in secrets)
    for data in (data for name, data in files if not name.endswith(".json")):
        assert not [secret for secret in (*secrets, b"folder", b"device-", b"root") if secret in data]


def test_the_same_plan_gives_the_same_bytes(collection, tmp_path):
    collection.add(3)
    (plan,) = plans(collection)
    write_shard(collection.store, plan, SETTINGS)
    first = pool(collection.store)
    for name in first:
        Path(collection.store.path(f"shards/tars/{name}")).unlink()
    write_shard(collection.store, plan, SETTINGS)
    assert pool(collection.store) == first
    assert len(first) == 3


def test_a_shard_that_is_there_is_not_written_again(collection):
    collection.add(3)
    (plan,) = plans(collection)
    entry = write_shard(collection.store, plan, SETTINGS)
    for row in collection.rows:  # it could not be cut again
        Path(collection.store.path(row["original"])).unlink()
    path = Path(collection.store.path(f"shards/tars/{plan.name}"))
    written_ns = path.stat().st_mtime_ns
    assert write_shard(collection.store, plan, SETTINGS) == entry == read_entry(collection.store, plan.name)
    assert path.stat().st_mtime_ns == written_ns


def test_photos_that_cannot_be_packed_are_left_out_and_listed_with_their_reasons(collection, jpeg):
    collection.add(2)
    collection.add(1, progressive=True)
    collection.add(2)
    gone, changed = collection.rows[3], collection.rows[4]
    Path(collection.store.path(gone["original"])).unlink()
    collection.store.publish(changed["original"], jpeg())
    settings = Shards(tile_px=64, tiles_per_photo=2, shard_photos=5)
    (plan,) = plans(collection, settings)
    entry = write_shard(collection.store, plan, settings)
    reasons = {failure.original[-7:-4]: failure.reason for failure in entry.failures}
    assert set(reasons) == {"002", "003", "004"}
    assert "progressive" in reasons["002"]
    assert "originals/folder/003.jpg: the storage has no such file" in reasons["003"]
    assert "SHA-256" in reasons["004"]
    assert entry.tiles == 4
    assert set(pool(collection.store)) == {entry.plan.name + end for end in ("", ".arrow", ".json")}


def test_a_tar_is_named_by_what_is_in_it_and_a_failed_photo_is_tried_again(collection):
    collection.add(3)
    missing = collection.store.read(collection.rows[1]["original"])
    Path(collection.store.path(collection.rows[1]["original"])).unlink()
    collection.publish(SETTINGS)
    before = previous_plans(collection.store)
    assert [len(plan.photos) for plan in before] == [2]
    collection.store.publish(collection.rows[1]["original"], missing)
    index = collection.publish(SETTINGS, "0002-bb", before)
    assert (index.failures, len(index.photos)) == ((), 3)


def test_a_shard_of_which_nothing_can_be_packed_has_no_tar(collection):
    collection.add(2, progressive=True)
    (plan,) = plans(collection)
    entry = write_shard(collection.store, plan, SETTINGS)
    assert (entry.tiles, len(entry.failures), pool(collection.store)) == (0, 2, {})


def test_other_settings_than_those_planned_with_are_refused(collection):
    collection.add(1)
    (plan,) = plans(collection)
    with pytest.raises(StageError, match="plan the shards again"):
        write_shard(collection.store, plan, Shards(tile_px=128))


WRITER = """
import json, sys
from corpus.sections import Shards
from corpus.storage import Store
from shards.plan import plan_from_json
from shards.write import write_shard
settings = Shards(tile_px=512, tiles_per_photo=5, shard_photos=1)
for plan in json.load(open(sys.argv[2])):
    write_shard(Store(sys.argv[1]), plan_from_json(plan), settings)
"""


def test_a_writer_killed_at_any_moment_leaves_no_half_file_and_goes_on_to_the_same_bytes(
    collection, tmp_path, repository
):
    settings = Shards(tile_px=512, tiles_per_photo=5, shard_photos=1)
    collection.add(4, width_px=1536, height_px=1024, quality=100)  # a tar of 2 MB takes a while to publish
    shards = plans(collection, settings)
    reference = Store(str(tmp_path / "reference"))
    for row in collection.rows:
        reference.publish(row["original"], collection.store.read(row["original"]))
    for plan in shards:
        write_shard(reference, plan, settings)
    wanted = pool(reference)
    (tmp_path / "plans.json").write_text(json.dumps([asdict(plan) for plan in shards]))
    folder = Path(collection.store.path("shards/tars"))
    folder.mkdir(parents=True)
    chance = random.Random(5)
    command = [sys.executable, "-c", WRITER, collection.store.url, str(tmp_path / "plans.json")]
    for more in (1, 2, 3):  # the first new file is a tar, then its table, then its entry: all under temporary names
        there = len(list(folder.iterdir()))
        writer = subprocess.Popen(command, cwd=repository)
        while writer.poll() is None and len(list(folder.iterdir())) < there + more:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.01))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        left = pool(collection.store)
        assert len(left) > there  # it was killed after it had begun to publish
        for name, data in left.items():
            assert name.startswith(".tmp-") or data == wanted[name]
    for plan in shards:
        write_shard(collection.store, plan, settings)
    whole = pool(collection.store)
    assert {name: data for name, data in whole.items() if not name.startswith(".tmp-")} == wanted
