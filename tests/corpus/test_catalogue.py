"""Which EXIF strings name which camera."""

from pathlib import Path

import pytest

from corpus.catalogue import BUILT_IN, Catalogue, read_catalogue
from corpus.errors import ConfigurationError


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue(BUILT_IN)


@pytest.mark.parametrize(
    ("make", "model", "key"),
    [
        ("Apple", "iPhone 6", "iphone-6"),
        ("Apple", "iPhone 6s", None),
        ("Apple", "iPhone 6 Plus", None),
        ("Apple", "iPhone 4S", "iphone-4s"),
        ("Apple", "iPhone 4", None),
        ("apple", "IPHONE  6 ", "iphone-6"),
        ("HTC", "HTC6500LVW 4G", "htc-one-m7"),
        ("HTC", "HTC One mini", None),
        ("HTC", "HTC One_M8", None),
        ("motorola", "XT1097", "moto-x"),
        ("motorola", "XT1080", "droid-maxx"),
        ("SAMSUNG", "SAMSUNG-SM-N900A", "galaxy-note-3"),
        ("samsung", "SM-N9005", "galaxy-note-3"),
        ("SAMSUNG", "GT-I9505", "galaxy-s4"),
        ("SONY", "NEX-7", "nex-7"),
        ("SONY", "NEX-7K", None),
        ("LGE", "Nexus 5X", "nexus-5x"),
        ("motorola", "Nexus 6", "nexus-6"),
        ("HUAWEI", "Nexus 6P", None),
        ("NIKON CORPORATION", "NIKON D70", "nikon-d70"),
        ("NIKON CORPORATION", "NIKON D70s", "nikon-d70s"),
        ("Digital", "Digital Cam", None),
        ("", "", None),
        (None, None, None),
        (None, "iPhone 6", None),
        ("Apple", None, None),
        ("Apple", "*", None),
        ("\x00\x00", "\x00", None),
    ],
)
def test_exif_make_and_model_name_a_camera_or_none(
    catalogue: Catalogue, make: str | None, model: str | None, key: str | None
) -> None:
    camera = catalogue.identify(make, model)
    assert (camera.key if camera else None) == key


def test_the_catalogue_has_the_ten_of_the_challenge_and_the_seventeen_of_public_repositories(
    catalogue: Catalogue,
) -> None:
    assert len(catalogue.cameras) == 27


def test_every_camera_of_the_real_photographs_is_identified(catalogue: Catalogue, shared_photos: Path) -> None:
    import csv

    with (shared_photos / "index.csv").open(newline="") as file:
        originals = [row for row in csv.DictReader(file) if row["kind"] == "original"]
    unknown = {(row["make"], row["model"]) for row in originals if not catalogue.identify(row["make"], row["model"])}
    assert unknown == set()
    assert len({catalogue.identify(row["make"], row["model"]).key for row in originals}) == 17  # type: ignore[union-attr]


def test_a_native_size_counts_in_both_orientations(catalogue: Catalogue) -> None:
    iphone = catalogue["iphone-6"]
    assert iphone.is_native_size(3264, 2448)
    assert iphone.is_native_size(2448, 3264)
    assert not iphone.is_native_size(1632, 1224)


def test_firmware_strings_are_the_cameras_own(catalogue: Catalogue) -> None:
    assert catalogue["nexus-5x"].writes_software("HDR+ 1.0.126161355r")
    assert catalogue["nexus-5x"].writes_software("bullhead-user 6.0 MDA89E")
    assert not catalogue["nexus-5x"].writes_software("Adobe Photoshop CS5 Windows")
    assert not catalogue["htc-one-m7"].writes_software("anything")


def test_two_cameras_that_take_the_same_strings_are_an_error(tmp_path: Path) -> None:
    file = tmp_path / "cameras.yaml"
    file.write_text(
        "a: {name: A, make: [Acme], model: ['One*'], sizes: [64x64]}\n"
        "b: {name: B, make: [Acme], model: ['One Plus'], sizes: [64x64]}\n"
    )
    with pytest.raises(ConfigurationError, match="taken by a, b; narrow their model patterns"):
        read_catalogue(file).identify("Acme", "One Plus")


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("a: {name: A, make: [X], model: [Y], sizes: [big]}", r"cameras.yaml: a: sizes.0: 'big' is not a size"),
        ("a: {name: A, make: [X], model: [Y], sizes: []}", r"cameras.yaml: a: sizes: needs at least one entry"),
        ("a: {name: A, make: [X], model: [Y]}", r"cameras.yaml: a: sizes: is missing"),
        ("'A b': {name: A, make: [X], model: [Y], sizes: [64x64]}", r"key: is not lower-case words"),
        ("a: 3", "a: is not a mapping"),
        ("[]", "holds no cameras"),
    ],
)
def test_a_faulty_entry_is_told_with_its_camera(tmp_path: Path, entry: str, sentence: str) -> None:
    file = tmp_path / "cameras.yaml"
    file.write_text(entry)
    with pytest.raises(ConfigurationError, match=sentence):
        read_catalogue(file)


@pytest.mark.parametrize(("item", "is_taken"), [("Q42", True), ("42", False), ("Q0", False), ("Q42 OR Q43", False)])
def test_an_item_of_wikidata_is_a_q_and_a_number(tmp_path: Path, item: str, is_taken: bool) -> None:
    file = tmp_path / "cameras.yaml"
    file.write_text(f"x:\n  name: X\n  make: [X]\n  model: [X]\n  sizes: [10x10]\n  wikidata: '{item}'\n")
    if is_taken:
        assert read_catalogue(file)["x"].wikidata == item
        return
    with pytest.raises(ConfigurationError, match=r"wikidata.*is not an item of Wikidata"):
        read_catalogue(file)
