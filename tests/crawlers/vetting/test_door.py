"""The door: what is let in by its first bytes."""

import pytest

from corpus.sections import Rules
from crawlers.vetting.door import Accepted, Door, MoreNeeded, Refused


@pytest.fixture(scope="module")
def door(cameras):
    return Door(cameras, cameras, Rules(), original_max_bytes=1 << 20)


@pytest.fixture(scope="module")
def photo(uploads):
    return lambda name: (uploads.folder / name).read_bytes()


def test_a_genuine_photo_is_let_in_by_its_header_alone(door, photo):
    verdict = door.decide(photo("genuine-0.jpg")[:4096], whole=False)
    assert isinstance(verdict, Accepted)
    assert (verdict.facts.model, verdict.facts.width_px, verdict.facts.is_complete) == ("One", 320, None)


def test_all_reasons_are_given_not_only_the_first(door, photo):
    verdict = door.decide(photo("edited-and-resized.jpg")[:4096], whole=False)
    assert isinstance(verdict, Refused)
    assert verdict.reasons == ("edited_by_software", "not_native_size")
    assert verdict.facts.software == "GIMP 2.10"


def test_a_header_that_goes_on_asks_for_at_least_what_the_next_segment_needs(door, photo):
    data = photo("long-header.jpg")
    verdict = door.decide(data[:4096], whole=False)
    assert isinstance(verdict, MoreNeeded)
    assert 4096 < verdict.needed_bytes <= len(data)


def test_a_header_is_read_to_its_end_by_giving_what_it_asks_for(door, photo):
    data, size = photo("long-header.jpg"), 4096
    while isinstance(verdict := door.decide(data[:size], whole=False), MoreNeeded):
        assert verdict.needed_bytes > size
        size = verdict.needed_bytes
    assert isinstance(verdict, Accepted)


def test_a_whole_file_whose_header_goes_on_is_unreadable(door, photo):
    verdict = door.decide(photo("long-header.jpg")[:4096], whole=True)
    assert isinstance(verdict, Refused)
    assert verdict.reasons == ("unreadable",)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_jpeg"),
        (b"\xff", "not_jpeg"),
        (b"<html>", "not_jpeg"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "not_jpeg"),
        (b"\xff\xd8\xff\xe0" + bytes(99), "unreadable"),
    ],
)
def test_bytes_that_cannot_be_read_as_a_jpeg_are_refused_with_the_error(door, data, reason):
    verdict = door.decide(data, whole=True)
    assert isinstance(verdict, Refused)
    assert verdict.reasons == (reason,)
    assert "offset" in verdict.error


def test_facts_kept_from_a_refused_header_are_judged_anew_by_other_rules(door, cameras, photo):
    refused = door.decide(photo("resized.jpg")[:4096], whole=False)
    assert door.judge(refused.facts).reasons == ("not_native_size",)
    lenient = Door(cameras, cameras, Rules(native_size=False), original_max_bytes=1 << 20)
    assert lenient.judge(refused.facts) is None


def test_a_file_that_ends_before_its_picture_is_refused_once_it_is_there_as_a_whole(door, photo):
    half = photo("genuine-0.jpg")[:-2000]
    assert isinstance(door.decide(half, whole=False), Accepted)
    assert door.decide(half, whole=True).reasons == ("truncated",)


@pytest.mark.parametrize("cut_bytes", [0, 1, 2000])
@pytest.mark.parametrize("name", ["genuine-0.jpg", "long-header.jpg"])
def test_the_end_alone_is_judged_as_the_whole_file_is(door, photo, name, cut_bytes):
    data = photo(name)[: -cut_bytes or None] + bytes(7 if cut_bytes == 0 else 0)
    header = door.decide(data, whole=False)
    assert door.decide_end(header, data) == door.decide(data, whole=True)


def test_a_labelled_photo_needs_no_exif(door, photo):
    data = photo("bare.jpg")
    assert door.decide(data, whole=True).reasons == ("no_camera_model",)
    assert isinstance(door.decide(data, whole=True, labelled_camera="acme-one"), Accepted)


def test_files_above_the_limit_are_too_large(door):
    assert door.too_large(1 << 20) is None
    assert door.too_large(None) is None
    assert door.too_large((1 << 20) + 1).reasons == ("too_large",)


def test_a_cameras_oddities_are_let_in_and_damage_beside_them_is_not(door, photo, odd):
    plain = photo("genuine-0.jpg")
    verdict = door.decide(odd(plain), whole=True)
    assert isinstance(verdict, Accepted)
    assert verdict.facts.segments_form == door.decide(plain, whole=True).facts.segments_form
    header = door.decide(odd(plain)[:4096], whole=False)
    assert isinstance(header, Accepted)
    assert header.facts.oddities == verdict.facts.oddities
    assert door.decide(odd(plain)[:-2000], whole=True).reasons == ("truncated",)
