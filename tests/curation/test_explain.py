"""The evidence and the verdict for one photo: as the judgement has it, every reason with its value, nothing private."""

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image

from corpus.cameras.catalogue import Catalogue
from corpus.configuration import read_configuration
from corpus.errors import StageError
from corpus.records import CURATED
from corpus.sections import Curation, Rules, Support
from corpus.takedowns import takedown
from curation.explain import WITHHELD, explain, main
from curation.inspection.evidence import evidence_lines
from curation.inspection.reason_values import OF_FACTS, OF_ROW, ExplainContext, editor_marks, reason_value
from curation.judging.verdict import Criteria
from curation.reasons import REASONS
from forensics.header import read_facts
from forensics.jpeg.quality import scaled_tables
from tests.conftest import run_here

LEARNED = [
    {"camera": "nexus-5x", "aspect": aspect, "value": value, "text": text, "photos": 12, "owners": 5, "share": 0.5,
     "native": True, "source": "learned"}
    for aspect, value, text in (
        ("camera", "", "LGE\nNexus 5X"),
        ("tables", "a" * 16, "quality 91, residual 1.20"),
        ("segments", "APP1:Exif DQT SOF0 DHT SOS", "APP1:Exif DQT SOF0 DHT SOS"),
    )
]  # fmt: skip


@pytest.fixture
def context(catalogue):
    """Return what is known of two cameras, one of them with tables and a form of header of its own."""
    iphone, nexus = catalogue.cameras
    own = {"tables": ("a" * 16,), "segments": ("APP1:Exif DQT SOF0 DHT SOS",)}
    known = Catalogue(cameras=(iphone, nexus.model_copy(update=own)))
    criteria = Criteria(known, known, Rules(), Curation())
    return ExplainContext(
        criteria, LEARNED, Support(photos_min=20, owners_min=6), 64 << 20, "decoded-grid-first-quality"
    )


def nexus(context):
    return context.criteria.catalogue["nexus-5x"]


def explained(world, text, *overrides, tags=False):
    return explain(read_configuration(world.folder / "pipelines.yaml", overrides), text, tags=tags)


def reasons(found):
    return [one["reason"] for one in found["verdict"]["reasons"]]


def printed(world, capsys, *arguments):
    assert main(["--config", str(world.folder / "pipelines.yaml"), *arguments]) == 0
    return capsys.readouterr().out


def command(world, *arguments):
    return run_here(lambda: main(["--config", str(world.folder / "pipelines.yaml"), *arguments]))


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_a_text_of_the_value_that_triggered_it(reason, photo, context):
    assert (reason in OF_ROW) != (reason in OF_FACTS)
    facts = photo(editor_marks=("app13: Photoshop 3.0",))
    for row in ({}, {"photo": "flickr:1", "error": "HTTP status 500", "pixel_error": "broken scan"}):
        text = reason_value(reason, facts, nexus(context), context, row)
        assert text
        assert "\n" not in text
        assert reason_value(reason, None, None, context, row)


def test_no_words_are_kept_for_a_reason_that_is_none():
    assert OF_ROW.keys() | OF_FACTS.keys() == REASONS.keys()


