"""The rules as a specification: what is kept, and what is refused for which reason."""

import subprocess
import sys

import pytest

from corpus.cameras.catalogue import Catalogue, unlisted_camera
from corpus.sections import Rules
from curation.reasons import REASONS, in_funnel_order
from curation.rules import LEARNED, RULES, judge_facts, refusals
from forensics.jpeg.quality import scaled_tables
from forensics.jpeg.segments import FORM_MAX, segments_form
from forensics.jpeg.tables import CHROMA_QUANTISATION, LUMA_QUANTISATION, tables_digest

LIMITS = Rules()


@pytest.fixture
def ask(photo, catalogue):
    """Return what asks all rules about a photo that differs from a genuine one in what is given."""

    def asked(limits=LIMITS, **changes):
        facts = photo(**changes)
        return refusals(facts, catalogue.identify(facts.make, facts.model), limits)

    return asked


def test_genuine_photo_is_kept(ask):
    assert ask() == ()


def test_photo_without_a_camera_model_is_refused_and_nothing_else_is_said_about_its_camera(ask):
    assert ask(model=None) == ("no_camera_model",)
    assert ask(model="", make=None) == ("no_camera_model",)


def test_photo_by_a_camera_that_is_not_in_the_catalogue_is_refused(ask):
    assert ask(make="Sony", model="DSC-W800", width_px=5152, height_px=3864, exif_width_px=None) == ("camera_unknown",)


def test_photo_by_a_camera_of_the_catalogue_that_is_not_chosen_says_so(photo, catalogue):
    camera, reasons = judge_facts(photo(), catalogue, catalogue.only(("iphone-6",)), LIMITS)
    assert (camera.key, reasons) == ("nexus-5x", ("camera_not_chosen",))


def test_photo_by_a_chosen_camera_is_kept(photo, catalogue):
    camera, reasons = judge_facts(photo(), catalogue, catalogue.only(("nexus-5x",)), LIMITS)
    assert (camera.key, reasons) == ("nexus-5x", ())


@pytest.fixture
def labelled(photo, catalogue):
    """Return what judges a photo that its collection labels as one by a Nexus 5X."""

    def judged(chosen=("iphone-6", "nexus-5x"), label="nexus-5x", **changes):
        camera, reasons = judge_facts(photo(**changes), catalogue, catalogue.only(chosen), LIMITS, label)
        return camera and camera.key, reasons

    return judged


@pytest.mark.parametrize(
    "names",
    [{"make": None, "model": None}, {"make": "Sony", "model": "DSC-W800"}, {"make": "LGE", "model": "Nexus 5X"}],
)
def test_a_label_names_the_camera_where_exif_names_none_that_is_known_or_the_same(labelled, names):
    assert labelled(**names) == ("nexus-5x", ())


def test_a_label_that_exif_contradicts_is_refused(labelled):
    assert labelled(make="Apple", model="iPhone 6") == ("nexus-5x", ("label_disagrees",))


def test_a_labelled_photo_is_asked_all_other_rules_about_the_camera_of_its_label(labelled):
    reasons = labelled(make=None, model=None, software="9.3.1", width_px=800, height_px=600, coding="progressive")[1]
    assert reasons == ("software_not_firmware", "not_baseline", "size_disagrees", "not_native_size")


def test_a_labelled_photo_of_a_camera_that_is_not_chosen_says_so_after_its_label(labelled):
    assert labelled(("iphone-6",), model=None) == ("nexus-5x", ("camera_not_chosen",))
    assert labelled(("iphone-6",), make="Apple", model="iPhone 6")[1] == ("label_disagrees", "camera_not_chosen")


def test_a_label_that_the_catalogue_does_not_have_any_more_is_unknown_whatever_exif_says(labelled):
    assert labelled(label="gone") == (None, ("camera_unknown",))
    assert labelled(label="gone", model=None) == (None, ("camera_unknown",))


