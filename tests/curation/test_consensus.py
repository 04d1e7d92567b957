"""Native to a camera is what photographs of many owners show, not what few owners show in many photographs."""

import fnmatch

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.cameras.catalogue import Camera, Catalogue
from corpus.sections import Consensus
from curation.consensus import (
    ASPECTS,
    CANDIDATES_SHOWN,
    SHOWN,
    Count,
    claims,
    enriched,
    firmware_pattern,
    learn,
    natives,
    supported,
    tables_text,
)
from curation.judging.columns.verdicts import CLAIMS, VALUES
from curation.judging.learning import counts_from, counts_of
from forensics.jpeg.quality import scaled_tables
from forensics.jpeg.table_family import is_scaled
from forensics.jpeg.tables import CHROMA_QUANTISATION, LUMA_QUANTISATION, tables_digest

LIMITS = Consensus(photos_min=5, owners_min=3, owner_share_min=0.02)
FORM = "APP1:Exif DQT SOF0 DHT SOS"
OWN, OTHER, PROGRAMS = "11" * 8, "22" * 8, "33" * 8


@pytest.fixture
def known(catalogue):
    """Return the catalogue with something stated of the Nexus 5X's tables."""
    stated = catalogue["nexus-5x"].model_copy(update={"tables": (OWN,)})
    return Catalogue(cameras=(catalogue["iphone-6"], stated))


def count(aspect, value, photos, owners, camera="nexus-5x", text=""):
    return Count(camera, aspect, value, text, photos, owners)


def spelled(quality_factor):
    """Return the IJG's tables of a factor as claims spell them."""
    return " / ".join(" ".join(map(str, table)) for table in scaled_tables(quality_factor))


def whole(photos, owners, camera="nexus-5x", text="LGE\nNexus 5X"):
    """Return the support of a camera as a whole."""
    return count("camera", "", photos, owners, camera, text)


@pytest.mark.parametrize(
    ("photos", "owners", "is_native"),
    [(5, 3, True), (4, 3, False), (500, 2, False), (5, 5, True), (3, 3, False)],
)
def test_a_value_is_native_with_enough_photos_of_enough_owners(catalogue, photos, owners, is_native):
    table = learn([whole(10, 10), count("tables", OWN, photos, owners)], catalogue, LIMITS)
    assert natives(table)["nexus-5x"].get("tables") == ((OWN,) if is_native else None)


@pytest.mark.parametrize(("owners", "is_native"), [(19, False), (20, True)])
def test_tables_of_a_program_that_a_few_owners_of_a_large_corpus_use_are_not_native(catalogue, owners, is_native):
    counts = [whole(9000, 1000), count("tables", OWN, 9000, 990), count("tables", PROGRAMS, 300, owners)]
    assert (PROGRAMS in natives(learn(counts, catalogue, LIMITS))["nexus-5x"]["tables"]) is is_native


def test_what_the_catalogue_states_is_native_without_any_support(known):
    found = natives(learn([], known, LIMITS))
    assert found["nexus-5x"] == {"size": ("4032x3024",), "tables": (OWN,), "software": ("HDR+*", "bullhead*")}
    assert found["iphone-6"]["size"] == ("3264x2448",)


def test_a_stated_value_that_is_seen_has_its_support_and_its_source_once(known):
    table = learn([whole(2, 2), count("tables", OWN, 2, 1, text=spelled(95))], known, LIMITS)
    (row,) = [row for row in table if row["value"] == OWN]
    assert row == {
        "camera": "nexus-5x", "aspect": "tables", "value": OWN, "text": "quality 95", "photos": 2, "owners": 1,
        "share": 0.5, "native": True, "source": "catalogue",
    }  # fmt: skip


def test_sizes_that_a_catalogue_states_upright_are_those_that_photos_show():
    camera = Camera(key="a", name="A", make=("A",), model=("A",), sizes=("3024x4032",))
    table = learn([count("size", "4032x3024", 1, 1, "a")], Catalogue(cameras=(camera,)), LIMITS)
    assert [(row["value"], row["source"]) for row in table] == [("4032x3024", "catalogue")]


def test_the_table_lists_natives_first_and_the_best_supported_of_the_others(catalogue):
    strange = [count("tables", f"{number:016x}", 1 + number, 2) for number in range(30)]
    table = learn([whole(500, 50), *strange, count("tables", OWN, 5, 3)], catalogue, LIMITS)
    tables = [row for row in table if (row["camera"], row["aspect"]) == ("nexus-5x", "tables")]
    assert len(tables) == 1 + CANDIDATES_SHOWN
    assert (tables[0]["value"], tables[0]["native"], tables[0]["share"]) == (OWN, True, 0.06)
    assert [row["photos"] for row in tables[1:]] == list(range(30, 30 - CANDIDATES_SHOWN, -1))


