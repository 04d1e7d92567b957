"""What a generation holds, in figures: they are those of the photographs that were packed."""

import json
from pathlib import Path

import pytest

from corpus.sections import Shards
from corpus.storage import open_store
from shards.inspection.counting import counted
from shards.plan import plan_shards
from shards.stats import main
from shards.tiles import cut_tiles
from shards.write import write_shard

SETTINGS = Shards(tile_px=64, tiles_per_photo=2, shard_photos=4, restart_mcus=2)


@pytest.fixture(scope="module")
def collection(tmp_path_factory, collection_in):
    made = collection_in(open_store(str(tmp_path_factory.mktemp("stats") / "data")))
    made.add(6)
    made.add(1, progressive=True)
    made.add(2, split="test", height_px=56)  # tiles of 64x48
    return made


@pytest.fixture(scope="module")
def index(collection):
    return collection.publish(SETTINGS)


def test_the_figures_are_those_of_what_was_packed(collection, index):
    found = counted(collection.store, index)
    assert found["content"] == ["tiles"]
    assert found["total"] | {"size_bytes": 0} == {
        "shards": 3, "photos": 8, "tiles": 16, "groups": 5, "classes": 3, "size_bytes": 0,
    }  # fmt: skip
    assert [found["splits"][split]["photos"] for split in ("train", "validation", "test")] == [6, 0, 2]
    assert [(row["camera"], row["label"], row["photos"]) for row in found["classes"]] == [
        ("a", 0, 5), ("b", 1, 2), ("c", 2, 1),
    ]  # fmt: skip
    assert found["classes"][0]["splits"] == {"train": 8, "validation": 0, "test": 2}
    assert found["sizes"] == [
        {"width_px": 64, "height_px": 64, "tiles": 12}, {"width_px": 64, "height_px": 48, "tiles": 4},
    ]  # fmt: skip
    assert found["not_packed"] == 1
    of_classes = sum(row["size_bytes"] for row in found["classes"])
    assert of_classes == found["total"]["size_bytes"] == int(index.tiles["length_bytes"].sum())


def test_the_overhead_of_restart_markers_is_what_the_same_tiles_take_without(collection, index, tmp_path):
    originals = [collection.store.read(row["original"]) for row in collection.rows if row["photo"] != "folder:6"]
    sizes = {
        mcus: sum(
            len(cut.jpeg)
            for original in originals
            for cut in cut_tiles(original, tile_px=64, tiles_per_photo=2, restart_mcus=mcus)
        )
        for mcus in (0, 2)
    }
    restarts = counted(collection.store, index)["restarts"]
    assert restarts["share"] == pytest.approx(sizes[2] / sizes[0] - 1)
    assert restarts["share"] > 0
    assert (restarts["tiles"], restarts["segments"]) == (16, 12 * 8 + 4 * 6)
    assert restarts["markers_bytes"] < sizes[2] - sizes[0] + 16 * 6 + restarts["segments"] * 2


def test_without_markers_there_is_none_to_count(collection, tmp_path):
    settings = SETTINGS.model_copy(update={"restart_mcus": 0})
    for plan in plan_shards(collection.rows, settings, collection.classes):
        write_shard(collection.store, plan, settings)
    restarts = counted(collection.store, collection.publish(settings, "0002-bb"))["restarts"]
    assert (restarts["tiles"], restarts["segments"], restarts["share"]) == (0, 0, None)


def test_a_damaged_tile_is_left_out_of_what_is_measured(collection, index):
    whole = counted(collection.store, index)["restarts"]
    tar, start = index.tars[index.tiles["tar"][0]], int(index.tiles["offset_bytes"][0])
    path = Path(collection.store.path(f"shards/tars/{tar}"))
    data = path.read_bytes()
    path.write_bytes(data[: start + 2] + bytes(200) + data[start + 202 :])
    try:
        restarts = counted(collection.store, index)["restarts"]
    finally:
        path.write_bytes(data)
    assert (whole["written_again"], restarts["written_again"]) == (16, 15)
    assert restarts["share"] == pytest.approx(whole["share"], rel=0.2)


def test_the_command_prints_a_table_or_json(collection, index, tmp_path, capsys):
    (tmp_path / "pipelines.yaml").write_text(json.dumps({"storage": collection.store.url}))
    given = ["0001", "--config", str(tmp_path / "pipelines.yaml")]
    assert main(given) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[1:5]] == [
        ["train", "2", "6"], ["validation", "0", "0"], ["test", "1", "2"], ["all", "3", "8"],
    ]  # fmt: skip
    assert any(line.startswith("restart markers: 120 segments in 16 tiles; they add ") for line in lines)
    assert main([*given, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == counted(collection.store, index)
