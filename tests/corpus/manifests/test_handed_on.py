"""Rows leave the manifests that were handed on to a store without their texts filling memory."""

from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.errors import StorageError
from corpus.manifests.about import KEY, About, schema_about
from corpus.manifests.handed_on import handed_on, without
from corpus.manifests.reading import open_manifest
from corpus.records import MANIFEST
from corpus.storage import Store, open_store

ABOUT = About(generation="0001-0123456789", folds=5)
PHOTOS = 60_000
NAME = "0123456789abcdef.parquet"


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path))


def test_a_small_manifest_of_long_texts_is_rewritten_in_little_memory(store, tmp_path):
    """Texts of 4,000 bytes in every row: 960 MB, were they not held once."""
    rows = [
        dict.fromkeys(MANIFEST.names)
        | {"photo": f"flickr:{number:06d}", "version": "0123456789", "reasons": ["duplicate"], "kept": False}
        for number in range(PHOTOS)
    ]
    table = pa.Table.from_pylist(rows, MANIFEST)
    for name in ("title", "author", "licence", "page_url"):
        text = pa.DictionaryArray.from_arrays(pa.array([0] * PHOTOS, pa.int32()), pa.array(["x" * 4000]))
        table = table.set_column(table.schema.get_field_index(name), name, text)
    (tmp_path / "manifests").mkdir()
    file = tmp_path / "manifests" / NAME
    with pq.ParquetWriter(file, table.schema, compression="zstd", store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({KEY: schema_about(ABOUT).metadata[KEY]})
    assert file.stat().st_size < 1_000_000
    del table, rows
    before = pa.default_memory_pool().max_memory()
    assert without(store, NAME, ["flickr:000001", "flickr:000003", "flickr:x"]) == Counter(
        {"flickr:000001": 1, "flickr:000003": 1}
    )
    assert pa.default_memory_pool().max_memory() - before < 300_000_000
    assert file.stat().st_size < 2_000_000
    manifest = open_manifest(file)
    assert (manifest.about, manifest.rows) == (ABOUT, PHOTOS - 2)
    batch = next(manifest.batches())
    assert batch["photo"][:3].to_pylist() == ["flickr:000000", "flickr:000002", "flickr:000004"]
    assert batch["title"][0].as_py() == "x" * 4000
    assert batch["reasons"][0].as_py() == ["duplicate"]
    assert handed_on(store).about() == [ABOUT]


def test_a_manifest_is_not_opened_where_nothing_is_forgotten(store, monkeypatch):
    monkeypatch.setattr(Store, "open", None)
    assert without(store, NAME, []) == Counter()


def test_a_manifest_of_another_version_is_not_called_damaged(store):
    schema = MANIFEST.with_metadata({KEY: b'{"schema_version": 2}'})
    store.publish_table(f"manifests/{NAME}", schema.empty_table())
    with pytest.raises(StorageError, match="it is a manifest of version 2") as told:
        handed_on(store).about()
    assert "damaged" not in str(told.value)
