"""The door: what is let in by its first bytes."""

import pytest

from corpus.sections import Rules
from crawlers.door import Accepted, Door, MoreNeeded, Refused, Transfer


@pytest.fixture(scope="module")
def door(cameras):
    return Door(cameras, cameras, Rules(), original_max_bytes=1 << 20)


@pytest.fixture(scope="module")
def photo(uploads):
    return lambda name: (uploads.folder / name).read_bytes()


def test_a_genuine_photo_is_let_in_by_its_header_alone(door, photo):
    assert door.decide(photo("genuine-0.jpg")[:4096], whole=False) == Accepted()


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
    assert verdict == Accepted()


def test_a_whole_file_whose_header_goes_on_is_unreadable(door, photo):
    verdict = door.decide(photo("long-header.jpg")[:4096], whole=True)
    assert isinstance(verdict, Refused)
    assert verdict.reasons == ("unreadable",)


@pytest.mark.parametrize("data", [b"", b"<html>", b"\x89PNG\r\n\x1a\n" + bytes(100), b"\xff\xd8\xff\xe0" + bytes(99)])
def test_bytes_that_are_no_jpeg_are_refused_with_the_error(door, data):
    verdict = door.decide(data, whole=True)
    assert isinstance(verdict, Refused)
    assert verdict.reasons == ("unreadable",)
    assert "offset" in verdict.error


def test_files_above_the_limit_are_too_large(door):
    assert door.too_large(1 << 20) is None
    assert door.too_large(None) is None
    assert door.too_large((1 << 20) + 1).reasons == ("too_large",)


def arrive(transfer, data, piece_bytes=1000):
    """Return how many bytes were let through before the transfer was stopped."""
    for first in range(0, len(data), piece_bytes):
        if transfer.receive(data[first : first + piece_bytes]):
            return first + piece_bytes
    return len(data)


def test_a_transfer_of_a_photo_to_refuse_is_stopped_once_its_header_is_there(door, photo):
    data, transfer = photo("edited.jpg"), Transfer(door)
    assert not transfer.begin(is_range=False, size_bytes=len(data))
    assert arrive(transfer, data) < 3000
    assert transfer.verdict.reasons == ("edited_by_software",)


def test_a_transfer_of_a_genuine_photo_goes_on_to_its_end(door, photo):
    data, transfer = photo("long-header.jpg"), Transfer(door)
    transfer.begin(is_range=False, size_bytes=len(data))
    assert arrive(transfer, data) == len(data)
    assert transfer.verdict == Accepted()


def test_a_transfer_that_is_announced_too_large_is_not_begun(door):
    transfer = Transfer(door)
    assert transfer.begin(is_range=False, size_bytes=2 << 20)
    assert transfer.verdict.reasons == ("too_large",)


def test_a_transfer_of_unknown_size_is_stopped_at_the_limit(door, photo):
    transfer = Transfer(door)
    transfer.begin(is_range=False, size_bytes=None)
    assert arrive(transfer, photo("genuine-0.jpg") + bytes(2 << 20), 1 << 16) <= (1 << 20) + (1 << 16)
    assert transfer.verdict.reasons == ("too_large",)


def test_an_error_page_is_left_to_arrive(door):
    transfer = Transfer(door)
    transfer.begin(is_range=False, size_bytes=None)
    assert arrive(transfer, b"<html>Too many requests</html>" * 100) == 3000


def test_another_attempt_begins_with_nothing_received(door, photo):
    data, transfer = photo("edited.jpg"), Transfer(door)
    transfer.begin(is_range=False, size_bytes=None)
    transfer.receive(data[:500])
    transfer.begin(is_range=False, size_bytes=None)
    assert arrive(transfer, data) < 3000
    assert transfer.verdict.reasons == ("edited_by_software",)


def test_a_range_that_was_asked_for_is_left_alone(door, photo):
    transfer = Transfer(door)
    assert not transfer.begin(is_range=True, size_bytes=10 << 20)
    assert arrive(transfer, photo("edited.jpg")) == len(photo("edited.jpg"))
