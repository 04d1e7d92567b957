"""What a generation's table has of photographs: known by their digests, or unknown with the reason."""

import pyarrow as pa
import pyarrow.parquet as pq

from corpus.records import CURATED, photo_digest
from corpus.storage import Store
from shards.index import read_index
from train.data.curated import curated_rows
from train.evaluation.photo_facts import facts_of

PATH = "curated/0001-abcdef/photos.parquet"


def publish(store: Store, owners: dict[str, str]) -> None:
    """Publish a table of the test photographs of `grainy`, by number and owner."""
    lacking = dict.fromkeys(CURATED.names) | {"kept": True, "reasons": [], "has_side": True, "version": "0123456789"}
    rows = [
        {**lacking, "photo": f"folder:test-grainy-{place}", "group": f"test-grainy-{int(place) % 2}",
         "owner_id": owner, "taken_at": f"201{place}-05-01"}
        for place, owner in owners.items()
    ]  # fmt: skip
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=CURATED), sink)
    store.publish(PATH, sink.getvalue().to_pybytes())


def test_photographs_are_found_by_their_digest_and_owners_are_numbers(filled: Store) -> None:
    index = read_index(filled, "0001-abcdef")
    photo_rows = index.selection("test").spread()
    publish(filled, {"1": "someone@site", "3": "other@site", "0": "someone@site"})
    rows, note = curated_rows(filled, index, photo_rows, ("taken_at",))
    assert note is None
    years = {photo_digest(f"folder:test-grainy-{place}", "0123456789"): f"201{place}-05-01" for place in (0, 1, 3)}
    assert {
        name: row["taken_at"] for name, row in zip(index.photo_names(photo_rows), rows, strict=True) if row
    } == years
    facts, _ = facts_of(filled, index, list(years))
    assert [(each.year, each.owner) for each in facts] == [
        ("2010", "owner 1"),
        ("2011", "owner 1"),
        ("2013", "owner 2"),
    ]


def test_a_table_that_is_missing_or_damaged_leaves_all_unknown_and_says_why(filled: Store) -> None:
    index = read_index(filled, "0001-abcdef")
    photo_rows = index.selection("test").spread()
    rows, note = curated_rows(filled, index, photo_rows, ("taken_at",))
    assert (rows, note) == ([{}] * 12, "The rows of this generation are not in the store.")
    filled.publish(PATH, b"PAR1 nonsense")
    facts, note = facts_of(filled, index, index.photo_names(photo_rows))
    assert note is not None
    assert f"({PATH}) cannot be read: " in note
    assert {each.owner for each in facts} == {None}
    assert {each.quality_factor for each in facts} == {97}
