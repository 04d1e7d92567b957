"""Colour profiles: known by their description, else by their digest."""

import hashlib
import struct

from forensics.header import read_facts
from forensics.metadata.colour_profile import PROFILE_BYTES_MAX, profile_name


def chunk(part: bytes, number: int = 1, of: int = 1) -> bytes:
    return b"ICC_PROFILE\0" + bytes((number, of)) + part


def old(text: bytes) -> bytes:
    """Return the description of a version 2 profile behind its type."""
    return struct.pack(">I", len(text) + 1) + text + bytes(12)


def new(*texts: tuple[bytes, str]) -> bytes:
    """Return the description of a version 4 profile behind its type: language and text of each record."""
    records, strings = b"", b""
    at = 16 + 12 * len(texts)
    for language, text in texts:
        encoded = text.encode("utf-16-be")
        records += struct.pack(">2s2sII", language, b"US", len(encoded), at + len(strings))
        strings += encoded
    return struct.pack(">II", len(texts), 12) + records + strings


def test_the_description_of_either_version_is_the_profiles_name(profile):
    assert profile_name([chunk(profile(b"desc", old(b"sRGB IEC61966-2.1")))]) == "sRGB IEC61966-2.1"
    assert profile_name([chunk(profile(b"mluc", new((b"en", "Display P3"))))]) == "Display P3"
    assert profile_name([chunk(profile(b"text", b"plain\0"))]) == "plain"


def test_of_several_languages_english_counts_else_the_first(profile):
    texts = [(b"de", "Anzeige"), (b"en", "Display"), (b"fr", "Écran")]
    assert profile_name([chunk(profile(b"mluc", new(*texts)))]) == "Display"
    assert profile_name([chunk(profile(b"mluc", new(texts[2], texts[0])))]) == "Écran"


def test_it_arrives_in_the_facts_of_the_photo(jpeg, insert, segment, profile):
    data = profile(b"mluc", new((b"en", "Display P3")))
    parts = [segment(0xE2, chunk(data[:150], 1, 2)), segment(0xE2, chunk(data[150:], 2, 2))]
    assert read_facts(insert(jpeg(), *parts), whole=True).colour_profile == "Display P3"
    assert read_facts(insert(jpeg(), *parts[::-1]), whole=True).colour_profile == "Display P3"
    assert read_facts(jpeg(), whole=True).colour_profile is None


def test_a_profile_without_a_readable_description_is_known_by_its_digest(profile):
    no_tag = profile(b"desc", old(b"x"), tag=b"dmnd")
    cases = [no_tag, b"short", profile(b"desc", old(b"")), profile(b"mluc", new()), profile(b"mluc", b""), no_tag[:140]]
    for data in cases:
        assert profile_name([chunk(data)]) == hashlib.sha256(data).hexdigest()[:16]
    assert len({profile_name([chunk(data)]) for data in cases}) == len(cases)


def test_descriptions_are_clean_and_short(profile):
    assert profile_name([chunk(profile(b"desc", old(b"a\x1b\nb" + b"c" * 3000)))]) == "a b" + "c" * 253
    assert profile_name([chunk(profile(b"mluc", new((b"en", "a\0b"))))]) == "a"


def test_no_more_than_the_start_of_a_huge_profile_is_looked_at(profile):
    data = profile(b"desc", old(b"x"), tag=b"dmnd").ljust(20 * 65000, b"z")
    chunks = [chunk(data[at : at + 65000], at // 65000 + 1, 20) for at in range(0, len(data), 65000)]
    taken = []
    name = profile_name(taken.append(one) or one for one in chunks)
    assert name == hashlib.sha256(data[:PROFILE_BYTES_MAX]).hexdigest()[:16]
    assert len(taken) < 7


def test_parts_that_are_missing_or_doubled_or_empty_do_no_harm(profile):
    data = profile(b"desc", old(b"Adobe RGB (1998)"))
    assert profile_name([chunk(data), chunk(b"other")]) == "Adobe RGB (1998)"
    assert profile_name([chunk(data, 0, 0)]) == "Adobe RGB (1998)"
    assert profile_name([chunk(data, 3, 3)]) is None
    assert profile_name([b"ICC_PROFILE\0", chunk(b"")]) is None