@pytest.mark.parametrize(
    ("reason", "changes", "value"),
    [
        (
            "not_native_tables",
            {"quantisation_tables": scaled_tables(98), "tables_digest": "c" * 16},
            f"quality 98 (digest {'c' * 16}); native is 1 table set: quality 91, residual 1.20 "
            f"({'a' * 16}; 12 photos of 5 owners)",
        ),
        (
            "not_native_segments",
            {"segments": ("APP0:JFIF", "APP2:ICC", "APP2:ICC", "SOS"), "segments_form": "APP0:JFIF SOS"},
            "APP0:JFIF APP2:ICC(2) SOS; native is APP1:Exif DQT SOF0 DHT SOS (12 photos of 5 owners)",
        ),
        (
            "not_native_size",
            {"width_px": 1024, "height_px": 768},
            "1024x768; native is 4032x3024 (stated by the catalogue)",
        ),
        ("low_quality_factor", {"quality_factor": 88}, "88, rules.quality_factor_min is 95"),
        (
            "low_quality_factor",
            {"quality_factor": 88, "quality_residual": 2.5},
            "own tables, nearest 88, rules.quality_factor_min is 95",
        ),
        (
            "changed_later",
            {"modified_at": "2016:05:01 10:56:12"},
            "taken 2016:05:01 10:11:12, changed 2016:05:01 10:56:12 (45 minutes later)",
        ),
        (
            "edited_by_software",
            {"editor_marks": ("exif:Software: HDR+ 1.0", "exif:Software: Adobe Photoshop CS5", "app14: Adobe")},
            "exif:Software: Adobe Photoshop CS5; app14: Adobe",
        ),
        (
            "software_not_firmware",
            {"software": "Mystery 2"},
            "'Mystery 2'; native are HDR+* (stated by the catalogue), bullhead* (stated by the catalogue)",
        ),
        ("size_disagrees", {"exif_width_px": 640, "exif_height_px": 480}, "4032x3024; EXIF states 640x480"),
        ("frame_turned", {"width_px": 3024, "height_px": 4032}, "3024x4032; EXIF states 4032x3024"),
        (
            "thumbnail_turned",
            {"thumbnail_width_px": 240, "thumbnail_height_px": 320},
            "4032x3024; its thumbnail is 240x320",
        ),
        (
            "saved_by_library",
            {"huffman": "optimised"},
            "JFIF before EXIF, optimised Huffman tables, the IJG's own tables of factor 96",
        ),
        ("no_camera_model", {"model": None, "exif_error": "cut"}, "Make 'LGE', no Model; EXIF: cut"),
        ("too_little_support", {}, "nexus-5x: 12 photos of 5 owners; cameras asks for 20 of 6"),
        ("not_baseline", {"coding": "progressive"}, "progressive coding"),
    ],
)
def test_a_value_says_what_was_found_and_what_would_have_been_right(reason, changes, value, photo, context):
    assert reason_value(reason, photo(**changes), nexus(context), context, {}) == value


@pytest.mark.parametrize(
    ("reason", "row", "value"),
    [
        ("duplicate", {"duplicate_of": "flickr:7"}, "a copy of flickr:7"),
        ("too_large", {"size_bytes": 99_000_000}, "99,000,000 bytes, crawl.original_max_bytes is 67,108,864 bytes"),
        (
            "claimed_by_two_cameras",
            {"copies": [{"photo": "flickr:7", "camera": "nex-7", "kept": False}]},
            "the same picture: flickr:7 (nex-7)",
        ),
        (
            "beyond_owner_cap",
            {"owner_photos": 9},
            "9 of this owner and camera are kept, curation.owner_photos_max is 300",
        ),
        ("compressed_twice", {"first_quality_factor": 80, "first_quality_gain": 1.5}, "quality 80 first, gain 1.5"),
        ("download_failed", {"error": "no", "http_status": 503, "attempts": 2}, "no, HTTP status 503, 2 attempts"),
    ],
)  # fmt: skip
def test_values_of_records_and_generations_are_said_too(reason, row, value, context):
    assert reason_value(reason, None, None, context, row) == value


def test_a_mark_that_the_firmware_of_the_camera_writes_is_told_to_be_none(photo, context):
    facts = photo(editor_marks=("exif:Software: HDR+ 1.0", "app14: Adobe"))
    assert [mark["counts"] for mark in editor_marks(facts, nexus(context), context)] == [False, True]


def test_what_is_native_is_told_from_what_is_not_and_learned_from_stated(photo, context):
    lines = evidence_lines(photo(tables_digest="a" * 16, segments_form="APP0:JFIF SOS"), nexus(context), context, {})
    assert lines["tables"].endswith("native, learned (12 photos of 5 owners)")
    assert lines["size"].endswith("native, stated by the catalogue")
    assert "not native; native is APP1:Exif DQT" in lines["segments"]
    assert "12 photos of 5 owners showed it" in lines["camera"]


