"""Which EXIF strings name which camera."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.catalogue import BUILT_IN, Camera, Catalogue, key_of, read_catalogue, unlisted_camera
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
        ("a: {name: A, make: [], model: [Y], sizes: [64x64]}", r"cameras.yaml: a: make: needs at least one entry"),
        ("a: {name: A, make: [X], model: [], sizes: [64x64]}", r"cameras.yaml: a: model: needs at least one entry"),
        ("a: {name: A, make: [], model: [], sizes: []}", r"cameras.yaml: a: make: needs at least one entry"),
        (
            "a: {name: A, make: [X], model: [Y], sizes: [64x64], tables: [12ab]}",
            r"cameras.yaml: a: tables.0: '12ab' is not a digest of 16 hex digits",
        ),
        (
            "a: {name: A, make: [X], model: [Y], sizes: [64x64], segments: [0123456789abcdef]}",
            r"a: segments.0: '0123456789abcdef' is not a form like `APP1:Exif DQT SOF0 DHT SOS`",
        ),
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


def test_an_entry_may_state_its_tables_and_its_order_of_segments(tmp_path: Path) -> None:
    file = tmp_path / "cameras.yaml"
    digests = "tables: ['0123456789abcdef'], segments: ['fedcba9876543210']"
    file.write_text(f"x: {{name: X, make: [X], model: [X], sizes: [64x64], {digests}}}\n")
    camera = read_catalogue(file)["x"]
    assert (camera.tables, camera.segments) == (("0123456789abcdef",), ("fedcba9876543210",))


def test_an_open_catalogue_names_every_camera_and_a_closed_one_those_it_lists(catalogue: Catalogue) -> None:
    kodak = catalogue.opened().identify("EASTMAN KODAK COMPANY", "KODAK Z650 ZOOM")
    assert kodak is not None
    assert (kodak.key, kodak.name) == ("eastman-kodak-z650-zoom", "EASTMAN KODAK COMPANY KODAK Z650 ZOOM")
    assert (kodak.is_listed, kodak.sizes, kodak.tables, kodak.software) == (False, (), (), ())
    assert catalogue.identify("EASTMAN KODAK COMPANY", "KODAK Z650 ZOOM") is None
    assert catalogue.opened().identify("Apple", "iPhone 6") == catalogue["iphone-6"]
    assert catalogue["iphone-6"].is_listed


@pytest.mark.parametrize(("make", "model"), [("Apple", None), (None, None), ("Apple", ""), ("", "")])
def test_without_a_model_no_camera_is_named_though_the_catalogue_is_open(
    catalogue: Catalogue, make: str | None, model: str | None
) -> None:
    assert catalogue.opened().identify(make, model) is None


def test_an_unlisted_camera_says_nothing_of_sizes_and_firmware(catalogue: Catalogue) -> None:
    kodak = catalogue.opened().identify(None, "Z650")
    assert kodak is not None
    assert kodak.key == "z650"
    assert not kodak.is_native_size(640, 480)
    assert not kodak.writes_software("anything")
    assert not kodak.takes(None, "Z650")


def test_a_name_that_a_listed_cameras_patterns_do_not_take_is_not_that_camera_though_its_key_is_equal() -> None:
    canon = Camera(key="canon-eos-5d", name="EOS 5D", make=("Canon",), model=("Canon EOS 5D",), sizes=("64x64",))
    opened = Catalogue(cameras=(canon,)).opened()
    strange = opened.identify("CANON INC.", "EOS-5D")
    assert strange is not None
    assert (strange.key, strange.is_listed) == ("canon-eos-5d-unlisted", False)
    assert opened.identify("canon", "Canon EOS 5D") == canon


def test_what_was_learned_of_an_unlisted_camera_is_found_by_its_name() -> None:
    learned = unlisted_camera("kodak-z650", "KODAK", "Z650", sizes=("2832x2128",))
    for catalogue in (Catalogue(cameras=(), unlisted=(learned,)), Catalogue(cameras=(), unlisted=(learned,)).opened()):
        assert catalogue.identify("Kodak", "z650") == learned
        assert catalogue["kodak-z650"] == catalogue.get("kodak-z650") == learned
    assert Catalogue(cameras=(), unlisted=(learned,)).identify("KODAK", "Z651") is None


def test_an_open_catalogue_has_every_key_and_a_closed_one_its_own(catalogue: Catalogue) -> None:
    assert "iphone-6" in catalogue
    assert "kodak-z650" not in catalogue
    assert "kodak-z650" in catalogue.opened()
    assert catalogue.opened().get("kodak-z650") is None


@pytest.mark.parametrize(
    ("make", "model", "key"),
    [
        ("Canon", "Canon EOS 5D", "canon-eos-5d"),
        ("NIKON CORPORATION", "NIKON D70", "nikon-d70"),
        ("SONY", "DSC-W800", "sony-dsc-w800"),
        ("LG Electronics", "LG-H815", "lg-h815"),
        ("", "Z650", "z650"),
        ("KODAK", "  Z650   ZOOM ", "kodak-z650-zoom"),
    ],
)
def test_the_key_of_an_unlisted_camera_is_its_makers_first_word_and_its_model(make: str, model: str, key: str) -> None:
    assert key_of(make, model) == key


def test_names_that_a_key_cannot_spell_are_told_apart_by_a_digest() -> None:
    names = [("", "\u5bcc\u58eb"), ("", "\u5bcc\u58eb\u5c71"), ("", "***"), ("Acme", "Zoom \u00e9"), ("Acme", "x" * 90)]
    keys = [key_of(*name) for name in names]
    assert len({*keys, key_of("Acme", "Zoom"), key_of("Acme", "x" * 91)}) == 7
    assert key_of("Acme", "ZOOM \u00c9") == key_of("Acme", "Zoom \u00e9")


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=80), st.text(min_size=1, max_size=80))
def test_every_name_gives_a_short_key_that_a_catalogue_could_list(make: str, model: str) -> None:
    key = key_of(make, model)
    assert len(key) <= 80
    assert Camera(key=key, name="A", make=("A",), model=("A",), sizes=("64x64",)).key == key