def test_photo_saved_by_photoshop_is_refused_as_edited_by_software_alone(ask):
    marks = ("exif:Software: Adobe Photoshop CS5 Windows",)
    assert ask(software="Adobe Photoshop CS5 Windows", editor_marks=marks) == ("edited_by_software",)


def test_firmware_named_like_an_editor_is_kept(ask):
    assert ask(software="HDR+ 1.0.126161355r", editor_marks=("exif:Software: HDR+ 1.0.126161355r",)) == ()


def test_firmware_does_not_excuse_a_mark_found_elsewhere(ask):
    marks = ("exif:Software: HDR+ 1.0", "app13: Photoshop 3.0")
    assert ask(software="HDR+ 1.0", editor_marks=marks) == ("edited_by_software",)
    assert ask(editor_marks=("xmp:CreatorTool: HDR+ 1.0",)) == ("edited_by_software",)


def test_another_cameras_firmware_is_refused(ask):
    assert ask(software="9.3.1") == ("software_not_firmware",)


def test_photo_without_software_is_kept(ask):
    assert ask(software=None) == ()


def test_software_of_an_unknown_camera_is_not_judged(ask):
    assert "software_not_firmware" not in ask(make="Sony", model="DSC-W800", software="DSC-W800 v1.0")


def test_photo_changed_days_after_it_was_taken_is_refused(ask):
    assert ask(modified_at="2016:05:03 09:00:00") == ("changed_later",)


@pytest.mark.parametrize("modified_at", ["2016:05:01 10:11:14", "2016:05:01 10:20:00", "2016:04:30 10:00:00"])
def test_photo_finished_within_minutes_or_dated_before_is_kept(ask, modified_at):
    assert ask(modified_at=modified_at) == ()


@pytest.mark.parametrize(
    "date", [None, "", "0000:00:00 00:00:00", "    :  :     :  :  ", "2016-05-01", "\x00", "9" * 80]
)
def test_dates_that_are_none_are_not_judged(ask, date):
    assert ask(modified_at=date) == ()
    assert ask(taken_at=date) == ()


@pytest.mark.parametrize("coding", ["progressive", "arithmetic", "extended", "lossless"])
def test_coding_no_camera_writes_is_refused(ask, coding):
    assert ask(coding=coding) == ("not_baseline",)


@pytest.mark.parametrize("components", [1, 4])
def test_photo_without_three_components_is_refused(ask, components):
    assert ask(components=components) == ("not_colour",)


def test_exif_that_states_another_size_is_refused(ask):
    assert ask(exif_width_px=4000, exif_height_px=3000) == ("size_disagrees",)


def test_a_photo_turned_by_its_camera_with_the_size_in_its_exif_is_kept(ask):
    assert ask(width_px=3024, height_px=4032, exif_width_px=3024, exif_height_px=4032) == ()


def test_a_photo_turned_while_its_exif_stayed_is_refused(ask):
    assert ask(width_px=3024, height_px=4032) == ("frame_turned",)
    landscape = {"exif_width_px": 3024, "exif_height_px": 4032}
    assert ask(**landscape) == ("frame_turned",)


@pytest.mark.parametrize("stated", [(None, None), (4032, None), (0, 0), (3024, 3024)])
def test_a_square_photo_or_one_without_a_size_in_its_exif_is_not_called_turned(ask, stated):
    square = {"width_px": 3024, "height_px": 3024, "exif_width_px": stated[0], "exif_height_px": stated[1]}
    assert "frame_turned" not in ask(**square)
    if stated != (3024, 3024):
        assert ask(width_px=3024, height_px=4032, exif_width_px=stated[0], exif_height_px=stated[1]) == ()


UPRIGHT = {"width_px": 3024, "height_px": 4032, "exif_width_px": 3024, "exif_height_px": 4032}


def test_a_photo_whose_thumbnail_lies_the_other_way_is_refused(ask):
    assert ask(thumbnail_width_px=240, thumbnail_height_px=320) == ("thumbnail_turned",)
    assert ask(**UPRIGHT, thumbnail_width_px=512, thumbnail_height_px=288) == ("thumbnail_turned",)