def test_a_camera_that_was_learned_and_is_not_listed_is_told_how_to_be(photo, context):
    learned = [row | {"camera": "acme-box"} for row in LEARNED]
    lines = evidence_lines(photo(make="Acme", model="Box"), None, replace(context, learned=learned), {})
    assert "python -m curation.pin acme-box" in lines["camera"]


def test_every_photo_of_a_generation_is_explained_as_it_was_judged(finished):
    for key, row in finished.world.rows().items():
        found = explained(finished.world, key)
        assert reasons(found) == row["reasons"], key
        assert found["verdict"]["camera"] == row["camera"]
        assert found["verdict"]["kept"] == row["kept"]
        assert (found["published"]["split"], found["published"]["group"]) == (row["split"], row["group"])
        assert not found["differs"]


def test_a_file_is_judged_as_its_photo_is(finished, tmp_path):
    for key in ("flickr:000", "flickr:edited", "flickr:hard", "flickr:html", "flickr:cut"):
        row = finished.world.rows()[key]
        file = tmp_path / "file.jpg"
        file.write_bytes(finished.world.store.read(row["original"]))
        found = explained(finished.world, str(file))
        assert reasons(found) == row["reasons"]
        assert found["published"] is None


def test_what_was_learned_judges_a_file(finished, jpeg, tmp_path):
    file = tmp_path / "file.jpg"
    file.write_bytes(jpeg(77, quality=99))
    found = explained(finished.world, str(file))
    assert reasons(found) == []  # a camera that writes the IJG's tables at 97 may write those of 99
    assert "not native; native is 1 table set: quality 97" in found["evidence"]["tables"]


def test_an_original_of_the_store_is_its_photo(finished):
    row = finished.world.rows()["flickr:hard"]
    for path in (row["original"], finished.world.store.path(row["original"])):
        assert explained(finished.world, path)["photo"] == "flickr:hard"


def test_today_s_verdict_and_the_published_one_are_both_said_where_they_differ(finished, capsys):
    found = explained(finished.world, "flickr:000", "cameras=[beta-two]")
    assert reasons(found) == ["camera_not_chosen"]
    assert found["published"]["kept"]
    assert found["differs"]
    text = printed(finished.world, capsys, "flickr:000", "--set", "cameras=[beta-two]")
    assert "verdict: refused, by 1 reason" in text
    assert "today's verdict differs from the generation's" in text


def test_one_upload_of_a_photo_is_named_by_its_version(world, jpeg):
    rows = [
        world.record("4711", jpeg(1), version="aaaa", uploaded_at="2020-01-01T00:00:00Z"),
        world.record("4711", jpeg(2), version="bbbb", uploaded_at="2021-01-01T00:00:00Z"),
        world.record("me@home", jpeg(3), version="cccc"),
    ]
    world.window("w", rows)
    assert explained(world, "flickr:4711")["version"] == "bbbb"
    assert explained(world, "flickr:4711")["other_versions"] == ["aaaa"]
    assert explained(world, "flickr:4711@aaaa")["version"] == "aaaa"
    assert explained(world, "flickr:me@home")["version"] == "cccc"
    with pytest.raises(StageError, match=r"flickr:4711@dddd.*no such photo"):
        explained(world, "flickr:4711@dddd")


def test_a_stored_photo_that_no_run_has_examined_is_examined_now(world, jpeg):
    world.window("w", [world.record("1", jpeg(1, quality=60)), world.record("2", jpeg(2), sha256="0" * 64)])
    found = explained(world, "flickr:1")
    assert reasons(found) == ["low_quality_factor"]
    assert found["evidence"]["pixels"] == "decode without errors"
    assert found["generation"] is found["published"] is None
    damaged = explained(world, "flickr:2")["verdict"]["reasons"]
    assert [one["reason"] for one in damaged] == ["original_damaged"]
    assert "its record says 000" in damaged[0]["value"]


