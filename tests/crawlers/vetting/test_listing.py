"""What a listing tells of a photo refuses it before any download, by the rules of the catalogue."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.cameras.catalogue import Camera, Catalogue
from corpus.sections import Rules
from crawlers.vetting.listing import ListedFile, listing_reasons

ONE = Camera(key="acme-one", name="Acme One", make=("Acme",), model=("One",), sizes=("320x240",), software=("Fw*",))
TWO = Camera(key="acme-two", name="Acme Two", make=("Acme",), model=("Two",), sizes=("400x300",))
CATALOGUE = Catalogue(cameras=(ONE, TWO))
LIMIT_BYTES = 1 << 20


def reasons(chosen=("acme-one", "acme-two"), rules=None, **told):
    return listing_reasons(ListedFile(**told), CATALOGUE, CATALOGUE.only(chosen), rules or Rules(), LIMIT_BYTES)


def one(**told):
    return reasons(**{"make": "Acme", "model": "One", "software": "Fw 1", "width_px": 320, "height_px": 240} | told)


def test_a_listing_that_says_nothing_refuses_nothing():
    assert reasons() == ()
    assert one() == ()


@pytest.mark.parametrize("name", ["make", "model", "software", "width_px", "height_px", "size_bytes", "mime"])
def test_what_a_listing_does_not_tell_is_left_to_the_door(name):
    assert one(**{name: None}) == ()


@pytest.mark.parametrize(
    ("told", "refused"),
    [
        ({"model": "Three"}, ("camera_unknown",)),
        ({"software": "Adobe Photoshop CS5 Windows"}, ("edited_by_software",)),
        ({"software": "Holga Filter"}, ("software_not_firmware",)),
        ({"width_px": 319}, ("not_native_size",)),
        ({"width_px": 400, "height_px": 300}, ("not_native_size",)),  # another camera's
        ({"size_bytes": LIMIT_BYTES + 1}, ("too_large",)),
        ({"mime": "image/png"}, ("not_jpeg",)),
        (
            {"size_bytes": 1 << 30, "software": "GIMP 2.10", "width_px": 1, "mime": "image/tiff"},
            ("not_jpeg", "too_large", "edited_by_software", "not_native_size"),
        ),
    ],
)
def test_every_reason_is_given_in_the_order_of_the_funnel(told, refused):
    assert one(**told) == refused


def test_a_camera_that_is_known_but_not_chosen_is_refused_and_judged_all_the_same():
    assert one(chosen=("acme-two",)) == ("camera_not_chosen",)
    assert one(chosen=("acme-two",), width_px=1) == ("camera_not_chosen", "not_native_size")


def test_sizes_count_in_either_orientation():
    assert one(width_px=240, height_px=320) == ()


def test_blanks_around_what_exif_says_do_not_matter():  # MediaWiki tells it as it stands in the file
    assert one(make="Acme   ", model=" One ", software="Fw 1        ") == ()


def test_where_no_camera_is_named_a_size_must_be_native_of_any_chosen_one():
    assert reasons(width_px=300, height_px=400) == ()
    assert reasons(width_px=640, height_px=480) == ("not_native_size",)
    assert reasons(width_px=400, height_px=300, chosen=("acme-one",)) == ("not_native_size",)


def test_a_size_says_nothing_of_a_camera_nobody_knows():
    assert reasons(make="Acme", model="Three", width_px=640, height_px=480) == ("camera_unknown",)


def test_sizes_do_not_matter_where_the_rules_do_not_ask():
    assert one(width_px=1, rules=Rules(native_size=False)) == ()
    assert reasons(width_px=1, height_px=1, rules=Rules(native_size=False)) == ()


def test_a_program_is_not_told_from_firmware_while_the_camera_is_unknown():
    assert reasons(software="Holga Filter") == ()
    assert reasons(software="GIMP 2.10") == ("edited_by_software",)


def test_strings_that_two_cameras_take_refuse_nothing_of_the_camera():
    twin = TWO.model_copy(update={"key": "acme-twin"})
    both = Catalogue(cameras=(*CATALOGUE.cameras, twin))
    told = ListedFile(make="Acme", model="Two", width_px=1, height_px=1, mime="image/png")
    assert listing_reasons(told, both, both, Rules(), LIMIT_BYTES) == ("not_jpeg",)


TEXTS = st.none() | st.text(max_size=30) | st.sampled_from(["Acme", "One", "Two", "Three", "Fw 1", "GIMP 2.10"])


@given(TEXTS, TEXTS, TEXTS, st.none() | st.integers(1, 500), st.none() | st.integers(1, 500))
def test_whatever_is_told_the_rules_answer(make, model, software, width_px, height_px):
    given_reasons = reasons(make=make, model=model, software=software, width_px=width_px, height_px=height_px)
    assert "camera_unknown" not in given_reasons or (make and model)
    assert "not_native_size" not in given_reasons or (width_px and height_px)
