"""Real photographs: the facts agree with ExifTool's, but where the reason is known and listed."""

import json
from pathlib import Path
from typing import Any

import pytest

from forensics.errors import HeaderIncomplete, JpegError
from forensics.header import read_facts
from forensics.photo_facts import PhotoFacts

pytestmark = pytest.mark.photos

CODINGS = {"0": "baseline", "1": "extended", "2": "progressive"}
SUBSAMPLINGS = {"1 1": "4:4:4", "2 1": "4:2:2", "2 2": "4:2:0", "1 2": "4:4:0", "4 1": "4:1:1"}
CLAIMS = (
    "IFD0:Software", "ExifIFD:Software", "IFD0:ProcessingSoftware", "XMP-xmp:CreatorTool", "XMP-xmp:Creatortool",
    "XMP-xmpMM:HistorySoftwareAgent", "XMP-tiff:Software",
)  # fmt: skip

DISAGREEMENTS = {
    "messy/exif-samples/c8925c298977.jpg": ("software", "the oracle's JSON has the version 1.00 as the number 1.0"),
    "messy/exiftool/c9c2b97243c1.jpg": ("software", "the oracle's JSON has the version 1.00 as the number 1.0"),
    "messy/exifr/7c47711a8746.jpg": ("subsampling", "four components (CMYK): ExifTool names no subsampling"),
    "messy/kim/ec83877bd437.jpg": ("subsampling", "one component: ExifTool names no subsampling"),
}
"""File -> what differs and why; exact: a file listed that agrees fails as well."""


@pytest.fixture(scope="session")
def oracle(shared_photos: Path) -> dict[str, dict[str, Any]]:
    """Return ExifTool's answer by file; numbers stay the texts they are there ("9.10" is a version)."""
    rows = json.loads((shared_photos / "exiftool.json").read_text(), parse_float=str, parse_int=str)
    return {row["SourceFile"]: row for row in rows}


@pytest.fixture(scope="session")
def facts_by_file(shared_photos: Path, oracle: dict[str, Any]) -> dict[str, PhotoFacts | JpegError]:
    """Return the facts of every file, or why it has none."""

    def read(file: str) -> PhotoFacts | JpegError:
        try:
            return read_facts((shared_photos / file).read_bytes(), whole=True)
        except JpegError as error:
            return error

    return {file: read(file) for file in oracle}


def expected(row: dict[str, Any]) -> dict[str, Any]:
    """Return ExifTool's answer in our words."""

    def text(*tags: str) -> str | None:
        return next((str(row[tag]).strip() for tag in tags if tag in row), None) or None

    return {
        "make": text("IFD0:Make"),
        "model": text("IFD0:Model"),
        "software": text("IFD0:Software", "ExifIFD:Software"),
        "width_px": int(row["File:ImageWidth"]),
        "height_px": int(row["File:ImageHeight"]),
        "subsampling": SUBSAMPLINGS.get(row.get("File:YCbCrSubSampling", "")),
        "coding": CODINGS[row["File:EncodingProcess"]],
        "processing_software": text("IFD0:ProcessingSoftware"),
        "serial_number": text("ExifIFD:SerialNumber"),
        "taken_at": text("ExifIFD:DateTimeOriginal"),
        "modified_at": text("IFD0:ModifyDate"),
        "xmp_creator_tool": text("XMP-xmp:CreatorTool", "XMP-xmp:Creatortool"),
    }


def test_every_file_exiftool_can_read_has_facts(facts_by_file):
    assert [str(error) for error in facts_by_file.values() if isinstance(error, JpegError)] == []
    assert len(facts_by_file) > 250


def test_facts_agree_with_exiftool_but_for_the_listed_files(oracle, facts_by_file):
    differing = {}
    for file, row in oracle.items():
        facts = facts_by_file[file]
        names = [name for name, value in expected(row).items() if getattr(facts, name) != value]
        if names:
            differing[file] = ", ".join(names)
    assert differing == {file: names for file, (names, _cause) in DISAGREEMENTS.items()}


def test_no_original_has_an_editors_mark(facts_by_file):
    originals = {file: facts for file, facts in facts_by_file.items() if file.startswith("originals/")}
    assert len(originals) > 90
    assert {file: facts.editor_marks for file, facts in originals.items() if facts.editor_marks} == {}


def test_every_file_whose_tags_name_an_editor_has_a_mark(oracle, facts_by_file):
    def named(row: dict[str, Any]) -> bool:
        values = [row[tag] for tag in CLAIMS if tag in row]
        texts = [text for value in values for text in (value if isinstance(value, list) else [value])]
        # by pieces of names, not by the words the package itself matches
        pieces = ("photoshop", "lightroom", "gimp", "fireworks", "photo editor", "photo gallery", "pano2vr", "photopro",
                  "nikon transfer", "libformat", "pmb")  # fmt: skip
        return any(piece in text.lower() for piece in pieces for text in texts)

    edited = [file for file, row in oracle.items() if named(row)]
    assert len(edited) > 70
    assert [file for file in edited if not facts_by_file[file].editor_marks] == []


def test_a_prefix_read_as_needed_gives_the_same_facts_as_the_whole_file(shared_photos, facts_by_file):
    for file, facts in facts_by_file.items():
        data = (shared_photos / file).read_bytes()
        length = 65536
        while True:
            try:
                prefix_facts = read_facts(data[:length], whole=False)
                break
            except HeaderIncomplete as more:
                length = more.needed_bytes
        assert prefix_facts.segments == facts.segments
        assert (prefix_facts.make, prefix_facts.model, prefix_facts.editor_marks) == (
            facts.make, facts.model, facts.editor_marks,
        )  # fmt: skip


def test_originals_are_complete(facts_by_file):
    incomplete = [
        file for file, facts in facts_by_file.items() if file.startswith("originals/") and not facts.is_complete
    ]
    assert incomplete == []
