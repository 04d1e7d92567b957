"""The whole job by its command, on a store as a crawl leaves it."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from corpus.records import photo_digest
from curation.generations import latest_generation
from shards.index import read_index

pytestmark = pytest.mark.slow


def test_every_record_has_its_row_the_counts_are_printed_and_the_receipt_is_there(finished):
    curated, output = finished.world, finished.output
    rows = curated.rows()
    refused = {photo: row["reasons"] for photo, row in rows.items() if not row["kept"]}
    assert len(rows) == 37
    assert refused == {
        "flickr:edited": ["edited_by_software"],
        "flickr:hard": ["low_quality_factor"],
        "flickr:html": ["unreadable"],
        "flickr:cut": ["truncated", "undecodable"],
        "flickr:forbidden": ["download_forbidden"],
    }
    for camera in ("alpha-one", "beta-two"):
        assert {row["split"] for row in rows.values() if row["camera"] == camera and row["kept"]} == {
            "train", "validation", "test",
        }  # fmt: skip
    (generation,) = curated.generations()
    assert "32 of 37 photos kept" in output
    assert "edited_by_software" in output
    assert f"curated/{generation}/report.html" in output.replace("\n", "")
    receipt = curated.store.read_json("receipts/curation.json")
    assert (receipt["generation"], receipt["photos"], receipt["kept"]) == (generation, 37, 32)
    assert (receipt["tiles"], receipt["not_packed"]) == (64, 0)
    assert curated.store.done(f"shards/{generation}") is not None


def test_published_files_name_no_device_place_or_moment_of_this_machine(finished):
    curated = finished.world
    (generation,) = curated.generations()
    for name, data in curated.files(f"curated/{generation}").items():
        assert str(curated.folder).encode() not in data, name
        assert b"SN0-0000" not in data, name


def test_running_again_makes_nothing_new_and_a_refresh_adds_a_generation_that_moves_no_group(curated, jpeg):
    before = {path: path.stat().st_mtime_ns for path in Path(curated.store.path("")).rglob("*") if path.is_file()}
    again = curated.curate_here()
    assert again.returncode == 0, again.stderr
    assert "every original is examined already" in again.stdout
    changed = {path for path, written in before.items() if path.stat().st_mtime_ns != written}
    # the fixture is a copy, whose files have other inodes than those that were judged: that is remembered, once
    assert {path.name for path in changed} <= {"curation.json", f"{latest_generation(curated.store)}.json"}
    assert len([path for path in Path(curated.store.path("")).rglob("*") if path.is_file()]) == len(before)

    (first,) = curated.generations()
    old = curated.files(f"curated/{first}")
    facts = curated.files("facts")
    new = [
        curated.record(f"new{number}", jpeg(500 + number, serial_number=f"NEW{number:04d}"), owner_id=f"n{number}")
        for number in range(6)
    ]
    same_device = curated.record("late", jpeg(600, serial_number="SN0-0001"), owner_id="someone-else")
    copy = curated.record("copy", jpeg(500, serial_number="NEW0000"), uploaded_at="2021-01-01T00:00:00Z")
    curated.window("w2", [*new, same_device, copy])
    refreshed = curated.curate_here()
    assert refreshed.returncode == 0, refreshed.stderr
    first_again, second = curated.generations()
    assert first_again == first
    assert curated.files(f"curated/{first}") == old
    assert facts.items() <= curated.files("facts").items()
    was, now = curated.rows(first), curated.rows(second)
    assert len(now) == len(was) + 8
    assert {photo: row["split"] for photo, row in was.items()} == {photo: now[photo]["split"] for photo in was}
    assert now["flickr:late"]["split"] == was["flickr:010"]["split"]
    assert now["flickr:copy"]["reasons"] == ["duplicate"]
    groups = {}
    for row in now.values():
        if row["kept"]:
            assert groups.setdefault(row["group"], row["split"]) == row["split"]


def test_windows_without_their_marker_are_not_read(curated, jpeg):
    (first,) = curated.generations()
    curated.window("w0", [curated.record("unfinished", jpeg(700))], done=False)
    assert curated.curate_here().returncode == 0
    assert curated.generations() == [first]


def test_fresh_runs_give_equal_bytes_whatever_the_number_of_workers_and_batches(finished, filled):
    filled.configure(curation={"workers": 2, "batch_photos": 3})
    assert filled.curate().returncode == 0
    assert filled.files("curated") == finished.world.files("curated")
    assert filled.files("shards") == finished.world.files("shards")


def test_other_rules_judge_the_same_facts_anew(curated):
    facts = curated.files("facts")
    result = curated.curate_here("--set", "rules.quality_factor_min=50", "--set", "rules.native_tables=false")
    assert result.returncode == 0, result.stderr
    assert curated.files("facts") == facts
    assert len(curated.generations()) == 2
    assert curated.rows()["flickr:hard"]["kept"]


def test_original_that_is_gone_or_changed_keeps_its_row_and_is_examined_once_mended(world, jpeg):
    rows = [world.record(str(number), jpeg(number), owner_id=str(number)) for number in range(100)]
    world.window("w1", rows)
    gone, changed = (Path(world.store.path(row["original"])) for row in rows[:2])
    data = changed.read_bytes()
    gone.unlink()
    changed.write_bytes(data + b"x")
    result = world.curate_here()
    assert result.returncode == 0, result.stderr
    assert "not examined: flickr:0" in result.stdout
    assert world.rows()["flickr:0"]["reasons"] == ["original_lost"]
    assert world.rows()["flickr:1"]["reasons"] == ["original_damaged"]
    changed.write_bytes(data)
    assert world.curate_here().returncode == 0
    assert world.rows()["flickr:1"]["kept"]


def test_photos_with_a_cameras_oddities_are_kept_and_packed(world, jpeg, oddities):
    plain = [jpeg(800 + number, serial_number=f"ODD{number:04d}") for number, _ in enumerate(oddities)]
    rows = [
        world.record(name, change(data), owner_id=name)
        for data, (name, change) in zip(plain, oddities.items(), strict=True)
    ]
    world.window("w1", [*rows, world.record("cut", oddities["sos_parameters"](jpeg(900)[:-400] + b"\xff\xd9"))])
    result = world.curate_here()
    assert result.returncode == 0, result.stderr
    told = world.rows()
    assert {photo.removeprefix("flickr:") for photo, row in told.items() if row["kept"]} == set(oddities)
    assert told["flickr:cut"]["reasons"] == ["undecodable"]
    receipt = world.store.read_json("receipts/curation.json")
    assert (receipt["kept"], receipt["not_packed"]) == (len(oddities), 0)


def test_nothing_kept_is_published_and_said_with_a_way_to_find_out_why(world, jpeg):
    world.window("w1", [world.record("1", jpeg(1, quality=50)), world.record("2", reasons=["no_original"])])
    result = world.curate_here()
    assert result.returncode == 2
    assert "no photo is kept" in result.stderr
    assert "Traceback" not in result.stderr
    assert world.rows()["flickr:1"]["reasons"] == ["low_quality_factor"]
    assert not world.store.exists("receipts/curation.json")


def test_a_store_without_records_is_refused_in_a_sentence(world):
    result = world.curate_here()
    assert result.returncode == 2
    assert "run `scrapy crawl" in result.stderr
    assert "Traceback" not in result.stderr


def test_records_of_another_form_are_refused_with_the_file_and_the_cure(world):
    world.store.publish_table("crawl/flickr/w1/records.parquet", pa.table({"photo": ["flickr:1"]}))
    world.store.mark_done("crawl/flickr/w1", {})
    result = world.curate_here()
    assert result.returncode == 2
    assert "crawl/flickr/w1/records.parquet" in result.stderr
    assert "Traceback" not in result.stderr


def test_help_shows_the_few_flags(world):
    result = world.curate_here("--help")
    assert result.returncode == 0
    assert "--set" in result.stdout
    assert json.dumps(result.stdout).count("--") < 12


def test_the_shards_index_has_the_fold_of_each_photograph(finished):
    curated = finished.world
    (generation,) = curated.generations()
    folds = {photo_digest(row["photo"], row["version"]): row["fold"] for row in curated.rows().values() if row["kept"]}
    index = read_index(curated.store, generation)
    photos = np.arange(len(index.photos))
    of_photo = index.groups["fold"][index.photos["group"]]
    found = dict(zip(index.photo_names(photos), of_photo.tolist(), strict=True))
    assert (index.folds, found) == (5, folds)


def test_given_splits_are_read_beside_the_configuration_before_any_work(curated):
    lines = ["flickr:gone,test"] + [
        f"{photo},test" for photo, row in curated.rows().items() if row["camera"] == "alpha-one"
    ]
    (curated.folder / "official.csv").write_text("photo,split\n" + "\n".join(lines))
    curated.store.remove("curated")  # the ledger would win
    command = ["--set", "curation.given_splits=official.csv"]
    result = curated.curate_here(*command)
    assert result.returncode == 0, result.stderr
    assert f"official.csv: {len(lines) - 1} of {len(lines)} lines name a photo" in result.stdout
    kept = [row for row in curated.rows().values() if row["kept"] and row["camera"] == "alpha-one"]
    assert {row["split"] for row in kept} == {"test"}
    (curated.folder / "official.csv").write_text("photo,split\nflickr:000,both\n")
    result = curated.curate_here(*command)
    assert result.returncode == 2
    assert "curation.given_splits: official.csv: line 2: split 'both' is not one of train" in result.stderr
    (curated.folder / "official.csv").write_text("path,split\nD01/a.jpg,test\n")
    result = curated.curate_here(*command)
    assert result.returncode == 2
    assert "official.csv: none of its 1 lines names a photo" in result.stderr
    result = curated.curate_here("--set", "curation.given_splits=nowhere.csv")
    assert result.returncode == 2
    assert "nowhere.csv cannot be read: No such file" in result.stderr
