"""What a refresh changed: every photo counted once, splits that moved found, mistakes answered in a sentence."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.records import CURATED
from corpus.storage import open_store
from curation import generations
from curation.diff import main
from curation.inspection.compare import differences
from tests.conftest import run_here

pytestmark = pytest.mark.slow

OLD, NEW = "0001-aaaaaaaaaa", "0002-bbbbbbbbbb"
NATIVE = {
    "camera": "nexus-5x", "aspect": "size", "value": "4032x3024", "photos": 9, "owners": 3, "share": 1.0,
    "native": True, "text": "", "source": "learned",
}  # fmt: skip


@pytest.fixture
def store(tmp_path):
    (tmp_path / "pipelines.yaml").write_text("storage: data\n")
    return open_store("data", tmp_path)


def row(number, *reasons, **columns):
    cells = dict.fromkeys(CURATED.names) | {
        "photo": f"flickr:{number:03d}", "version": "v", "kept": not reasons, "reasons": list(reasons),
        "camera": "nexus-5x", "split": None if reasons else "train",
    }  # fmt: skip
    return cells | columns


def publish(store, name, rows, natives=()):
    store.publish_table(f"curated/{name}/photos.parquet", pa.Table.from_pylist(rows, CURATED))
    store.publish_json(f"curated/{name}/natives.json", list(natives))
    store.mark_done(f"curated/{name}", {})


def diff(store, tmp_path, *arguments):
    return run_here(lambda: main(["--config", str(tmp_path / "pipelines.yaml"), *arguments]))


def test_every_photo_is_counted_once_by_what_became_of_it(store):
    publish(store, OLD, [row(0), row(1), row(2), row(3, "truncated"), row(4, "truncated", "duplicate"), row(5)])
    publish(
        store,
        NEW,
        [row(0), row(1, "duplicate"), row(3), row(4, "duplicate"), row(5, "duplicate"), row(6), row(7, "no_original")],
    )
    found = differences(store, OLD, NEW)
    assert found["before"] == {"name": OLD, "photos": 6, "kept": 4}
    assert found["after"] == {"name": NEW, "photos": 7, "kept": 3}
    assert (found["new"], found["gone"], found["newly_kept"], found["newly_refused"]) == (2, 1, 1, 2)
    assert found["transitions"] == [
        {"from": "kept", "to": "refused: duplicate", "photos": 2},
        {"from": "kept", "to": "gone", "photos": 1},
        {"from": "new", "to": "kept", "photos": 1},
        {"from": "new", "to": "refused: no_original", "photos": 1},
        {"from": "refused: truncated", "to": "kept", "photos": 1},
        {"from": "refused: truncated", "to": "refused: duplicate", "photos": 1},
    ]


def test_a_replaced_original_is_a_new_photo_beside_the_old_one(store):
    publish(store, OLD, [row(0, version="a")])
    publish(store, NEW, [row(0, "deleted_at_source", version="a"), row(0, version="b")])
    found = differences(store, OLD, NEW)
    assert (found["new"], found["newly_refused"]) == (1, 1)


def test_cameras_and_splits_that_changed_are_found(store):
    publish(store, OLD, [row(0), row(1), row(2, camera=None), row(3), row(4)])
    publish(store, NEW, [row(0, camera="iphone-6"), row(1, split="test"), row(2), row(3, "duplicate"), row(4)])
    found = differences(store, OLD, NEW)
    assert found["camera_changed"] == [
        {"from": "nexus-5x", "to": "iphone-6", "photos": 1},
        {"from": "none", "to": "nexus-5x", "photos": 1},
    ]
    assert found["split_changed"] == {"photos": 1, "examples": ["flickr:001: train -> test"]}
    assert found["cameras"] == {
        "iphone-6": {"before": 0, "after": 1},
        "nexus-5x": {"before": 4, "after": 3},
        "none": {"before": 1, "after": 0},
    }


def test_native_values_gained_and_lost_are_named_but_not_those_that_grew(store):
    lost, gained = {**NATIVE, "value": "1x1"}, {**NATIVE, "aspect": "software"}
    other = {**NATIVE, "value": "2x2", "native": False}
    publish(store, OLD, [], [NATIVE, lost, {**other, "value": "3x3"}])
    publish(store, NEW, [], [other, {**NATIVE, "owners": 99}, gained])
    assert differences(store, OLD, NEW)["natives"] == {"gained": [gained], "lost": [lost]}


def test_a_generation_whose_native_values_are_missing_is_named(store, tmp_path):
    publish(store, OLD, [row(0)])
    publish(store, NEW, [row(0)], [NATIVE])
    store.remove(f"curated/{OLD}/natives.json")
    ended = diff(store, tmp_path, "0001", "0002")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert f"curated/{OLD}/natives.json" in ended.stderr


def test_equal_generations_differ_in_nothing_however_they_are_cut(store, monkeypatch):
    rows = [row(number, *(["truncated"] if number % 3 else [])) for number in range(50)]
    publish(store, OLD, rows)
    publish(store, NEW, rows)
    monkeypatch.setattr(generations, "_BATCH_PHOTOS", 7)
    found = differences(store, OLD, NEW)
    assert (found["transitions"], found["camera_changed"], found["split_changed"]["photos"]) == ([], [], 0)
    assert found["before"]["photos"] == found["after"]["photos"] == 50


def test_the_command_prints_tables_and_takes_short_names(store, tmp_path):
    publish(store, OLD, [row(0), row(1), row(2)], [NATIVE])
    publish(store, NEW, [row(0), row(1, "duplicate"), row(2)], [])
    result = diff(store, tmp_path, "0001", "latest")
    assert result.returncode == 0, result.stderr
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert f"{OLD} {NEW} change" in lines
    assert "kept 3 2 -1" in lines
    assert "kept -> refused: duplicate 1" in lines
    assert "nexus-5x 3 2 -1" in lines
    assert "changed split: 0 (must be 0)" in lines
    assert "nexus-5x size: 4032x3024 (3 owners)" in lines


def test_the_command_prints_all_of_it_as_json_and_fails_where_a_split_changed(store, tmp_path):
    camera = "[red]x\x1b[31m"
    publish(store, OLD, [row(0, camera=camera)])
    publish(store, NEW, [row(0, camera=camera, split="test"), row(1, camera=camera)])
    result = diff(store, tmp_path, OLD, NEW, "--json")
    assert result.returncode == 1
    assert json.loads(result.stdout) == differences(store, OLD, NEW)
    text = diff(store, tmp_path, OLD, NEW)
    assert (text.returncode, "\x1b" in text.stdout) == (1, False)
    assert "flickr:000: train -> test" in text.stdout
    assert r"[red]x\x1b[31m" in text.stdout


def test_generations_are_counted_beyond_four_digits(store, tmp_path):
    publish(store, "9999-aaaaaaaaaa", [row(0)])
    publish(store, "10000-aaaaaaaaaa", [row(0)])
    assert json.loads(diff(store, tmp_path, "9999", "latest", "--json").stdout)["after"]["name"] == "10000-aaaaaaaaaa"


def test_an_unknown_or_ambiguous_generation_is_answered_with_those_there_are(store, tmp_path):
    nothing = diff(store, tmp_path, "latest", "0001")
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "there are none; run python -m curation.run first" in nothing.stderr
    publish(store, OLD, [row(0)])
    publish(store, NEW, [row(0)])
    store.publish("curated/0003-cccccccccc/photos.parquet", b"half")
    unknown = diff(store, tmp_path, "0003", "0001")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (2, 1)
    assert f"no generation is called '0003'; there are {OLD}, {NEW}" in unknown.stderr
    ambiguous = diff(store, tmp_path, "000", "0001")
    assert f"'000' begins the names of 2 generations: {OLD}, {NEW}" in ambiguous.stderr


def test_a_table_that_is_damaged_or_not_sorted_is_named(store, tmp_path):
    publish(store, OLD, [row(1), row(0)])
    publish(store, NEW, [row(0)])
    result = diff(store, tmp_path, "0001", "0002")
    assert result.returncode == 2
    assert f"curated/{OLD}/photos.parquet is not sorted by photo and version" in result.stderr
    store.publish(f"curated/{OLD}/photos.parquet", b"PAR1 and no more PAR1")
    assert "cannot be read as Parquet" in diff(store, tmp_path, "0001", "0002").stderr
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"photo": ["flickr:1"]}), sink)
    store.publish(f"curated/{OLD}/photos.parquet", sink.getvalue().to_pybytes())
    assert "has no column version" in diff(store, tmp_path, "0001", "0002").stderr
