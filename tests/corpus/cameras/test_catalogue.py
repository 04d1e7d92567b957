"""Which EXIF strings name which camera."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.cameras.catalogue import BUILT_IN, Camera, Catalogue, key_of, read_catalogue, unlisted_camera
from corpus.errors import ConfigurationError


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue(BUILT_IN)


@pytest.mark.parametrize(
    ("make", "model", "key"),
    [
        ("Apple", "iPhone 6", "iphone-6"),
        ("Apple", "iPhone 6s", "iphone-6s"),
        ("Apple", "iPhone 6 Plus", "iphone-6-plus"),
        ("Apple", "iPhone 6s Plus", "iphone-6s-plus"),
        ("Apple", "iPhone 6S Plus", "iphone-6s-plus"),
        ("Apple", "iPhone 60", None),
        ("Apple", "iPhone 4S", "iphone-4s"),
        ("Apple", "iPhone 4", "iphone-4"),
        ("Apple", "iPhone XS", "iphone-xs"),
        ("Apple", "iPhone X", "iphone-x"),
        ("Apple", "iPhone SE (2nd generation)", "iphone-se-2"),
        ("Apple", "iPhone SE (3rd generation)", None),
        ("Apple", "iPhone SE", "iphone-se"),
        ("Apple", "iPad Air 2", "ipad-air-2"),
        ("apple", "IPHONE  6 ", "iphone-6"),
        ("HTC", "HTC6500LVW 4G", "htc-one-m7"),
        ("HTC", "HTC One mini", None),
        ("HTC", "HTC One_M8", "htc-one-m8"),
        ("motorola", "XT1097", "moto-x"),
        ("motorola", "XT1080", "droid-maxx"),
        ("motorola", "XT1058", "moto-x-2013"),
        ("motorola", "XT1060", "moto-x-2013"),
        ("motorola", "XT1030", "droid-mini"),
        ("HUAWEI", "HUAWEI VNS-L31", "huawei-p9-lite"),
        ("HUAWEI", "VNS-L21", "huawei-p9-lite"),
        ("SAMSUNG", "GT-I9500", "galaxy-s4"),
        ("SAMSUNG", "SAMSUNG-SM-N900A", "galaxy-note-3"),
        ("samsung", "SM-N9005", "galaxy-note-3"),
        ("samsung", "SM-N910F", "galaxy-note-4"),
        ("SAMSUNG", "GT-I9505", "galaxy-s4"),
        ("SAMSUNG", "GT-I9195", "galaxy-s4-mini"),
        ("SAMSUNG", "GT-I9195I", None),
        ("SAMSUNG", "GT-I9300", "galaxy-s3"),
        ("SAMSUNG", "GT-I9300I", "galaxy-s3-neo"),
        ("samsung", "SM-G930F", "galaxy-s7"),
        ("samsung", "SM-G935F", "galaxy-s7-edge"),
        ("SONY", "NEX-7", "nex-7"),
        ("SONY", "NEX-7K", None),
        ("SONY", "NEX-5", "sony-nex-5"),
        ("SONY", "NEX-5N", "sony-nex-5n"),
        ("SONY", "ILCE-7", "sony-ilce-7"),
        ("SONY", "ILCE-7RM2", "sony-ilce-7rm2"),
        ("SONY", "DSC-RX100", "sony-dsc-rx100"),
        ("SONY", "DSC-RX100M3", "sony-dsc-rx100m3"),
        ("LGE", "Nexus 5X", "nexus-5x"),
        ("LGE", "Nexus 5", "nexus-5"),
        ("motorola", "Nexus 6", "nexus-6"),
        ("HUAWEI", "Nexus 6P", "nexus-6p"),
        ("Google", "Pixel", "pixel"),
        ("Google", "Pixel 3a XL", "pixel-3a-xl"),
        ("NIKON CORPORATION", "NIKON D70", "nikon-d70"),
        ("NIKON CORPORATION", "NIKON D70s", "nikon-d70s"),
        ("NIKON CORPORATION", "NIKON D3", "nikon-d3"),
        ("NIKON CORPORATION", "NIKON D300", "nikon-d300"),
        ("NIKON CORPORATION", "NIKON D300S", "nikon-d300s"),
        ("NIKON CORPORATION", "NIKON D3000", "nikon-d3000"),
        ("Canon", "Canon PowerShot A640", "canon-powershot-a640"),
        ("Canon", "Canon PowerShot A640 IS", None),
        ("Canon", "Canon EOS 5D", "canon-eos-5d"),
        ("Canon", "Canon EOS 5D Mark II", "canon-eos-5d-mark-ii"),
        ("Canon", "Canon EOS DIGITAL REBEL", "canon-eos-300d"),
        ("Canon", "Canon EOS DIGITAL REBEL XTi", "canon-eos-400d"),
        ("Canon", "Canon EOS Kiss X4", "canon-eos-rebel-t2i"),
        ("Canon", "Canon EOS 550D", "canon-eos-rebel-t2i"),
        ("Canon", "Canon EOS M", "canon-eos-m"),
        ("Canon", "Canon EOS M3", None),
        ("OLYMPUS IMAGING CORP.  ", "u1050SW,S1050SW   ", "olympus-mju-1050sw"),
        ("OLYMPUS IMAGING CORP.", "E-M5", "olympus-e-m5"),
        ("OLYMPUS IMAGING CORP.", "E-M5MarkII", "olympus-e-m5markii"),
        ("FUJIFILM", "X100", None),
        ("FUJIFILM", "FinePix X100", "fujifilm-x100"),
        ("FUJIFILM", "X100S", "fujifilm-x100s"),
        ("PENTAX Corporation ", "PENTAX K10D        ", "pentax-k10d"),
        ("PENTAX", "PENTAX K-5 II", None),
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


def test_the_catalogue_lists_hundreds_of_cameras_each_with_its_source(catalogue: Catalogue) -> None:
    assert len(catalogue.cameras) >= 300
    assert [camera.key for camera in catalogue.cameras if not camera.source] == []


@pytest.mark.parametrize(
    ("key", "width_px", "height_px"),
    [
        ("galaxy-s4", 4128, 3096),
        ("galaxy-s4", 2322, 4128),
        ("canon-eos-400d", 3888, 2592),
        ("canon-powershot-a640", 3648, 2736),
        ("huawei-p9", 3968, 2976),
        ("iphone-6s", 4032, 3024),
        ("nikon-coolpix-s710", 4352, 3264),
        ("oneplus-3", 4640, 3480),
    ],
)
def test_native_sizes_of_published_data_sets(catalogue: Catalogue, key: str, width_px: int, height_px: int) -> None:
    assert catalogue[key].is_native_size(width_px, height_px)


@pytest.mark.parametrize(
    ("key", "software"),
    [
        ("iphone-6s", "10.2.1"),
        ("pixel", "HDR+ 1.0.199571065z"),
        ("galaxy-s7", "G930VVRS4BRA1"),
        ("galaxy-s3-neo", "I9300IXXU1BOG2"),
        ("nikon-d80", "Ver.1.00 "),
        ("pentax-k10d", "K10D Ver 1.31          "),
        ("dji-fc330", "v01.19.5266"),
        ("gopro-hero5-black", "HD5.02.02.60.00"),
        ("olympus-e-m10", "Version 1.3"),
        ("fujifilm-x-t1", "Digital Camera X-T1 Ver4.31"),
        ("sony-xperia-z1-compact", "14.4.A.0.108_0_f500"),
    ],
)
def test_firmware_as_makers_write_it(catalogue: Catalogue, key: str, software: str) -> None:
    assert catalogue[key].writes_software(software)
    assert not catalogue[key].writes_software("GIMP 2.10.6")


def test_a_source_is_read_and_decides_no_verdict(tmp_path: Path) -> None:
    file = tmp_path / "cameras.yaml"
    file.write_text("x: {name: X, make: [X], model: [X], sizes: [64x64], source: [a manual, 'a data set, table 1']}\n")
    camera = read_catalogue(file)["x"]
    assert camera.source == ("a manual", "a data set, table 1")
    # a digest over the catalogue tells crawls to judge refusals anew
    assert "source" not in camera.model_dump()


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


@pytest.mark.parametrize("version", ["6.0", "6.1", "8.0", "8.1", "10.2", "10.2.1"])
def test_every_version_of_ios_is_one_firmware(catalogue: Catalogue, version: str) -> None:
    assert catalogue["iphone-6s"].writes_software(version)
    assert catalogue["iphone-5"].writes_software(version)


@pytest.mark.parametrize(
    ("key", "program"),
    [
        ("iphone-6", "360 Photo Editor 2.0"),
        ("iphone-6", "9.3.1 edited with a program"),
        ("iphone-11", "1PASS"),
        ("nikon-d60", "Ver.1.00 by a program"),
        ("dji-fc330", "v1 Program"),
        ("pentax-k-3", "GIMP K-3 Version 2"),
    ],
)
def test_a_version_in_a_pattern_of_firmware_takes_digits_and_dots_alone(
    catalogue: Catalogue, key: str, program: str
) -> None:
    assert not catalogue[key].writes_software(program)


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


def test_an_entry_may_state_its_tables_families_of_them_and_its_forms_of_header(tmp_path: Path) -> None:
    file = tmp_path / "cameras.yaml"
    base = " / ".join([" ".join(map(str, range(1, 65))), " ".join(["9"] * 64)])
    form = "APP1:Exif DQT SOF0 DHT SOS"
    stated = f"tables: ['0123456789abcdef'], table_families: ['{base}'], segments: ['{form}'], closed: [tables]"
    file.write_text(f"x: {{name: X, make: [X], model: [X], sizes: [64x64], {stated}}}\n")
    camera = read_catalogue(file)["x"]
    assert (camera.tables, camera.segments, camera.closed) == (("0123456789abcdef",), (form,), ("tables",))
    assert camera.families == ((tuple(range(1, 65)), (9,) * 64),)


@pytest.mark.parametrize("family", ["1 2 3", " ".join(["1"] * 65), "x"])
def test_a_family_of_tables_has_64_entries_a_table(tmp_path: Path, family: str) -> None:
    file = tmp_path / "cameras.yaml"
    file.write_text(f"x: {{name: X, make: [X], model: [X], sizes: [64x64], table_families: ['{family}']}}\n")
    with pytest.raises(ConfigurationError, match="is not tables of 64 entries, ` / ` between"):
        read_catalogue(file)


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


@pytest.mark.parametrize("pattern", ["[0-9]*[0-9]*x", "a**", "[0-9]*.[0-9]*.[0-9]*.[0-9]*.[0-9]*x"])
def test_a_pattern_of_firmware_that_takes_for_ever_is_refused(pattern):
    """Such a pattern may come with a stranger's list: 40 digits without an x keep the first of them busy."""
    entry = {"key": "a", "name": "A", "make": ["A"], "model": ["B"], "sizes": ["100x100"]}
    Camera.model_validate(entry | {"software": ["[0-9]*.[0-9]*.[0-9]*.[0-9]*x"]})
    with pytest.raises(ValueError, match=r"software: .* has more than 4"):
        Camera.model_validate(entry | {"software": [pattern]})