_OF_PIXELS = ("pixels", "perceptual hash", "foreign grid", "first quality")


@pytest.mark.parametrize(
    ("state", "overrides", "said"),
    [
        ("stored", ["curation.grid=true"], ["decode without errors", "a hash", "none found", "not examined"]),
        ("stored", ["curation.decode=false"], ["not examined"] * 4),
        ("refused", ["curation.grid=true", "curation.first_quality=true"], ["not examined"] * 4),
        ("deleted", ["curation.grid=true"], ["not examined"] * 4),
        ("failed", ["curation.grid=true"], None),
    ],
)
def test_of_pixels_is_told_only_what_was_looked_at(world, jpeg, state, overrides, said):
    data = jpeg(1, quality=60)
    known = {"state": state, "original": None, "facts": asdict(read_facts(data, whole=True))}
    world.window("w", [world.record("1", data) | ({} if state == "stored" else known) | (
        {"reasons": ["low_quality_factor"]} if state == "refused" else {"facts": None} if state == "failed" else {}
    )])  # fmt: skip
    evidence = explained(world, "flickr:1", *overrides)["evidence"]
    if said is None:
        assert evidence is None
    else:
        found = [evidence[name] for name in _OF_PIXELS]
        assert found == [found[1] if text == "a hash" else text for text in said]
        assert (len(found[1]) == 64) == ("a hash" in said)


def test_of_a_photo_on_the_takedown_list_nothing_is_said_but_that(world, jpeg):
    record = world.record("1", jpeg(1), title="Secret garden")
    world.window("w", [record])
    takedown(world.store, "flickr:1")
    found = explained(world, "flickr:1", tags=True)
    assert reasons(found) == ["forgotten"]
    assert found["evidence"] is None
    assert found["original"] is None
    assert found["tags"] == {}
    assert reasons(explained(world, record["original"])) == ["forgotten"]


def test_copies_and_the_cap_are_what_the_newest_generation_says(world, jpeg):
    photos = {"1": [], "2": ["duplicate"], "3": ["beyond_owner_cap"], "4": ["duplicate"]}
    records = [world.record(site_id, jpeg(int(site_id))) for site_id in photos]
    world.window("w", records)
    rows = [
        dict.fromkeys(CURATED.names) | {name: record[name] for name in ("photo", "version", "source", "owner_id")}
        | {"kept": not photos[site_id], "reasons": photos[site_id], "camera": "alpha-one", "group": "g"}
        for site_id, record in zip(photos, records, strict=True)
    ]  # fmt: skip
    rows[1] |= {"duplicate_of": "flickr:1"}
    rows[3] |= {"duplicate_of": "flickr:1"}
    world.store.publish_table("curated/0001-a/photos.parquet", pa.Table.from_pylist(rows, CURATED))
    world.store.mark_done("curated/0001-a", {})
    copy = explained(world, "flickr:2")
    assert reasons(copy) == ["duplicate"]
    assert copy["verdict"]["reasons"][0]["value"] == "a copy of flickr:1"
    assert sorted(one["photo"] for one in copy["published"]["copies"]) == ["flickr:1", "flickr:4"]
    stays = explained(world, "flickr:1")
    assert stays["verdict"]["kept"]
    assert sorted(one["photo"] for one in stays["published"]["copies"]) == ["flickr:2", "flickr:4"]
    assert "1 of this owner and camera are kept" in explained(world, "flickr:3")["verdict"]["reasons"][0]["value"]
    # the cap is asked of photos that nothing else objects to
    assert reasons(explained(world, "flickr:3", "cameras=[beta-two]")) == ["camera_not_chosen"]


