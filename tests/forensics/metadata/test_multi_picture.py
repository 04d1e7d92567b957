"""Multi-picture files: how many images the index counts."""

import pytest

from forensics.header import read_facts
from forensics.metadata.multi_picture import count_images


@pytest.mark.parametrize("endian", ["<", ">"])
def test_the_number_of_images_is_read(jpeg, insert, segment, tiff, endian):
    index = b"MPF\0" + tiff({0xB000: (7, 4, b"0100"), 0xB001: 70000, 0xB002: (7, 16, bytes(16))}, None, endian)
    facts = read_facts(insert(jpeg(), segment(0xE2, b"MPF\0broken"), segment(0xE2, index)), whole=True)
    assert facts.mpf_images is None  # the first index counts
    facts = read_facts(insert(jpeg(), segment(0xE2, index)), whole=True)
    assert (facts.mpf_images, facts.segments[0]) == (70000, "APP2:MPF")
    assert read_facts(jpeg(), whole=True).mpf_images is None


def test_a_broken_index_counts_nothing(tiff):
    for payload in (b"", b"MPF\0", b"MPF\0II*\0", b"MPF\0II*\0\xff\xff\xff\xff", b"MPF\0XX*\0\x08\0\0\0\0\0"):
        assert count_images(payload) is None
    for value in (0, (4, 2, b"\1\0\0\0\1\0\0\0"), "three", (4, 1, b"\xff\xff\xff\xff")):
        assert count_images(b"MPF\0" + tiff({0xB001: value})) is None
