"""Oddities: what harms nothing is found and taken out of a copy; nothing else is changed."""

import pytest

from forensics.errors import JpegError
from forensics.header import read_facts
from forensics.jpeg.oddities import STRAY_BYTES_MAX, without_oddities, without_stray_bytes
from forensics.jpeg.segments import ZEROS_MAX


def with_zeros(jpeg, number, before=b"\xff\xc0"):
    at = jpeg.index(before)
    return jpeg[:at] + bytes(number) + jpeg[at:]


def test_a_file_without_oddities_is_itself(jpeg):
    data = jpeg()
    assert without_oddities(data)[0] is data
    assert without_oddities(data)[1] == read_facts(data, whole=True).oddities == ()


def test_zeros_before_a_segment_are_an_oddity_of_the_header_and_nothing_else_changes(jpeg):
    plain = jpeg()
    for before in (b"\xff\xe0", b"\xff\xdb", b"\xff\xc0", b"\xff\xc4", b"\xff\xda"):
        data = with_zeros(plain, 4, before)
        facts = read_facts(data, whole=True)
        assert facts.oddities == ("zeros_between_segments",)
        assert facts.segments_form == read_facts(plain, whole=True).segments_form
        assert without_oddities(data) == (plain, ("zeros_between_segments",))


def test_zeros_and_fill_bytes_may_stand_together(jpeg):
    plain = jpeg()
    data = with_zeros(plain, 3).replace(bytes(3) + b"\xff\xc0", bytes(3) + b"\xff\xff\xff\xc0")
    assert without_oddities(data) == (plain, ("zeros_between_segments",))
    only_fill = plain.replace(b"\xff\xc0", b"\xff\xff\xff\xc0")
    assert without_oddities(only_fill)[1] == ()


@pytest.mark.parametrize("stray", [b"\x01", b"\0\0\x07\0", bytes(ZEROS_MAX + 1)])
def test_other_bytes_than_a_few_zeros_between_segments_are_no_header(jpeg, stray):
    plain = jpeg()
    at = plain.index(b"\xff\xc0")
    with pytest.raises(JpegError, match="where a marker must stand"):
        read_facts(plain[:at] + stray + plain[at:], whole=True)


@pytest.mark.parametrize("parameters", [b"\x00\x00\x00", b"\x00\x3f\x01", b"\x01\x3f\x00", b"\x00\x40\x00"])
def test_scan_parameters_of_a_baseline_scan_are_put_right(jpeg, parameters):
    plain = jpeg()
    end = read_facts(plain, whole=True).scan_offset_bytes
    data = plain[: end - 3] + parameters + plain[end:]
    assert read_facts(data, whole=False).oddities == ("sos_parameters",)
    assert without_oddities(data) == (plain, ("sos_parameters",))


def test_the_scan_parameters_of_a_progressive_picture_mean_something(jpeg):
    data = jpeg(progressive=True)
    assert read_facts(data, whole=True).oddities == ()
    assert without_oddities(data)[0] is data


def test_scans_after_the_first_are_put_right_as_well(three_scans):
    places = [at for at in range(len(three_scans)) if three_scans.startswith(b"\xff\xda\0\x08\x01", at)]
    assert len(places) == 3
    for place in places:
        data = three_scans[: place + 8] + b"\0" + three_scans[place + 9 :]
        assert without_oddities(data) == (three_scans, ("sos_parameters",))


def test_only_a_few_arbitrary_bytes_before_the_end_or_zeros_are_harmless(jpeg):
    plain = jpeg()

    def mended(stray, fill=b""):
        data = plain[:-2] + stray + fill + plain[-2:]
        return without_stray_bytes(data, len(data), len(stray))

    assert mended(b"\x5a" * STRAY_BYTES_MAX) == mended(bytes(1000)) == plain
    assert mended(b"\x5a\x3c", b"\xff\xff") == plain[:-2] + b"\xff\xff" + plain[-2:]
    assert mended(b"\x5a" * (STRAY_BYTES_MAX + 1)) is None
    assert mended(bytes(999) + b"\x01") is None
    assert mended(bytes(70_000)) is None
    assert without_stray_bytes(plain, len(plain), len(plain)) is None


@pytest.mark.parametrize("read_as_code", [0, 7, 8, 9, 400])
def test_zeros_of_which_the_decoder_read_many_as_coded_data_are_no_padding(jpeg, read_as_code):
    plain = jpeg()
    assert plain[-3]
    data = plain[:-2] + bytes(read_as_code + 50) + plain[-2:]
    mended = without_stray_bytes(data, len(data), 50)
    assert mended == (plain[:-2] + bytes(read_as_code) + plain[-2:] if read_as_code <= 8 else None)
