"""What columns say of many photos is what the rules and claims say of each of them."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.cameras.catalogue import Camera, Catalogue
from corpus.sections import Rules
from curation.consensus import SHOWS, claims
from curation.facts.examine import facts_row
from curation.judging.arrays.distinct import codes_of, combined
from curation.judging.columns.facts import FACT_NAMES, NEEDED_FACTS, SLUGS, FactColumns, Judgement
from curation.rules import READS, RULES, judge_facts
from forensics.jpeg.quality import scaled_tables
from forensics.jpeg.tables import tables_digest
from forensics.photo_facts import facts_of_row

OWN = ((3,) * 64, (5,) * 64)
TABLES = [(), ((1,) * 64,), OWN, scaled_tables(92), scaled_tables(95), tuple(tuple(2 * n for n in t) for t in OWN)]
FORMS = [("APP1:Exif", "DQT", "SOF0", "DHT", "SOS"), ("APP0:JFIF", "APP1:Exif", "APP13:Photoshop", "DQT", "SOS"), ()]
PIXELS = st.sampled_from([0, 3024, 4032, 160])
SOME_PIXELS = st.none() | PIXELS
TIMES = st.sampled_from([None, "", "2016:05:01 10:11:12", "2016:05:01 10:11:13", "2016:05:01 11:11:12", "garbage"])
NAMES = st.sampled_from([("LGE", "Nexus 5X"), ("Apple", "iPhone 6"), (None, None), ("LGE", None), ("KODAK", "Z650")])
SOFTWARE = st.sampled_from([None, "", "bullhead-user 6.0.1", "9.3.1", "Adobe Photoshop CS5", "Picasa", "Capture One"])
MARKS = st.lists(
    st.sampled_from(["exif:Software: Picasa", "exif:Software: Adobe Photoshop CS5", "app13: Photoshop 3.0"]), max_size=2
)
FACTS = st.fixed_dictionaries(
    {
        "width_px": PIXELS, "height_px": PIXELS, "coding": st.sampled_from(["baseline", "progressive"]),
        "components": st.sampled_from([1, 3]), "subsampling": st.sampled_from(["4:2:0", "4:4:4"]),
        "quantisation_tables": st.sampled_from(TABLES), "huffman": st.sampled_from(["standard", "optimised", "none"]),
        "segments": st.sampled_from(FORMS), "is_complete": st.sampled_from([True, False, None]),
        "quality_factor": st.sampled_from([None, 90, 94, 95]), "quality_residual": st.sampled_from([None, 0.0, 0.7]),
        "software": SOFTWARE, "taken_at": TIMES, "modified_at": TIMES, "exif_width_px": SOME_PIXELS,
        "exif_height_px": SOME_PIXELS, "editor_marks": MARKS.map(tuple), "thumbnail_width_px": SOME_PIXELS,
        "thumbnail_height_px": SOME_PIXELS, "thumbnail_error": st.sampled_from([None, "cut"]),
        "thumbnail_tables_digest": st.sampled_from([None, "ab" * 8]),
        "thumbnail_quality_factor": st.sampled_from([None, 75]),
    }
)  # fmt: skip
ROWS = st.lists(
    st.tuples(FACTS, NAMES, st.booleans(), st.sampled_from([None, None, "nexus-5x", "iphone-6", "gone"])), max_size=12
)


@pytest.fixture(scope="module")
def known():
    """Return a catalogue of which a little was learned."""
    forms = (" ".join(FORMS[0]),)
    learned = {"tables": (tables_digest(OWN),), "table_families": (" / ".join(" ".join(map(str, t)) for t in OWN),)}
    nexus = Camera(
        key="nexus-5x", name="LG Nexus 5X", make=("LG*",), model=("Nexus 5X",), sizes=("4032x3024",),
        software=("bullhead*", "Picasa"), segments=forms, closed=("tables", "segments"), **learned,
    )  # fmt: skip
    apple = Camera(key="iphone-6", name="iPhone 6", make=("Apple",), model=("iPhone 6",), sizes=("3264x2448",),
                   software=("[0-9]*",), segments=forms, closed=("segments of [0-9]*",))  # fmt: skip
    return Catalogue(cameras=(apple, nexus))


@pytest.fixture(scope="module")
def facts_of_all(photo):
    """Return what makes facts of drawn values."""

    def make(told, names, digested):
        tables = told["quantisation_tables"]
        return photo(
            **told, make=names[0], model=names[1], tables_digest=tables_digest(tables) if tables and digested else None,
            segments_form=" ".join(told["segments"]),
        )  # fmt: skip

    return make


def columns_of(facts):
    rows = [{name: row[name] for name in FACT_NAMES} for row in map(facts_row, facts)]
    return FactColumns(pa.array(rows, NEEDED_FACTS))


@settings(deadline=None, max_examples=60)
@given(rows=ROWS, native=st.booleans(), is_open=st.booleans())
def test_columns_give_each_photo_the_camera_and_the_reasons_that_the_rules_give_it(
    rows, native, is_open, known, facts_of_all
):
    facts = [facts_of_all(*told[:3]) for told in rows]
    labels = [told[3] for told in rows]
    catalogue = known.opened() if is_open else known
    chosen, limits = known.only(("nexus-5x",)), Rules(native_size=native)
    found = Judgement(columns_of(facts), pa.array(labels, pa.string()), catalogue, chosen, limits)
    told = [
        (found.cameras[number], tuple(slug for place, slug in enumerate(SLUGS) if int(bits) >> place & 1))
        for number, bits in zip(found.of.codes.tolist(), found.reasons.tolist(), strict=True)
    ]
    assert told == [
        judge_facts(facts_of_row(facts_row(one)), catalogue, chosen, limits, label)
        for one, label in zip(facts, labels, strict=True)
    ]


@settings(deadline=None, max_examples=30)
@given(rows=ROWS)
def test_columns_show_of_a_camera_what_the_claims_of_each_photo_show(rows, known, facts_of_all):
    facts = [facts_of_all(*told[:3]) for told in rows]
    columns = columns_of(facts)
    shown = [[] for _ in facts]
    for aspect, shows in SHOWS.items():
        codes, told = columns.told(shows.reads, shows.told)
        for row, number in enumerate(codes.codes.tolist()):
            if told[number] is not None:
                shown[row].append((aspect, *told[number]))
    camera = known["nexus-5x"]
    assert shown == [[tuple(claim)[1:] for claim in claims(one, camera)] for one in facts]


def test_each_rule_says_what_it_reads_and_is_asked_with_nothing_else(photo):
    assert READS.keys() == set(RULES)
    columns = columns_of([photo()])
    (some,) = columns.facts(np.array([0]), ("model", "width_px"))
    assert (some.model, some.width_px) == ("Nexus 5X", 4032)
    with pytest.raises(AttributeError):
        _ = some.software


VALUES = st.none() | st.lists(st.none() | st.lists(st.integers(0, 3), max_size=3), max_size=3)


@settings(deadline=None)
@given(st.lists(VALUES, max_size=12), st.integers(0, 3))
def test_equal_values_have_equal_numbers_and_no_others(values, cut):
    array = pa.array(values, pa.list_(pa.list_(pa.int32())))[min(cut, len(values)) :]
    values = array.to_pylist()
    codes = codes_of(array)
    spelled = [repr(value) for value in values]
    assert len(set(zip(codes.codes.tolist(), spelled, strict=True))) == len(set(spelled)) == codes.number
    both = combined([codes, codes_of(pa.array([len(text) for text in spelled]))])
    assert both.number == codes.number
    assert [spelled[row] for row in codes.firsts] == [
        spelled[codes.codes.tolist().index(n)] for n in range(codes.number)
    ]


def test_one_row_of_a_kind_makes_no_difference_to_others(photo, known):
    facts = [photo(), photo(components=1), photo(), replace(photo(), coding="progressive")]
    found = Judgement(columns_of(facts), pa.nulls(4, pa.string()), known, known, Rules())
    assert found.reasons[0] == found.reasons[2] != found.reasons[1] != found.reasons[3]
