"""Inputs: of all that crawls have left, what counts; of forgotten photos nothing does."""

import pyarrow as pa
import pytest

from corpus.records import EXAMINED
from corpus.takedowns import forgotten_row, takedown
from crawlers.forget import main
from curation.examine import PhotoKey, facts_folder
from curation.inputs import best_records, read_examined, read_records, waiting


def test_a_forgotten_photo_is_read_as_such_whatever_a_racing_crawl_wrote(world):
    full, other = world.record("1", b"one"), world.record("2", b"two")
    world.window("w1", [full, other])
    world.window("w2", [full | {"version": "w"}])
    takedown(world.store, "flickr:1")
    records = read_records(world.store)
    assert records == {
        PhotoKey("flickr:1", full["version"]): forgotten_row(full),
        PhotoKey("flickr:1", "w"): forgotten_row(full | {"version": "w"}),
        PhotoKey("flickr:2", other["version"]): other,
    }
    assert [one.photo for one in waiting(records, {})] == ["flickr:2"]


def test_facts_of_a_forgotten_photo_are_not_read(world):
    rows = [{"photo": photo, "version": "v", "sha256": "s"} for photo in ("flickr:1", "flickr:2")]
    world.store.publish_table(f"{facts_folder(decode=True)}/batch.parquet", pa.Table.from_pylist(rows, EXAMINED))
    takedown(world.store, "flickr:1")
    assert list(read_examined(world.store, decode=True)) == [PhotoKey("flickr:2", "v")]


@pytest.mark.parametrize("windows", [("w1", "w2"), ("w2", "w1")])
def test_an_upload_that_one_window_knows_to_be_deleted_is_not_used_though_another_has_it_stored(world, windows):
    stored = world.record("1", b"one")
    deleted = stored | {"state": "deleted"}
    records = best_records(zip(windows, ([deleted], [stored]), strict=True))
    assert [row["state"] for row in records.values()] == ["deleted"]
    assert waiting(records, {}) == []
    assert world.store.exists(stored["original"])


def test_windows_without_their_end_and_rows_put_aside_are_not_read(world):
    world.window("w1", [world.record("1")], done=False)
    world.window("_unfinished/w2", [world.record("2")], done=False)
    world.window("w3", [world.record("3")])
    assert [key.photo for key in read_records(world.store)] == ["flickr:3"]


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
    assert len(named) == 4
    tar = named[-1]
    assert named[-2] == f"{tar}.json"
    assert curated.store.exists(tar)

    result = curated.curate()
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
