"""What curation has learned of cameras: the next crawl's door and listings know it, and it lifts refusals."""

import json

import pytest
from scrapy.crawler import Crawler as ScrapyCrawler

from corpus.configuration import read_configuration
from corpus.errors import StorageError
from corpus.sections import Rules
from crawlers.spiders.folder import FolderSpider
from crawlers.vetting.basis import digest_of, learned_cameras
from crawlers.vetting.door import Door
from crawlers.vetting.listing import ListedFile, listing_reasons
from forensics.header import read_facts

pytestmark = pytest.mark.slow

OPEN = {"photos_min": 5, "owners_min": 2}


def row(camera="acme-one", aspect="size", value="640x480", *, native=True, source="learned", text="", photos=9):
    """Return a row of natives.json."""
    said = {"camera": camera, "aspect": aspect, "value": value, "text": text}
    return {**said, "photos": photos, "owners": 4, "share": 0.5, "native": native, "source": source}


def of_three(*, text="Acme\nThree", size="320x240", photos=9):
    """Return what was learned of a camera that the catalogue does not list."""
    return [row("acme-three", "camera", "", text=text, photos=photos), row("acme-three", value=size, photos=photos)]


@pytest.fixture
def configured(tmp_path, cameras_file):
    """Return what reads a configuration, after a generation that has learned some rows was published."""

    def configure(rows=None, generation="0001-a", **keys):
        tree = {"storage": "data", "catalogue": str(cameras_file), **keys}
        (tmp_path / "pipelines.yaml").write_text(json.dumps(tree))
        configuration = read_configuration(tmp_path / "pipelines.yaml")
        if rows is not None:
            configuration.store.publish_json(f"curated/{generation}/natives.json", rows)
            configuration.store.mark_done(f"curated/{generation}", {})
        return configuration

    return configure


def known(configuration):
    return digest_of(learned_cameras(configuration))


def listed(configuration, **told):
    cameras = learned_cameras(configuration)
    return listing_reasons(ListedFile(make="Acme", **told), *cameras, Rules(), 1 << 20)


def test_before_the_first_generation_the_cameras_are_those_of_the_catalogue(configured):
    configuration = configured(cameras=["acme-two"])
    assert learned_cameras(configuration) == (configuration.whole_catalogue, configuration.chosen)


def test_the_newest_generation_counts_and_one_that_is_not_whole_does_not(configured):
    configured([row(value="1x1")])
    configured([row(value="640x480")], "0010-b")
    configuration = configured([row(value="2x2")], "0011-c")
    configuration.store.remove("curated/0011-c/_done.json")
    assert learned_cameras(configuration).catalogue["acme-one"].sizes == ("320x240", "640x480")


def test_what_is_learned_makes_no_camera_a_chosen_one(configured):
    cameras = learned_cameras(configured([row(), *of_three()], cameras=["acme-two"]))
    assert [camera.key for camera in cameras.catalogue.cameras] == ["acme-one", "acme-two"]
    assert [camera.key for camera in cameras.chosen.cameras] == ["acme-two"]
    assert "acme-three" not in cameras.chosen
    assert cameras.catalogue.identify("Acme", "Three") is None


def test_what_the_catalogue_stated_then_and_does_not_state_now_is_forgotten(configured):
    cameras = learned_cameras(configured([row(source="catalogue")]))
    assert cameras.catalogue["acme-one"].sizes == ("320x240",)


def test_a_candidate_that_is_not_native_is_unknown_at_the_door(configured):
    assert listed(configured([row(native=False)]), model="One", width_px=640, height_px=480) == ("not_native_size",)


def test_a_listing_is_judged_by_learned_sizes_and_firmware(configured):
    told = {"model": "One", "software": "Vx 2", "width_px": 480, "height_px": 640}
    assert listed(configured(), **told) == ("software_not_firmware", "not_native_size")
    learned = [row(), row(aspect="software", value="Vx [0-9]*")]
    assert listed(configured(learned), **told) == ()


def test_where_a_listing_names_no_camera_a_learned_size_of_any_chosen_one_counts(configured):
    told = {"width_px": 640, "height_px": 480}
    assert listed(configured(), **told) == ("not_native_size",)
    assert listed(configured([row()]), **told) == ()
    assert listed(configured([row()], cameras=["acme-two"]), **told) == ("not_native_size",)


def test_to_an_open_catalogue_a_size_says_nothing_while_nobody_names_the_camera(configured):
    assert listed(configured(cameras=OPEN), width_px=1, height_px=1) == ()


def test_a_size_that_an_unlisted_camera_has_not_shown_yet_is_refused_at_the_door_and_not_by_the_listing(
    configured, uploads
):
    """Only the door keeps facts, from which the next generation learns that the camera makes this size as well."""
    configuration = configured(of_three(size="640x480"), cameras=OPEN)
    assert listed(configuration, model="Three", software="Fw 1", width_px=320, height_px=240) == ()
    facts = read_facts((uploads.folder / "stranger.jpg").read_bytes(), whole=False)
    refused = Door(*learned_cameras(configuration), Rules(), 1 << 20).judge(facts)
    assert refused is not None
    assert refused.reasons == ("not_native_size",)
    known = learned_cameras(configured(of_three(), "0002-b", cameras=OPEN))
    assert Door(*known, Rules(), 1 << 20).judge(facts) is None