def test_a_lying_thumbnail_of_an_upright_photo_speaks_against_it_whatever_exif_states(ask):
    dcf = {"thumbnail_width_px": 160, "thumbnail_height_px": 120}
    assert ask(**UPRIGHT, **dcf) == ("thumbnail_turned",)
    assert ask(**{**UPRIGHT, "exif_width_px": None}, **dcf) == ("thumbnail_turned",)
    assert ask(width_px=3024, height_px=4032, **dcf) == ("frame_turned", "thumbnail_turned")
    upright = {"thumbnail_width_px": 120, "thumbnail_height_px": 160}
    assert ask(**UPRIGHT, **upright) == ()


@pytest.mark.parametrize("size", [(160, 120), (160, 160), (320, 240), (160, 90), (None, None), (160, None)])
def test_a_thumbnail_of_the_photos_orientation_a_square_one_or_none_is_kept(ask, size):
    assert ask(thumbnail_width_px=size[0], thumbnail_height_px=size[1]) == ()


LIBRARY = {
    "segments": ("APP0:JFIF", "APP1:Exif", "DQT", "SOF0", "DHT", "SOS"), "huffman": "optimised", "quality_residual": 0.0
}  # fmt: skip


def test_a_file_with_all_marks_of_a_library_is_refused_and_with_two_of_them_kept(ask):
    assert ask(**LIBRARY) == ("saved_by_library",)
    exif_first = ("APP1:Exif", "APP0:JFIF", "DQT", "SOF0", "DHT", "SOS")
    for genuine in ({"segments": exif_first}, {"huffman": "standard"}, {"quality_residual": 0.31}):
        assert ask(**{**LIBRARY, **genuine}) == ()


@pytest.mark.parametrize("stated", [(None, None), (4000, None), (0, 0), (-1, 3000)])
def test_size_that_exif_does_not_state_is_not_judged(ask, stated):
    assert ask(exif_width_px=stated[0], exif_height_px=stated[1]) == ()


def test_size_the_camera_does_not_make_is_refused(ask):
    assert ask(width_px=2048, height_px=1536, exif_width_px=2048, exif_height_px=1536) == ("not_native_size",)


def test_any_size_is_kept_where_native_sizes_are_not_asked_for(ask):
    limits = Rules(native_size=False)
    assert ask(limits, width_px=2048, height_px=1536, exif_width_px=2048, exif_height_px=1536) == ()


def test_quality_factor_below_the_limit_is_refused_and_at_the_limit_kept(ask):
    assert ask(quality_factor=94, quantisation_tables=scaled_tables(94)) == ("low_quality_factor",)
    assert ask(quality_factor=95, quantisation_tables=scaled_tables(95)) == ()
    assert ask(Rules(quality_factor_min=90), quality_factor=90, quantisation_tables=scaled_tables(90)) == ()


def test_unknown_quality_factor_is_refused(ask):
    assert ask(quality_factor=None, quality_residual=None) == ("low_quality_factor",)


def test_tables_between_two_factors_count_as_the_upper_one(ask):
    luma, chroma = scaled_tables(94)
    finer = ((1, *luma[1:]), chroma)
    coarser = ((luma[0] + 1, *luma[1:]), chroma)
    assert ask(quality_factor=94, quality_residual=0.1, quantisation_tables=finer) == ()
    assert ask(quality_factor=94, quality_residual=0.1, quantisation_tables=coarser) == ("low_quality_factor",)
    assert ask(quality_factor=93, quality_residual=5.0, quantisation_tables=finer) == ("low_quality_factor",)


OWN, FOREIGN = "0123456789abcdef", "fedcba9876543210"


def with_segments(changes):
    """Return changes to facts with the segments that their form of header stands for, unless these are given."""
    form = changes.get("segments_form")
    return ({"segments": tuple(form.split(" "))} if form else {}) | changes


def of_maker(entry):
    """Return a maker's own tables: no factor of the IJG gives them."""
    return ((entry,) * 64, (entry,) * 64)