def test_the_order_in_which_counts_come_does_not_matter(catalogue):
    counts = [whole(9, 9), count("tables", OWN, 5, 3), count("tables", OTHER, 5, 3), count("size", "9x9", 1, 1)]
    counts += [whole(9, 9, "kodak-z650", "KODAK\nZ650"), count("size", "2832x2128", 9, 9, "kodak-z650")]
    assert learn(counts[::-1], catalogue, LIMITS) == learn(counts, catalogue, LIMITS)


def test_cameras_that_no_catalogue_lists_get_their_natives_too(catalogue):
    counts = [whole(9, 9, "kodak-z650", "KODAK\nZ650"), count("size", "2832x2128", 9, 9, "kodak-z650")]
    assert natives(learn(counts, catalogue, LIMITS))["kodak-z650"] == {"size": ("2832x2128",)}


KODAK = [
    whole(9, 9, "kodak-z650", "KODAK\nZ650"),
    count("size", "2832x2128", 9, 9, "kodak-z650"),
    count("tables", OWN, 9, 9, "kodak-z650"),
]


def test_an_enriched_catalogue_knows_what_was_learned_beside_what_it_stated(known):
    forms = count("segments", f"{FORM}\n-", 9, 9)
    counts = [whole(9, 9), count("size", "1600x1200", 9, 9), count("tables", OTHER, 9, 9), forms]
    camera = enriched(known, learn(counts, known, LIMITS))["nexus-5x"]
    assert camera.sizes == ("4032x3024", "1600x1200")
    assert camera.is_native_size(1200, 1600)
    assert (camera.tables, camera.segments) == ((OWN, OTHER), (FORM,))
    assert camera.software == ("bullhead*", "HDR+*")
    assert (camera.name, camera.make) == ("LG Nexus 5X", ("LG*",))


def test_an_enriched_open_catalogue_has_the_unlisted_cameras_of_which_a_size_was_learned(catalogue):
    counts = [*KODAK, whole(9, 9, "casio-ex-z3", "CASIO\nEX-Z3"), count("tables", OWN, 9, 9, "casio-ex-z3")]
    table = learn(counts, catalogue.opened(), LIMITS)
    (kodak,) = enriched(catalogue.opened(), table).unlisted
    assert (kodak.key, kodak.name, kodak.sizes, kodak.tables) == ("kodak-z650", "KODAK Z650", ("2832x2128",), (OWN,))
    assert not kodak.is_listed
    assert enriched(catalogue.opened(), table).identify("KODAK", "Z650") == kodak


def test_an_enriched_closed_catalogue_lists_no_more_cameras_than_before(catalogue):
    closed = enriched(catalogue, learn(KODAK, catalogue, LIMITS))
    assert (closed.is_open, closed.unlisted) == (False, ())
    assert closed.identify("KODAK", "Z650") is None


def test_a_camera_has_support_with_enough_clean_photos_of_enough_owners(catalogue):
    counts = [whole(20, 5), whole(19, 9, "a"), whole(99, 4, "b"), count("size", "9x9", 99, 99, "c"), whole(20, 5, "d")]
    assert supported(learn(counts, catalogue, LIMITS), photos_min=20, owners_min=5) == {"nexus-5x", "d"}


def test_a_photo_claims_its_size_the_long_edge_first_and_only_what_it_has(photo):
    told = {claim.aspect: claim.value for claim in claims(photo(width_px=3024, height_px=4032, software=None), CAMERA)}
    assert {aspect: told[aspect] for aspect in ASPECTS if aspect in told} == {"size": "4032x3024"}
    assert set(told) - set(ASPECTS) - set(SHOWN) == {"camera"}


def test_a_photo_shows_its_subsampling_huffman_tables_and_thumbnail(photo):
    facts = photo(
        subsampling="4:2:2", huffman="standard", thumbnail_width_px=160, thumbnail_height_px=120,
        thumbnail_tables_digest=OWN, thumbnail_quality_factor=85,
    )  # fmt: skip
    told = {claim.aspect: (claim.value, claim.text) for claim in claims(facts, CAMERA) if claim.aspect in SHOWN}
    assert told == {
        "subsampling": ("4:2:2", "4:2:2"),
        "huffman": ("standard", "standard Huffman tables"),
        "thumbnail": ("160x120", "160x120"),
        "thumbnail tables": (OWN, "quality 85"),
    }


