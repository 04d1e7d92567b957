"""Inputs: which record of an upload counts; of forgotten photos nothing is read."""

import hashlib
from itertools import permutations

import pyarrow as pa
import pytest

from corpus.errors import StorageError
from corpus.records import EXAMINED, RECORD
from corpus.takedowns import forgotten_row, takedown
from crawlers.forget.__main__ import main
from curation.facts.examine import PhotoKey, facts_folder
from curation.judging.inputs import best_of, find_inputs, whole_table

pytestmark = pytest.mark.slow

KIND = "decoded"


def states(inputs):
    """Return the state of every upload by its key."""
    return {PhotoKey(row["photo"], row["version"]): row["state"] for row in inputs.uploads.to_pylist()}


def facts(store, name, *keys, data=b"one"):
    """Leave a table of facts of uploads, all with the same bytes."""
    sha256 = hashlib.sha256(data).hexdigest()
    rows = [{"photo": photo, "version": version, "sha256": sha256} for photo, version in keys]
    store.publish_table(f"{facts_folder(KIND)}/{name}.parquet", pa.Table.from_pylist(rows, EXAMINED))


def test_a_forgotten_photo_is_read_as_such_whatever_a_racing_crawl_wrote(world):
    full, other = world.record("1", b"one"), world.record("2", b"two")
    world.window("w1", [full, other])
    world.window("w2", [full | {"version": "w"}])
    takedown(world.store, "flickr:1")
    inputs = find_inputs(world.store, KIND)
    assert states(inputs) == {
        PhotoKey("flickr:1", full["version"]): "refused",
        PhotoKey("flickr:1", "w"): "refused",
        PhotoKey("flickr:2", other["version"]): "stored",
    }
    rows = [row for path in inputs.windows for row in whole_table(world.store, path, inputs.forgotten).to_pylist()]
    assert rows == [forgotten_row(full), other, forgotten_row(full | {"version": "w"})]
    assert [one.photo for one in inputs.waiting()] == ["flickr:2"]


def test_facts_of_a_forgotten_photo_are_not_read(world):
    facts(world.store, "batch", ("flickr:1", "v"), ("flickr:2", "v"))
    takedown(world.store, "flickr:1")
    inputs = find_inputs(world.store, KIND)
    rows = whole_table(world.store, inputs.facts[0], inputs.forgotten).to_pylist()
    assert [row["photo"] for row in rows] == ["flickr:2"]


@pytest.mark.parametrize("windows", [("w1", "w2"), ("w2", "w1")])
def test_an_upload_that_one_window_knows_to_be_deleted_is_not_used_though_another_has_it_stored(world, windows):
    stored = world.record("1", b"one")
    for window, row in zip(windows, (stored | {"state": "deleted"}, stored), strict=True):
        world.window(window, [row])
    inputs = find_inputs(world.store, KIND)
    assert list(states(inputs).values()) == ["deleted"]
    assert inputs.waiting() == []
    assert world.store.exists(stored["original"])


def test_of_several_records_the_best_state_counts_and_then_the_latest_window():
    told = [
        ("w3", "refused", "refused"),
        ("w1", "stored", "stored first"),
        ("w2", "stored", "stored again"),
        ("w4", "failed", "failed"),
        ("w5", "a state of tomorrow", "strange"),
    ]
    for statements in permutations(told):
        assert best_of(statements) == "stored again"
    assert best_of([("w1", "refused", 1), ("w2", "failed", 2)]) == 1
    assert best_of([("w1", "deleted", 1), ("w2", "stored", 2)]) == 1
    assert best_of([("w2", "failed", 2), ("w10", "failed", 10)]) == 2  # by name
    assert best_of([("w1", "a state of tomorrow", 1), ("w0", "failed", 0)]) == 0


def test_keys_are_told_by_the_same_record_that_counts(world):
    stored = world.record("1", b"one")
    world.window("w1", [stored])
    world.window("w2", [stored | {"original": "originals/elsewhere.jpg"}])
    world.window("w3", [stored | {"state": "failed", "original": None}])
    (one,) = find_inputs(world.store, KIND).waiting()
    assert one.path == "originals/elsewhere.jpg"


def test_uploads_of_a_replaced_photo_are_two_rows_and_only_stored_ones_wait(world):
    first = world.record("1", b"one") | {"version": "v"}
    world.window("w1", [first, first | {"version": "w"}, world.record("2") | {"state": "failed"}])
    inputs = find_inputs(world.store, KIND)
    assert len(inputs.uploads) == 3
    assert [one.key for one in inputs.waiting()] == [PhotoKey("flickr:1", "v"), PhotoKey("flickr:1", "w")]
    facts(world.store, "batch", ("flickr:1", "v"))
    assert [one.key for one in find_inputs(world.store, KIND).waiting()] == [PhotoKey("flickr:1", "w")]
    facts(world.store, "batch2", ("flickr:1", "w"), ("flickr:0", "v"))
    assert find_inputs(world.store, KIND).waiting() == []