@pytest.fixture
def ask_knowing(photo, catalogue):
    """Return what asks all rules about a photo by a Nexus 5X of which more is known: tables, segments, sizes."""

    def asked(known, limits=LIMITS, **changes):
        return refusals(photo(**with_segments(changes)), catalogue["nexus-5x"].model_copy(update=known), limits)

    return asked


def test_a_cameras_own_tables_pass_at_any_quality_factor(ask_knowing):
    by_nature = {"quality_factor": 80, "quantisation_tables": scaled_tables(80)}
    assert ask_knowing({"tables": (OWN,)}, tables_digest=OWN, **by_nature) == ()
    assert ask_knowing({"tables": (OWN,)}, tables_digest=OWN, quality_factor=None) == ()
    assert ask_knowing({}, tables_digest=OWN, **by_nature) == ("low_quality_factor",)


def test_a_family_of_tables_passes_at_any_factor_and_what_a_program_saves_again_does_not(ask_knowing):
    base = ((8, *LUMA_QUANTISATION[1:]), (8, *CHROMA_QUANTISATION[1:]))
    known = {"table_families": (" / ".join(" ".join(map(str, table)) for table in base),)}
    own = tuple(tuple(max(1, int(entry * 0.4242 + 0.5)) for entry in table) for table in base)
    assert ask_knowing(known, quantisation_tables=own, tables_digest=OWN, quality_factor=79) == ()
    saved = {"quantisation_tables": scaled_tables(98), "tables_digest": FOREIGN, "quality_factor": 98}
    assert ask_knowing(known, **saved) == ("not_native_tables",)
    assert ask_knowing({}, **saved) == ()


def test_of_tables_that_are_not_known_a_programs_are_refused_and_others_by_their_quality(ask_knowing):
    known = {"tables": (OWN,)}
    program = {"quantisation_tables": scaled_tables(98), "tables_digest": FOREIGN, "quality_factor": 98}
    siblings = {"quantisation_tables": of_maker(2), "tables_digest": FOREIGN, "quality_factor": 97}
    assert ask_knowing(known, **program) == ("not_native_tables",)
    assert ask_knowing(known, **siblings) == ()
    assert ask_knowing(known, **(siblings | {"quality_factor": 90})) == ("low_quality_factor",)


def test_a_camera_that_writes_the_ijgs_tables_may_write_them_at_another_factor(ask_knowing):
    known = {"tables": (tables_digest(scaled_tables(96)),)}
    other = {"quantisation_tables": scaled_tables(97), "tables_digest": FOREIGN, "quality_factor": 97}
    assert ask_knowing(known, **other) == ()
    assert ask_knowing(known | {"closed": ("tables",)}, **other) == ("not_native_tables",)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_camera_may_write_the_ijgs_tables_as_one_two_or_three(ask_knowing, number):
    def tables(factor):
        luma, chroma = scaled_tables(factor)
        return (luma, chroma, chroma)[:number]

    known = {"tables": (tables_digest(tables(96)),)}
    assert ask_knowing(known, quantisation_tables=tables(97), tables_digest=FOREIGN, quality_factor=97) == ()


def test_where_a_cameras_tables_are_closed_every_other_set_is_refused(ask_knowing):
    known = {"tables": (OWN,), "closed": ("tables",)}
    siblings = {"quantisation_tables": of_maker(2), "tables_digest": FOREIGN, "quality_factor": 97}
    assert ask_knowing(known, **siblings) == ("not_native_tables",)
    assert ask_knowing(known, tables_digest=None, quantisation_tables=of_maker(2)) == ("not_native_tables",)
    assert ask_knowing(known, Rules(native_tables=False), **siblings) == ()


def test_where_native_tables_are_not_asked_for_the_quality_factor_decides_alone(ask_knowing):
    known, limits = {"tables": (OWN,)}, Rules(native_tables=False)
    assert ask_knowing(known, limits, tables_digest=FOREIGN, quality_factor=98) == ()
    by_nature = {"quality_factor": 91, "quantisation_tables": scaled_tables(91)}
    assert ask_knowing(known, limits, tables_digest=OWN, **by_nature) == ("low_quality_factor",)


