"""Tables beside the tars: mapped, from an object store through the machine's cache; a damaged one is a StorageError."""

import hashlib
import resource
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from corpus.errors import StorageError, StorageUnavailableError
from corpus.sections import Shards
from corpus.storage import open_store
from shards import tar_tables
from shards.entries import TILES, ShardEntry, entry_json, entry_path, read_tiles_table, table_bytes, table_path
from shards.index.columns import GROUPS, Columns, write_columns
from shards.plan import plan_shards
from shards.remote.cache import LocalCache
from shards.tar_tables import TarTables

ROWS = 5


def rows(first=0):
    return [
        {"photo": f"{number:016x}", "tile": number, "label": 1, "offset_bytes": 1000 * number, "length_bytes": 100}
        | {"x_px": 0, "y_px": 0, "width_px": 64, "height_px": 64, "checksum": first + number, "restart_mcus": 1}
        | {"header": b"header", "segment_bytes": [3, 4, 5], "checksums": [1, 2, 3, 4]}
        for number in range(ROWS)
    ]


def table(first=0):
    return table_bytes(pa.Table.from_pylist(rows(first), schema=TILES))


@pytest.fixture
def publish(tmp_path, collection):
    """A function that publishes a tar's table and its entry in an object store, and returns the store."""
    collection.add(1)
    (plan,) = plan_shards(collection.rows, Shards(tile_px=64), collection.classes)
    store = open_store(f"memory://tables{tmp_path}")

    def published(tar, data):
        entry = ShardEntry(plan, ROWS, (), 0, "", len(data), hashlib.sha256(data).hexdigest())
        store.publish(table_path(tar), data)
        store.publish_json(entry_path(tar), entry_json(entry))
        return store

    return published


def test_a_table_of_an_object_store_is_kept_here_and_never_stale(publish, tmp_path):
    cache = LocalCache(tmp_path / "cache")
    store = publish("a.tar", table())
    for _ in range(2):
        assert TarTables(store, cache).record("a.tar", 3).checksum == 3
    assert len(list(cache.folder.rglob("a.tar.arrow.*"))) == 1
    before = TarTables(store, cache)
    assert before.record("a.tar", 0).checksum == 0
    publish("a.tar", table(100))  # removed and packed again
    assert TarTables(store, cache).record("a.tar", 3).checksum == 103
    for copy in cache.folder.rglob("a.tar.arrow.*"):
        copy.unlink()
    assert before.record("a.tar", 4).checksum == 4  # what is mapped stays readable
    store.publish(table_path("a.tar"), table(200))  # without its entry
    with pytest.raises(StorageError, match=r"a\.tar\.arrow has SHA-256 .* as published"):
        TarTables(store, cache).record("a.tar", 3)


def test_without_room_only_so_many_tables_are_kept_in_memory(publish, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(tar_tables, "IN_MEMORY_MAX", 2)
    tables = TarTables(publish("0.tar", table()), LocalCache(tmp_path / "cache", 10))
    for number in range(5):
        publish(f"{number}.tar", table(number))
        assert tables.record(f"{number}.tar", 1).checksum == number + 1
    assert list(tables._tables) == ["3.tar", "4.tar"]
    assert len(caplog.records) == 1


@pytest.mark.slow
def test_a_flipped_bit_anywhere_in_a_table_is_an_answer_or_a_storage_error(tmp_path):
    """Without looking at offsets, Arrow would follow a damaged one out of the file, and end the process."""
    store = open_store(str(tmp_path))
    path = Path(store.path(table_path("a.tar")))
    path.parent.mkdir(parents=True)
    whole = table()
    refused = 0
    for bit in np.random.default_rng(0).choice(len(whole) * 8, 1000, replace=False).tolist():
        path.write_bytes(flipped(whole, bit))
        for read in (
            lambda: read_tiles_table(store, "a.tar").to_pylist(),
            lambda: read_tiles_table(store, "a.tar", ["photo", "segment_bytes"]).to_pylist(),
            lambda: [TarTables(store, LocalCache(tmp_path)).record("a.tar", row) for row in range(ROWS)],
        ):
            try:
                read()
            except StorageError:
                refused += 1
    assert refused > 700


@pytest.mark.slow
def test_a_flipped_bit_anywhere_in_an_indexs_table_is_an_answer_or_a_storage_error(tmp_path):
    path = tmp_path / "groups.arrow"
    row = {"label": 0, "split": 0, "fold": 1, "first_photo": 0, "photos": 1, "first_tile": 0, "tiles": 1}
    write_columns(path, pa.Table.from_pylist([row | {"group": f"device-{n}"} for n in range(ROWS)], schema=GROUPS))
    whole = path.read_bytes()
    refused = 0
    for bit in np.random.default_rng(0).choice(len(whole) * 8, 1500, replace=False).tolist():
        path.write_bytes(flipped(whole, bit))
        try:
            columns = Columns(str(path), GROUPS)
            columns.texts("group", np.arange(len(columns)))
        except StorageError:
            refused += 1
    assert refused > 200


def test_a_limit_of_this_machine_is_not_damage_of_a_table(tmp_path):
    store = open_store(str(tmp_path))
    store.publish(table_path("a.tar"), table())
    write_columns(tmp_path / "groups.arrow", pa.Table.from_pylist([], schema=GROUPS))
    asked = (
        lambda: TarTables(store, LocalCache(tmp_path / "cache")).record("a.tar", 0),
        lambda: read_tiles_table(store, "a.tar"),
        lambda: len(Columns(str(tmp_path / "groups.arrow"), GROUPS)),
    )
    few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    for ask in asked:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, most))
        try:
            with pytest.raises(StorageUnavailableError, match="too many files open"):
                ask()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (few, most))
        ask()


def flipped(data, bit):
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
