"""Metadata oracle: what it sees of photographs, and that it finds cameras by it."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from corpus.records import CURATED, photo_digest
from corpus.storage import Store
from shards.index import read_index
from train.honesty.metadata_oracle import HEADER, LENGTH, SIZES, TABLES, metadata_features, oracle_answers


def test_the_oracle_sees_the_tables_of_the_photograph_and_its_size(filled: Store) -> None:
    index = read_index(filled, "0001-abcdef")
    seen, note = metadata_features(filled, index, index.selection("test").spread()[:2])
    assert note == "The rows of this generation are not in the store."
    assert list(seen) == [TABLES, SIZES]
    assert len(seen[TABLES][0]) == 128
    assert seen[TABLES][0]["table 0 entry 0"] == 1  # quality factor 97
    assert seen[SIZES][0]["width"] == 96


def test_the_oracle_sees_the_facts_of_the_generation_but_no_names(filled: Store) -> None:
    index = read_index(filled, "0001-abcdef")
    photo_rows = index.selection("test").spread()
    names = index.photo_names(photo_rows)
    digests = {photo_digest(f"folder:test-grainy-{place}", "0123456789"): place for place in range(4)}
    place = digests[names[0]]
    key = {"photo": f"folder:test-grainy-{place}", "version": "0123456789", "group": f"test-grainy-{place % 2}"}
    empty = {**key, "kept": True, "reasons": [], "has_side": True}
    row = {**dict.fromkeys(CURATED.names), **empty, "make": "Maker", "segments_form": "APP1"}
    row |= {"width_px": 10, "height_px": 10, "size_bytes": 250}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([row], schema=CURATED), sink)
    filled.publish("curated/0001-abcdef/photos.parquet", sink.getvalue().to_pybytes())
    seen, note = metadata_features(filled, index, photo_rows)
    assert note is None
    assert seen[HEADER][0]["segments_form"] == "APP1"
    assert not {"Maker", 250} & set(seen[HEADER][0].values())
    assert "segments_form" not in seen[HEADER][1]
    assert seen[LENGTH][:2] == [{"bytes per pixel": 2.5}, {}]


def test_cameras_with_tables_or_words_of_their_own_are_found_and_no_others() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    for own, least, most in (("number", 0.95, 1.0), ("word", 0.95, 1.0), ("nothing", 0.0, 0.6)):
        rows = [
            {"number": float(label if own == "number" else 0), "word": f"{label if own == 'word' else 0}",
             "noise": float(rng.integers(9))}
            for label in labels
        ]  # fmt: skip
        right = (oracle_answers(rows[:30], labels[:30], np.ones(30), rows[30:]) == labels[30:]).mean()
        assert least <= right <= most, (own, right)
