"""Transfers: how much of a response is received before it is stopped, whatever the server sends."""

import pytest
from scrapy.http import Headers

from corpus.cameras.catalogue import Catalogue
from corpus.sections import Rules
from crawlers.download.transfer import FOREIGN_MAX_BYTES, ContentRange, Span, Transfer, content_range
from crawlers.vetting.door import Accepted, Door, Refused

UNKNOWN = "unknown"  # the length of a body whose length is not stated


@pytest.fixture(scope="module")
def door(cameras):
    return Door(cameras, cameras, Rules(), original_max_bytes=1 << 20)


@pytest.fixture(scope="module")
def photo(uploads):
    return lambda name: (uploads.folder / name).read_bytes()


def arrive(transfer, data, piece_bytes=1000):
    """Return how many bytes were received before the transfer was stopped."""
    for first in range(0, len(data), piece_bytes):
        if transfer.receive(data[first : first + piece_bytes]):
            return first + piece_bytes
    return len(data)


def begun(door, length=UNKNOWN, asked=None, **headers):
    """Return a transfer whose headers have arrived, and whether it was stopped there."""
    transfer = Transfer(door, asked)
    return transfer, transfer.begin(Headers({name.replace("_", "-"): value for name, value in headers.items()}), length)


def test_a_refused_photo_is_stopped_once_its_header_has_arrived(door, photo):
    data = photo("edited.jpg")
    transfer, is_stopped = begun(door, len(data))
    assert not is_stopped
    assert arrive(transfer, data) < 3000
    assert transfer.verdict.reasons == ("edited_by_software",)
    assert transfer.announced_bytes == len(data)


@pytest.mark.parametrize("piece_bytes", [1, 1000, 70_000])
def test_a_genuine_photo_is_received_whole_in_pieces_of_any_size(door, photo, piece_bytes):
    data = photo("long-header.jpg")
    transfer, _ = begun(door, len(data))
    assert arrive(transfer, data, piece_bytes) == len(data)
    assert isinstance(transfer.verdict, Accepted)


def test_no_bytes_of_a_photo_are_kept_once_it_is_let_in(door, photo):
    transfer, _ = begun(door)
    arrive(transfer, photo("genuine-0.jpg"))
    assert not transfer._head


def test_an_endless_header_is_read_only_a_few_times(cameras):
    looks = []

    class Counted(Door):
        def decide(self, data, *, whole, labelled_camera=None):
            looks.append(len(data))
            return super().decide(data, whole=whole, labelled_camera=labelled_camera)

    transfer, _ = begun(Counted(cameras, cameras, Rules(), original_max_bytes=64 << 20))
    comment = b"\xff\xfe\xff\xff" + bytes(0xFFFD)
    stopped_at = arrive(transfer, b"\xff\xd8" + comment * 600, 1 << 14)
    assert stopped_at == 2 + 600 * len(comment)
    assert len(looks) < 60
    assert sum(looks) < 8 * stopped_at


def test_a_file_announced_as_too_large_is_stopped_at_its_headers(door):
    transfer, is_stopped = begun(door, 2 << 20)
    assert is_stopped
    assert transfer.verdict.reasons == ("too_large",)


def test_a_file_of_unknown_size_is_stopped_at_the_limit(door, photo):
    transfer, _ = begun(door)
    assert arrive(transfer, photo("genuine-0.jpg") + bytes(2 << 20), 1 << 16) <= (1 << 20) + (1 << 16)
    assert transfer.verdict.reasons == ("too_large",)


def test_a_small_page_is_received_whole_so_that_its_connection_survives(door):
    transfer, _ = begun(door)
    assert arrive(transfer, b"<html>Too many requests</html>" * 100) == 3000