def test_what_a_crawl_knew_changes_with_native_values_and_with_nothing_else_that_a_generation_says(configured):
    bare = known(configured())
    first = known(configured([row(), row(aspect="software", value="Vx*")]))
    assert first != bare
    support = [row(aspect="software", value="Vx*", photos=500, text="seen"), row(photos=500)]
    others = [row(value="2x2", native=False), row(aspect="camera", value="", text="Acme\nOne"), *of_three()]
    stated = row(value="320x240", source="catalogue")
    assert known(configured([*support, *others, stated], "0002-b")) == first
    assert known(configured([row()], "0003-c")) not in (first, bare)
    assert known(configured([], "0004-d")) == bare


def test_to_an_open_catalogue_the_native_values_of_unlisted_cameras_count_and_their_spelling_does_not(configured):
    bare = known(configured(cameras=OPEN))
    first = known(configured(of_three(), cameras=OPEN))
    assert first != bare
    assert known(configured(of_three(text="ACME\nThree", photos=500), "0002-b", cameras=OPEN)) == first
    assert known(configured(of_three(size="2x2"), "0003-c", cameras=OPEN)) not in (first, bare)
    assert known(configured(of_three()[:1], "0004-d", cameras=OPEN)) == bare  # no size is native yet


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"{}", b"null", b"[1]", b'[{"camera": "acme-one"}]'])
def test_a_damaged_table_of_what_was_learned_is_a_sentence_before_any_work(make_crawler, uploads, monkeypatch, content):
    crawler = make_crawler()
    crawler.tree["sources"] = {"folder": {"path": str(uploads.folder)}}
    crawler.store.publish("curated/0001-a/natives.json", content)
    crawler.store.mark_done("curated/0001-a", {})
    crawler.command("folder")  # writes the configuration
    monkeypatch.setenv("SHUTTERPRINT_CONFIG", str(crawler.folder / "pipelines.yaml"))
    with pytest.raises(StorageError, match=r"curated/0001-a/natives\.json is not .*; restore it, or remove it"):
        FolderSpider.from_crawler(ScrapyCrawler(FolderSpider))
    assert crawler.store.names("crawl") == []


def test_a_generation_whose_table_was_removed_has_learned_nothing(configured):
    configuration = configured()
    configuration.store.mark_done("curated/0001-a", {})
    assert learned_cameras(configuration).catalogue == configuration.whole_catalogue


def folder_crawler(make_crawler, tree, files, **keys):
    """Return a crawler of a folder with these files, path → bytes."""
    for path, data in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(data)
    crawler = make_crawler()
    crawler.tree |= {"sources": {"folder": {"path": str(tree), "owner": 1}}, **keys}
    return crawler


def verdicts(crawler, *settings):
    """Crawl; return state and reasons by path."""
    crawl = crawler.run("folder", *settings)
    assert crawl.exit_code == 0, crawl.log
    rows = crawler.rows("folder")
    return {row["photo"].removeprefix("folder:"): (row["state"], *row["reasons"]) for row in rows}


def test_a_photo_refused_for_its_quality_factor_comes_in_once_its_tables_are_known_to_be_native(
    make_crawler, make_jpeg, tmp_path
):
    """Six photos of three owners show the camera's tables of factor 91; one of factor 80 shows a program's."""
    files = {f"owner {number % 3}/{number}.jpg": make_jpeg(number, quality=91) for number in range(6)}
    crawler = folder_crawler(make_crawler, tmp_path, files | {"owner 0/hard.jpg": make_jpeg(9, quality=80)})
    refused = ("refused", "low_quality_factor")
    assert verdicts(crawler) == dict.fromkeys([*files, "owner 0/hard.jpg"], refused)
    curated = crawler.module("curation.run")  # which has nothing to keep yet
    assert "6 photos are wanted now" in " ".join(curated.stdout.split())
    assert verdicts(crawler) == dict.fromkeys(files, ("stored",)) | {"owner 0/hard.jpg": refused}
    before = crawler.tree_of_bytes()
    (generation,) = crawler.store.done_names("curated")
    path = f"curated/{generation}/natives.json"
    same = [{**each, "photos": each["photos"] + 1} for each in crawler.store.read_json(path)]
    crawler.store.publish_json("curated/0002-same/natives.json", same)
    crawler.store.mark_done("curated/0002-same", {})
    after = {**before, **{name: data for name, data in crawler.tree_of_bytes().items() if "0002-same" in name}}
    verdicts(crawler)
    assert crawler.tree_of_bytes() == after


def test_where_cameras_are_chosen_by_support_those_that_nobody_lists_come_in(make_crawler, make_jpeg, tmp_path):
    files = {
        "three.jpg": make_jpeg(1, model="Three"),
        "of any size.jpg": make_jpeg(2, model="Four", size=(200, 100), software="V 1"),
        "listed.jpg": make_jpeg(3),
        "resized.jpg": make_jpeg(4, size=(288, 216)),
        "hard.jpg": make_jpeg(5, model="Three", quality=80),
        "edited.jpg": make_jpeg(6, model="Three", software="GIMP 2.10"),
    }
    assert verdicts(folder_crawler(make_crawler, tmp_path, files, cameras=OPEN)) == {
        "three.jpg": ("stored",),
        "of any size.jpg": ("stored",),
        "listed.jpg": ("stored",),
        "resized.jpg": ("refused", "not_native_size"),
        "hard.jpg": ("refused", "low_quality_factor"),
        "edited.jpg": ("refused", "edited_by_software"),
    }