FORM, BY_PROGRAM = "APP1:Exif DQT SOF0 DHT SOS", "APP0:JFIF APP1:Exif DQT SOF0 DHT SOS"
KNOWN_FORMS = {"segments": (FORM,), "closed": ("segments of HDR+ [0-9]*r",)}
BY_FIRMWARE = {"software": "HDR+ 1.0.126161355r"}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (FORM, ()),
        ("APP1:Exif DQT SOF0 DHT APP4 SOS", ()),  # unseen, but no program's
        ("APP1:Exif APP0:JFIF DQT SOF0 DHT SOS", ()),
        (BY_PROGRAM, ("not_native_segments",)),
        ("APP1:Exif APP13:Photoshop DQT SOF0 DHT SOS", ("not_native_segments",)),
        ("APP1:Exif APP12:Ducky DQT SOF0 DHT SOS", ("not_native_segments",)),
        ("APP1:Exif DQT APP14:Adobe SOF0 DHT SOS", ("not_native_segments",)),
    ],
)
def test_an_unseen_form_of_header_is_refused_only_where_it_speaks_of_software(ask_knowing, form, expected):
    assert ask_knowing(KNOWN_FORMS, segments_form=form, **BY_FIRMWARE) == expected


def test_a_mark_of_software_is_seen_behind_any_number_of_segments(ask_knowing):
    many = " ".join(f"APP7:{number:03d}" for number in range(60))
    form = f"{many} APP0:JFIF APP1:Exif DQT SOF0 DHT SOS"
    changes = {"segments_form": segments_form(form.split(" ")), "segments": tuple(form.split(" "))}
    assert len(changes["segments_form"]) == FORM_MAX
    assert ask_knowing(KNOWN_FORMS, **changes, **BY_FIRMWARE) == ("not_native_segments",)


def test_a_form_is_refused_only_where_enough_is_known_of_that_firmware(ask_knowing):
    assert ask_knowing(KNOWN_FORMS, segments_form=BY_PROGRAM, **BY_FIRMWARE) == ("not_native_segments",)
    assert ask_knowing(KNOWN_FORMS, segments_form=BY_PROGRAM, software="bullhead-user 6.0 MDA89E") == ()
    everything = {"segments": (FORM,), "closed": ("segments",)}
    assert ask_knowing(everything, segments_form=BY_PROGRAM) == ("not_native_segments",)
    assert ask_knowing({"segments": (FORM,)}, segments_form=BY_PROGRAM, **BY_FIRMWARE) == ()
    assert ask_knowing(KNOWN_FORMS, Rules(native_segments=False), segments_form=BY_PROGRAM, **BY_FIRMWARE) == ()


def test_what_a_camera_does_itself_is_no_mark_of_software(ask_knowing):
    known = KNOWN_FORMS | {"segments": (FORM, BY_PROGRAM)}
    other = "APP0:JFIF APP1:Exif COM DQT SOF0 DHT SOS"
    assert ask_knowing(known, segments_form=other, **BY_FIRMWARE) == ()
    assert ask_knowing(known, segments_form=f"{other} APP13", **BY_FIRMWARE) == ("not_native_segments",)


def test_sizes_that_were_learned_are_native_beside_those_of_the_catalogue(ask_knowing):
    learned = {"sizes": ("4032x3024", "2048x1536")}
    turned = {"width_px": 1536, "height_px": 2048, "exif_width_px": None}
    assert ask_knowing(learned, **turned) == ()
    assert ask_knowing({}, **turned) == ("not_native_size",)


