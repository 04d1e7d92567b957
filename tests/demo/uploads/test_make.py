"""Uploads: a world of files, three quarters genuine, each row telling the truth about its file."""

import hashlib
import io
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import exifread
import pytest
from PIL import Image

import demo
from corpus.cameras.catalogue import Catalogue, read_catalogue
from corpus.sections import Rules
from curation.rules import refusals
from demo.simulation.cameras import MODELS
from demo.uploads.make import make_uploads
from demo.uploads.planning import DEVICES_PER_CAMERA, devices_of, plan_uploads
from demo.uploads.spoiling import SPOILINGS
from demo.uploads.upload import LISTING, Upload, read_listing
from forensics.header import read_facts

WIDTH_PX, HEIGHT_PX = 192, 144
SMALL_MODELS = tuple(replace(model, width_px=WIDTH_PX, height_px=HEIGHT_PX) for model in MODELS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def uploads(folder: Path) -> list[Upload]:
    return make_uploads(folder, photos_per_device=2, seed=3, workers=1, models=SMALL_MODELS)


@pytest.fixture(scope="module")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of the uploads of one camera alone, to be read only."""
    folder = tmp_path_factory.mktemp("small")
    make_small(folder)
    return folder


def make_small(folder: Path, seed: int = 3, workers: int = 1) -> list[Upload]:
    return make_uploads(folder, photos_per_device=2, seed=seed, workers=workers, models=SMALL_MODELS[:1])


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The simulated cameras, at the size of these tests."""
    whole = read_catalogue(Path(demo.__file__).with_name("cameras.yaml"))
    size = (f"{WIDTH_PX}x{HEIGHT_PX}",)
    return Catalogue(cameras=tuple(camera.model_copy(update={"sizes": size}) for camera in whole.cameras))


def test_every_row_describes_its_file(folder, uploads):
    assert {path.name for path in folder.iterdir()} == {upload.file for upload in uploads} | {LISTING}
    for upload in uploads:
        data = (folder / upload.file).read_bytes()
        assert len(data) == upload.size_bytes
        assert hashlib.sha1(data).hexdigest() == upload.sha1
        with Image.open(io.BytesIO(data)) as image:
            assert image.size == (upload.width_px, upload.height_px)


def test_a_quarter_is_spoilt_and_every_kind_is_there(uploads):
    kinds = Counter(upload.kind for upload in uploads)
    assert kinds["genuine"] == 2 * DEVICES_PER_CAMERA * len(MODELS)
    assert 0.2 < 1 - kinds["genuine"] / len(uploads) < 0.3
    assert set(kinds) == {"genuine"} | {spoiling.kind for spoiling in SPOILINGS}


def test_curation_finds_the_expected_reasons_and_no_others(folder, uploads, catalogue):
    for upload in uploads:
        if upload.kind == "not_jpeg":
            continue
        facts = read_facts((folder / upload.file).read_bytes(), whole=True)
        found = refusals(facts, catalogue.identify(facts.make, facts.model), Rules())
        expected = tuple(reason for reason in upload.expected_reasons if reason != "duplicate")
        assert found == expected, upload.kind


def test_genuine_photographs_expect_no_refusal_and_all_others_do(uploads):
    for upload in uploads:
        assert (upload.expected_reasons == ()) == (upload.kind == "genuine")


def test_genuine_files_are_written_as_cameras_write_them(folder, uploads):
    for upload in uploads:
        if upload.kind != "genuine":
            continue
        facts = read_facts((folder / upload.file).read_bytes(), whole=True)
        model = next(model for model in MODELS if model.key == upload.camera)
        assert facts.segments[0] == "APP1:Exif"
        assert not [name for name in facts.segments if name.startswith("APP0")]
        assert facts.quantisation_tables == model.tables
        assert facts.subsampling == model.subsampling
        assert (facts.coding, facts.huffman, facts.exif_error) == ("baseline", "standard", None)
        assert facts.quality_factor is not None
        assert facts.quality_factor >= 95
        assert (facts.serial_number is None) == (model.serial_prefix is None)


def test_exif_says_the_same_to_two_other_readers(folder, uploads):
    for upload in (upload for upload in uploads if upload.kind == "genuine"):
        data = (folder / upload.file).read_bytes()
        model = next(model for model in MODELS if model.key == upload.camera)
        taken_at = upload.taken_at.replace("-", ":")
        with Image.open(io.BytesIO(data)) as image:
            exif = image.getexif()
        details = exif.get_ifd(0x8769)
        assert (exif[0x010F], exif[0x0110], exif[0x0131]) == (model.make, model.model, model.software)
        assert (exif[0x0112], exif[0x0132], details[0x9003]) == (1, taken_at, taken_at)
        assert (details[0xA002], details[0xA003]) == (upload.width_px, upload.height_px)
        assert 0 < details[0x829A] < 0.1
        assert float(details[0x829D]) == model.f_number
        assert 64 <= details[0x8827] <= 640
        tags = exifread.process_file(io.BytesIO(data), details=True)
        assert str(tags["Image Model"]) == model.model
        assert str(tags["EXIF DateTimeOriginal"]) == taken_at
        if model.writes_thumbnail:
            with Image.open(io.BytesIO(tags["JPEGThumbnail"])) as thumbnail:
                thumbnail.load()
                assert thumbnail.size == (160, 120)
        else:
            assert "JPEGThumbnail" not in tags


def test_serial_numbers_belong_to_one_device_each(folder, uploads):
    devices = defaultdict(set)
    for upload in uploads:
        if upload.kind == "genuine":
            serial_number = read_facts((folder / upload.file).read_bytes(), whole=True).serial_number
            devices[serial_number].add(upload.device)
    without = devices.pop(None)
    corvids = [model.key for model in MODELS if model.serial_prefix is None]
    assert without == {f"{key}-{unit}" for key in corvids for unit in range(1, DEVICES_PER_CAMERA + 1)}
    assert all(len(names) == 1 for names in devices.values())
    assert len(devices) == (len(MODELS) - len(corvids)) * DEVICES_PER_CAMERA


def test_every_device_has_an_owner_of_its_own(uploads):
    owners = defaultdict(set)
    for upload in uploads:
        if upload.kind == "genuine":
            owners[upload.device].add((upload.site, upload.owner_id))
    assert all(len(found) == 1 for found in owners.values())
    assert len(set.union(*owners.values())) == len(owners) == DEVICES_PER_CAMERA * len(MODELS)


def test_no_scene_is_photographed_twice():
    plans = [plan for plan in plan_uploads(4, 3, MODELS) if plan.copy_of is None]
    assert len({plan.scene_seed for plan in plans}) == len(plans)


def test_every_camera_is_on_both_sites_and_ids_are_unique(uploads):
    for model in MODELS:
        assert {u.site for u in uploads if u.camera == model.key and u.kind == "genuine"} == {"flickr", "wikimedia"}
    assert len({(upload.site, upload.id) for upload in uploads}) == len(uploads)
    assert all(upload.id.isdigit() for upload in uploads)


def test_copies_have_the_bytes_of_a_genuine_photograph_and_came_later(uploads):
    genuine = {upload.sha1: upload for upload in uploads if upload.kind == "genuine"}
    copies = [upload for upload in uploads if upload.kind.startswith("duplicate")]
    assert len({copy.kind for copy in copies}) == 3
    for copy in copies:
        source = genuine[copy.sha1]
        assert copy.uploaded_at_s > source.uploaded_at_s
        assert (copy.site, copy.owner_id) != (source.site, source.owner_id)
        assert (copy.site != source.site) == (copy.kind == "duplicate_other_site")
        assert (copy.claimed_camera != source.claimed_camera) == (copy.kind == "duplicate_other_camera")


def test_nothing_but_copies_shares_its_bytes(uploads):
    others = [upload.sha1 for upload in uploads if not upload.kind.startswith("duplicate")]
    assert len(set(others)) == len(others)


def test_uploads_come_after_their_photographs_within_one_year(uploads):
    for upload in uploads:
        taken = datetime.fromisoformat(f"{upload.taken_at}+00:00")
        assert taken.timestamp() < upload.uploaded_at_s
        assert taken.year == datetime.fromtimestamp(upload.uploaded_at_s).year == 2019


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_equal_arguments_give_equal_bytes_whatever_the_number_of_processes(small_folder, tmp_path):
    assert make_small(tmp_path, workers=2) == read_listing(small_folder)[0]
    assert contents(tmp_path) == contents(small_folder)


def test_a_whole_folder_is_left_alone(folder, uploads):
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert make_uploads(folder, photos_per_device=2, seed=3, workers=1, models=SMALL_MODELS) == uploads
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_another_seed_replaces_the_files_of_the_first(small_folder, tmp_path):
    for name, data in contents(small_folder).items():
        (tmp_path / name).write_bytes(data)
    others = make_small(tmp_path, seed=4)
    assert {path.name for path in tmp_path.iterdir()} == {upload.file for upload in others} | {LISTING}
    assert not {upload.sha1 for upload in others} & {upload.sha1 for upload in read_listing(small_folder)[0]}


def test_an_unfinished_folder_is_made_anew(small_folder, tmp_path):
    uploads, _ = read_listing(small_folder)
    (tmp_path / uploads[0].file).write_bytes(b"half a fi")
    assert make_small(tmp_path) == uploads == read_listing(tmp_path)[0]
    assert contents(tmp_path) == contents(small_folder)


def test_one_photograph_a_device_is_refused(tmp_path):
    with pytest.raises(ValueError, match="photos_per_device is 1"):
        make_uploads(tmp_path, photos_per_device=1, seed=3, workers=1)


def test_devices_are_four_a_camera():
    assert Counter(device.camera.key for device in devices_of(MODELS)) == {model.key: 4 for model in MODELS}
