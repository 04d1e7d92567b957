import hashlib
import io
import json
import signal
import subprocess
import sys
import tarfile
import zlib
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pytest

from corpus.errors import StageError
from corpus.sections import Shards
from corpus.storage import Store
from shards.entries import TILES, read_entry, read_tiles_table
from shards.index import previous_plans
from shards.plan import plan_shards
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
write_shard(Store(sys.argv[1]), plan_from_json(json.load(open(sys.argv[2]))), Shards(tile_px=512, tiles_per_photo=5))
"""


@pytest.mark.parametrize("pool_files", [1, 2, 3])  # killed while the tar, its table or its entry is being published
def test_a_writer_killed_at_any_moment_leaves_no_half_tar_under_its_name(
    collection, jpeg, tmp_path, repository, pool_files
):
    settings = Shards(tile_px=512, tiles_per_photo=5, shard_photos=8)
    collection.add(3, width_px=1536, height_px=1024, seed=1, quality=100)  # a tar of 5 MB takes a while to publish
    (plan,) = plans(collection, settings)
    reference = Store(str(tmp_path / "reference"))
    for row in collection.rows:
        reference.publish(row["original"], collection.store.read(row["original"]))
    write_shard(reference, plan, settings)
    (tmp_path / "plan.json").write_text(json.dumps(asdict(plan)))
    folder = Path(collection.store.path("shards/tars"))
    folder.mkdir(parents=True)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, collection.store.url, str(tmp_path / "plan.json")], cwd=repository
    )
    while writer.poll() is None and len(list(folder.iterdir())) < pool_files:
        pass
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    left = pool(collection.store)
    assert left  # it was killed after it had begun to publish
    for name, data in left.items():
        assert name.startswith(".tmp-") or data == pool(reference)[name]
    write_shard(collection.store, plan, settings)
    whole = pool(collection.store)
    assert {name: whole[name] for name in pool(reference)} == pool(reference)