@pytest.fixture
def ask_unlisted(photo):
    """Return what judges a photo by a camera that an open catalogue does not list; `learned`: what is known of it."""

    def asked(learned, limits=LIMITS, **changes):
        names = {"make": "Sony", "model": "DSC-W800", "width_px": 5152, "height_px": 3864, "exif_width_px": None}
        unlisted = unlisted_camera("sony-dsc-w800", "Sony", "DSC-W800", **learned)
        whole = Catalogue(cameras=(), unlisted=(unlisted,), is_open=True)
        return judge_facts(photo(**(names | with_segments(changes))), whole, whole, limits)[1]

    return asked


def test_of_an_unlisted_camera_nothing_is_said_that_was_not_learned(ask_unlisted):
    assert ask_unlisted({}, software="DSC-W800 v1.0") == ()
    assert ask_unlisted({}, software="DSC-W800 v1.0", quality_factor=60) == ("low_quality_factor",)


def test_an_unlisted_camera_is_held_to_the_sizes_and_tables_that_were_learned(ask_unlisted):
    assert ask_unlisted({"sizes": ("5152x3864",)}, software=None) == ()
    assert ask_unlisted({"sizes": ("640x480",)}, software=None) == ("not_native_size",)
    learned = {"sizes": ("5152x3864",), "tables": (OWN,), "segments": (FORM,), "closed": ("tables", "segments of -")}
    assert ask_unlisted(learned, software=None, tables_digest=OWN, segments_form=FORM, quality_factor=80) == ()
    strange = {"tables_digest": FOREIGN, "segments_form": BY_PROGRAM}
    assert ask_unlisted(learned, software=None, **strange) == ("not_native_tables", "not_native_segments")


def test_software_of_an_unlisted_camera_is_judged_once_its_firmware_was_learned(ask_unlisted):
    learned = {"software": ("DSC-W[0-9]* v[0-9]*.[0-9]*",)}
    assert ask_unlisted(learned, software="DSC-W800 v1.02") == ()
    assert ask_unlisted(learned, software="Some Program") == ("software_not_firmware",)
    assert ask_unlisted(learned, software=None) == ()


def test_a_camera_without_enough_support_says_so_whether_a_catalogue_lists_it_or_not(photo, catalogue):
    chosen = Catalogue(cameras=catalogue.cameras[:1])
    assert judge_facts(photo(), catalogue.opened(), chosen, LIMITS)[1] == ("too_little_support",)
    facts = photo(make="Sony", model="DSC-W800", software=None)
    camera, reasons = judge_facts(facts, catalogue.opened(), chosen, LIMITS)
    assert (camera.key, reasons) == ("sony-dsc-w800", ("too_little_support",))


def test_what_is_learned_of_cameras_is_all_that_a_teacher_may_be_refused_for():
    assert {rule.__name__ for rule in RULES} >= LEARNED
    assert not LEARNED & {"edited_by_software", "changed_later", "not_baseline", "truncated", "size_disagrees"}


def test_truncated_file_is_refused_but_a_header_alone_is_not_called_truncated(ask):
    assert ask(is_complete=False) == ("truncated",)
    assert ask(is_complete=None, trailing_bytes=None) == ()


def test_all_rules_are_asked_and_answer_in_the_order_of_the_funnel(ask):
    reasons = ask(
        software="Picasa", editor_marks=("exif:Software: Picasa",), width_px=800, height_px=600, quality_factor=70,
        quantisation_tables=scaled_tables(70), coding="progressive",
    )  # fmt: skip
    assert reasons == ("edited_by_software", "not_baseline", "size_disagrees", "not_native_size", "low_quality_factor")


def test_every_rule_is_named_by_its_reason_and_explained_in_funnel_order():
    names = [rule.__name__ for rule in RULES]
    assert list(in_funnel_order(names)) == names
    assert set(names) <= REASONS.keys()


def test_unknown_reasons_come_last_and_none_twice():
    assert in_funnel_order(["zzz", "duplicate", "no_original", "duplicate", "aaa"]) == (
        "no_original", "duplicate", "aaa", "zzz",
    )  # fmt: skip


def test_the_door_imports_the_rules_without_dask():
    code = "import curation.rules, sys; print({'dask', 'pandas', 'simplejpeg', 'matplotlib'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