def test_what_is_counted_to_be_shown_judges_no_photo(catalogue):
    table = learn([whole(50, 9), count("subsampling", "4:2:2", 50, 9)], catalogue, LIMITS)
    assert [row["value"] for row in table if row["aspect"] == "subsampling"] == ["4:2:2"]
    assert "subsampling" not in natives(table).get("nexus-5x", {})
    assert enriched(catalogue, table)["nexus-5x"] == enriched(catalogue, [])["nexus-5x"]


def test_a_claim_tells_people_what_its_digest_is_of(photo):
    tables = scaled_tables(94)
    facts = photo(tables_digest=OWN, segments_form="APP1:Exif SOS", quantisation_tables=tables, software="9.3")
    told = {claim.aspect: claim for claim in claims(facts, CAMERA)}
    assert told["tables"].text == spelled(94)
    assert told["segments"].value == "APP1:Exif SOS\n[0-9]*"
    assert told["camera"].text == "LGE\nNexus 5X"
    coarser = (tuple(entry + 1 for entry in tables[0]), tables[1])
    assert (tables_text(tables), tables_text(coarser)) == ("quality 94", "quality 94, residual 0.71")
    flat = ((30,) * 64, (30,) * 64)
    assert tables_text(flat).startswith("own tables, nearest ")


CAMERA = Camera(key="a", name="A", make=("A",), model=("A",), sizes=("64x64",))


@pytest.mark.parametrize(
    ("software", "pattern"),
    [
        ("Ver.1.02", "Ver.[0-9]*"),
        ("9.3.1", "[0-9]*"),
        ("10.2", "[0-9]*"),
        ("HDR+ 1.0.126161355r", "HDR+ [0-9]*r"),
        ("  DSC-W800   v1 ", "DSC-W[0-9]* v[0-9]*"),
        ("no number", "no number"),
        ("a1 b2 c3 d4 e5.6", "a[0-9]* b[0-9]* c[0-9]* d[0-9]* e???"),
    ],
)
def test_firmware_is_generalised_to_any_version(software, pattern):
    assert firmware_pattern(software) == pattern


def test_firmware_of_another_version_is_taken_and_another_name_is_not():
    camera = CAMERA.model_copy(update={"software": (firmware_pattern("NEX-7 v1.03"),)})
    assert camera.writes_software("NEX-7 v1.10")
    assert not camera.writes_software("NEX-7 by me")
    assert not camera.writes_software("Adobe Photoshop 1.03")


@pytest.mark.parametrize("hostile", ["*", "a*", "?[a-z]*", "[!x]*", "x["])
def test_what_a_file_writes_is_never_a_pattern_of_its_own(hostile):
    camera = CAMERA.model_copy(update={"software": (firmware_pattern(hostile),)})
    assert camera.writes_software(hostile)
    assert not camera.writes_software(hostile + "and anything else")
    assert not camera.writes_software("Adobe Photoshop CS5")


def test_an_asterisk_that_a_file_writes_takes_one_character_as_all_its_specials_do():
    camera = CAMERA.model_copy(update={"software": (firmware_pattern("Ver*.1"),)})
    assert camera.writes_software("Ver*.2")
    assert not camera.writes_software("Version of a program.1")


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30))
def test_a_firmware_pattern_always_takes_the_string_it_was_made_of(software):
    plain = " ".join(software.split())
    if plain.casefold().isascii():
        assert fnmatch.fnmatchcase(plain.casefold(), firmware_pattern(software).casefold())


def counted(*rows):
    """Return what `counts_of` makes of (value, owner, picture) each, as value to (photos, owners)."""
    found = counts_from(counts_of(*claimed([(f"nexus-5x\nsize\n{value}", *told) for value, *told in rows])))
    assert all(count.text == f"text of nexus-5x\nsize\n{count.value}" for count in found)
    return {count.value: (count.photos, count.owners) for count in found}


def claimed(rows):
    """Return the claims and the values of (spelled value, owner, picture) each; of the texts the largest counts."""
    spelled = sorted({row[0] for row in rows})
    claims = [{"value": spelled.index(value), "owner": owner, "content": content} for value, owner, content in rows]
    texts = [{"value": spelled.index(one), "spelled": one, "text": text} for one in spelled for text in
             (f"text of {one}", "a smaller text")]  # fmt: skip
    return pa.Table.from_pylist(claims, CLAIMS), pa.Table.from_pylist(texts, VALUES)