def test_a_serial_number_is_present_and_never_shown(world, jpeg, tmp_path, capsys):
    file = tmp_path / "file.jpg"
    file.write_bytes(jpeg(1, serial_number="SN-7654321"))
    found = explained(world, str(file), tags=True)
    assert found["evidence"]["serial number"] == "present (exif), identifies the device"
    assert found["tags"]["EXIF BodySerialNumber"] == WITHHELD
    assert found["tags"]["Image Make"] == "ALPHA"
    for form in ([], ["--json"]):
        output = printed(world, capsys, str(file), "--all-tags", *form)
        assert "ALPHA" in output
        assert "7654321" not in output


def test_tags_that_name_an_owner_or_repeat_the_serial_number_are_withheld(world, tmp_path):
    exif = Image.Exif()
    exif[270], exif[700] = "by camera SN-7654321", b"<x:xmpmeta exif:GPSLatitude='52' />"
    exif._ifds[0x8769] = {0xA430: "Jane Doe", 0xA431: "SN-7654321", 0x927C: b"Acme 7654321", 0xA434: "50 mm"}
    file = tmp_path / "file.jpg"
    Image.new("RGB", (64, 64)).save(file, exif=exif)
    tags = explained(world, str(file), tags=True)["tags"]
    assert tags.pop("EXIF LensModel") == "50 mm"
    for name in ("Image ImageDescription", "EXIF CameraOwnerName", "EXIF BodySerialNumber", "EXIF MakerNote"):
        assert tags[name] == WITHHELD
    assert not any("52" in text or "60, 120" in text for text in tags.values())  # 60, 120: <x


@pytest.mark.photos
def test_the_place_of_a_real_photograph_is_withheld(world, shared_photos):
    file = next(shared_photos.glob("originals/iphone-11/*.jpg"))
    tags = explained(world, str(file), tags=True)["tags"]
    assert {name: text for name, text in tags.items() if "GPS" in name and text != WITHHELD} == {}
    assert tags["Image Model"] == "iPhone 11"


def test_a_file_that_is_no_jpeg_is_explained_too(world, tmp_path):
    file = tmp_path / "page.jpg"
    file.write_bytes(b"<!doctype html>")
    found = explained(world, str(file), tags=True)
    assert reasons(found) == ["unreadable"]
    assert "HTML page" in found["verdict"]["reasons"][0]["value"]


def test_mistakes_are_sentences(world, jpeg, tmp_path):
    file = tmp_path / "file.jpg"
    file.write_bytes(jpeg(1, size=(1600, 1200), quality=100) + bytes(2 << 20))
    for text, words in (
        (str(tmp_path / "none.jpg"), "no such file"),
        (str(tmp_path), "no such file"),
        ("n" * 5000, "no such file"),
        (str(file), "is larger than crawl.original_max_bytes, 1,048,576"),
    ):
        with pytest.raises(StageError, match=words):
            explained(world, text, "crawl.original_max_bytes=1048576")


def test_a_mistake_ends_with_2_and_no_traceback(world):
    result = command(world, "flickr:none")
    assert (result.returncode, result.stdout) == (2, "")
    assert "flickr:none: no such file, and no such photo in the records" in result.stderr
    assert "Traceback" not in result.stderr


def test_json_is_one_object_and_text_of_strangers_does_not_steer_the_terminal(world, jpeg, tmp_path, capsys):
    file = tmp_path / "file.jpg"
    file.write_bytes(jpeg(1, software="[red]evil[/red] :smile: \u202e\x1b[2J"))
    assert json.loads(printed(world, capsys, str(file), "--json"))["verdict"]["kept"] is False
    text = printed(world, capsys, str(file))
    assert "[red]evil[/red] :smile:" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_the_sha256_of_a_file_does_not_change_by_being_explained(world, jpeg, tmp_path):
    file = tmp_path / "file.jpg"
    file.write_bytes(jpeg(1))
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    explained(world, str(file))
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before
    assert not Path(world.store.path("facts")).exists()