def test_facts_of_another_kind_of_examination_are_not_those_asked_for(world):
    world.window("w1", [world.record("1", b"one") | {"version": "v"}])
    facts(world.store, "batch", ("flickr:1", "v"))
    assert find_inputs(world.store, KIND).waiting() == []
    assert len(find_inputs(world.store, "decoded-grid").waiting()) == 1


def test_an_upload_without_a_version_is_examined_once(world):
    world.window("w1", [world.record("1", b"one") | {"version": None}])
    (one,) = find_inputs(world.store, KIND).waiting()
    facts(world.store, "batch", one.key)
    assert find_inputs(world.store, KIND).waiting() == []


def test_uploads_are_ordered_by_key_and_once_each(world):
    rows = [world.record(site_id) for site_id in ("b", "10", "9", "\u00e9", "a")]
    world.window("w1", rows)
    world.window("w2", rows[::-1])
    photos = find_inputs(world.store, KIND).uploads["photo"].to_pylist()
    assert photos == sorted(row["photo"] for row in rows)


def test_windows_without_their_end_and_rows_put_aside_are_not_read(world):
    world.window("w1", [world.record("1")], done=False)
    world.window("_unfinished/w2", [world.record("2")], done=False)
    world.window("w3", [world.record("3")])
    assert [key.photo for key in states(find_inputs(world.store, KIND))] == ["flickr:3"]


def test_windows_that_found_nothing_and_a_store_without_any_have_no_uploads(world):
    assert find_inputs(world.store, KIND).uploads.num_rows == 0
    world.window("w1", [])
    inputs = find_inputs(world.store, KIND)
    assert (inputs.uploads.num_rows, inputs.waiting()) == (0, [])


def test_a_table_of_another_version_of_this_program_is_named_with_what_to_do(world):
    table = pa.Table.from_pylist([world.record("1")], RECORD).drop_columns(["state"])
    world.store.publish_table("crawl/flickr/w1/records.parquet", table)
    world.store.mark_done("crawl/flickr/w1", {})
    with pytest.raises(StorageError, match=r"w1/records\.parquet was written by another version .* no column state"):
        find_inputs(world.store, KIND).uploads  # noqa: B018


def test_the_next_generation_has_nothing_of_a_forgotten_photo_and_the_earlier_ones_are_named(curated, capsys):
    configuration = ["--config", str(curated.folder / "pipelines.yaml")]
    before = curated.rows()
    photo = next(photo for photo, row in before.items() if row["kept"])
    assert main([*configuration, photo]) == 0
    (first,) = curated.generations()
    said = capsys.readouterr().out
    has_it = [
        f"curated/{first}: 1 of these photos, 1 of them kept",
        f"shards/{first}: 2 tiles in its index",
        f"shards/tars/{before[photo]['split']}-",
    ]
    assert all(text in said for text in has_it)
    named = [line.split(":")[0].strip() for line in said.splitlines() if line.startswith("  ")]
    assert len(named) == 5
    tar = next(name for name in named if name.endswith(".tar"))
    assert {f"{tar}.json", f"{tar}.arrow"} < set(named)
    assert curated.store.exists(tar)

    result = curated.curate_here()
    assert result.returncode == 0, result.stderr
    after = curated.rows()
    row = after.pop(photo)
    assert {name: value for name, value in row.items() if value not in (None, False)} == {
        "photo": photo, "version": row["version"], "source": "flickr", "group": row["group"], "reasons": ["forgotten"]
    }  # fmt: skip
    assert {other: (each["kept"], each["split"]) for other, each in after.items()} == {
        other: (each["kept"], each["split"]) for other, each in before.items() if other != photo
    }

    for path in named:
        curated.store.remove(path)
    assert main(configuration) == 0
    assert capsys.readouterr().out == f"{photo}: nothing left of it\n"


def test_an_upload_whose_bytes_are_others_than_those_examined_is_examined_again(world):
    world.window("w1", [world.record("1", b"one") | {"version": "v"}])
    facts(world.store, "batch", ("flickr:1", "v"), data=b"before")
    assert [one.key for one in find_inputs(world.store, KIND).waiting()] == [PhotoKey("flickr:1", "v")]