@pytest.mark.parametrize("kind", [b"<html>", b"\x89PNG\r\n\x1a\n", b"\x00", b"\xff\xff\xd8"])
def test_what_is_no_jpeg_is_stopped_early(door, kind):
    transfer, _ = begun(door)
    assert arrive(transfer, kind * 100_000) <= FOREIGN_MAX_BYTES + 1000


def test_another_attempt_starts_with_nothing_received(door, photo):
    data = photo("edited.jpg")
    transfer, _ = begun(door, asked=Span(0, 499), Content_Range=f"bytes 0-499/{len(data)}")
    transfer.receive(data[:500])
    transfer.begin(Headers(), UNKNOWN)
    assert transfer.part is None
    assert arrive(transfer, data) < 3000
    assert transfer.verdict.reasons == ("edited_by_software",)


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "GZIP", "gzip, identity", "unheard-of"])
def test_a_compressed_response_is_stopped_at_its_headers_and_never_unpacked(door, coding):
    transfer, is_stopped = begun(door, 1000, Content_Encoding=coding)
    assert is_stopped
    assert "compressed" in transfer.trouble.text
    assert not transfer.trouble.is_transient


def test_a_response_with_identity_encoding_is_received(door):
    assert begun(door, 1000, Content_Encoding="identity")[1] is False


def test_the_range_that_was_asked_for_is_received_whole(door, photo):
    data = photo("edited.jpg")
    transfer, is_stopped = begun(door, 8000, Span(0, 7999), Content_Range=f"bytes 0-7999/{len(data)}")
    assert not is_stopped
    assert arrive(transfer, data[:8000]) == 8000
    assert transfer.part == ContentRange(Span(0, 7999), len(data))


def test_a_shorter_range_than_asked_for_is_received_too(door):
    assert begun(door, 100, Span(0, 7999), Content_Range="bytes 0-99/100")[1] is False


@pytest.mark.parametrize(
    ("says", "length"),
    [
        ("bytes 0-8000/90000", 8001),  # beyond what was asked
        ("bytes 1-7999/90000", 7999),  # begins elsewhere
        ("bytes 0-7999/90000", 7999),  # its length differs from its range
        ("bytes 0-7999/90000", 90000),
    ],
)
def test_another_range_than_the_one_asked_for_is_stopped_at_its_headers(door, says, length):
    transfer, is_stopped = begun(door, length, Span(0, 7999), Content_Range=says)
    assert is_stopped
    assert transfer.is_misfit


def test_a_range_that_continues_beyond_its_end_is_stopped(door, photo):
    transfer, _ = begun(door, UNKNOWN, Span(0, 7999), Content_Range="bytes 0-7999/90000")
    assert arrive(transfer, bytes(1 << 20)) == 9000
    assert transfer.is_misfit


def test_a_range_that_was_not_asked_for_is_judged_as_a_file(door, photo):
    transfer, _ = begun(door, UNKNOWN, None, Content_Range="bytes 0-99999/100000")
    arrive(transfer, photo("edited.jpg"))
    assert isinstance(transfer.verdict, Refused)


@pytest.mark.parametrize(
    "says",
    [
        "",
        "bytes */100",
        "bytes 0-99/*",
        "bytes 9-1/100",
        "bytes 0-100/100",
        "lines 0-9/100",
        "bytes 0-9/1" + "0" * 5000,
    ],
)
def test_a_senseless_content_range_is_ignored(says):
    assert content_range(Headers({"Content-Range": says})) is None


def test_a_catalogue_that_gives_a_model_to_two_cameras_stops_the_transfer_with_a_sentence(cameras, photo):
    one = next(camera for camera in cameras.cameras if camera.key == "acme-one")
    both = Catalogue(cameras=(one, one.model_copy(update={"key": "acme-copy"})))
    transfer, _ = begun(Door(both, both, Rules(), original_max_bytes=1 << 20))
    assert arrive(transfer, photo("genuine-0.jpg")) < 3000
    assert "acme-copy" in transfer.trouble.text
    assert transfer.trouble.is_transient