def test_copies_of_one_picture_under_five_owners_count_once():
    assert counted(*[("v", owner, 7) for owner in range(5)]) == {"v": (1, 1)}


def test_photos_and_owners_are_counted_for_each_value():
    rows = [("v", 1, 11), ("v", 1, 12), ("v", 2, 13), ("w", 2, 14), ("w", 2, 14)]
    assert counted(*rows) == {"v": (3, 2), "w": (1, 1)}


def test_copies_count_for_one_owner_whatever_the_order_they_come_in():
    rows = [("v", 1, 7), ("v", 2, 7), ("v", 2, 8), ("v", 3, 9), ("v", 1, 9)]
    assert counted(*rows) == counted(*rows[::-1]) == {"v": (3, 2)}


def test_owners_of_values_that_are_counted_together_are_told_apart():
    tables, size = "nexus-5x\ntables\naa", "nexus-5x\nsize\n4032x3024"
    rows = [(tables, 5, 1), (tables, 3, 2), (tables, 5, 3), (size, 3, 4)]
    by_aspect = {count.aspect: count for count in counts_from(counts_of(*claimed(rows)))}
    assert by_aspect["tables"].owners_seen == {3, 5}
    assert (by_aspect["tables"].photos, by_aspect["size"].owners_seen) == (3, frozenset())


def scaled(factor):
    """Return tables as a Nikon D70 writes them: Annex K with half the first entry, times any factor."""
    bases = ((8, *LUMA_QUANTISATION[1:]), (8, *CHROMA_QUANTISATION[1:]))
    return tuple(tuple(min(255, max(1, int(entry * factor + 0.5))) for entry in base) for base in bases)


def of_tables(tables, photos, owners):
    text = " / ".join(" ".join(map(str, table)) for table in tables)
    digests = frozenset(owners)
    return Count("nexus-5x", "tables", tables_digest(tables), text, photos, len(digests), digests)


FACTORS = [0.1913, 0.2144, 0.2617, 0.3831, 0.5971]


def test_a_camera_that_scales_its_tables_for_each_photo_is_learned_as_a_family(catalogue):
    rare = [of_tables(scaled(factor), 1, [place % 3]) for place, factor in enumerate(FACTORS)]
    camera = enriched(catalogue, learn([whole(5, 3), *rare], catalogue, LIMITS))["nexus-5x"]
    assert camera.tables == ()
    (base,) = camera.families
    assert base == scaled(max(FACTORS))
    assert is_scaled(base, scaled(0.4242))  # a factor that was never seen
    assert not is_scaled(base, scaled_tables(90))


def test_one_owner_who_shows_many_sets_of_a_family_does_not_make_it_native(catalogue):
    rare = [of_tables(scaled(factor), 10, [1]) for factor in FACTORS]
    table = learn([whole(50, 3), *rare], catalogue, LIMITS)
    (family,) = [row for row in table if row["aspect"] == "table family"]
    assert (family["native"], family["photos"], family["owners"]) == (False, 50, 1)
    assert family["text"] == "5 sets of one base scaled between qualities 70 and 90"


def test_programs_at_many_qualities_are_no_family(catalogue):
    saved = [of_tables(scaled_tables(factor), 3, [factor]) for factor in range(70, 96, 5)]
    assert not [row for row in learn([whole(50, 30), *saved], catalogue, LIMITS) if row["aspect"] == "table family"]


@pytest.mark.parametrize(("photos", "owners", "is_closed"), [(50, 10, True), (49, 10, False), (50, 9, False)])
def test_forms_of_header_are_closed_firmware_by_firmware_with_enough_photos_of_it(catalogue, photos, owners, is_closed):
    seen = Count("nexus-5x", "segments", f"{FORM}\nHDR+ [0-9]*r", "", photos, owners, frozenset(range(owners)))
    other = Count("nexus-5x", "segments", f"{FORM}\nbullhead", "", 49, 20, frozenset(range(20)))
    camera = enriched(catalogue, learn([whole(99, 20), seen, other], catalogue, Consensus()))["nexus-5x"]
    assert camera.segments == (FORM,)
    assert camera.closed == (("segments of HDR+ [0-9]*r",) if is_closed else ())


def test_five_photos_by_three_owners_close_nothing(catalogue):
    counts = [whole(5, 3), Count("nexus-5x", "tables", OWN, spelled(90), 5, 3, frozenset(range(3)))]
    camera = enriched(catalogue, learn(counts, catalogue, Consensus()))["nexus-5x"]
    assert (camera.tables, camera.closed) == ((OWN,), ())
