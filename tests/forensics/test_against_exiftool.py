"""Real photographs: the facts agree with ExifTool's, but where the reason is known and listed."""

import json
import re
import shutil
import subprocess
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from forensics.errors import HeaderIncomplete, JpegError
from forensics.header import read_facts
from forensics.photo_facts import PhotoFacts

pytestmark = [pytest.mark.photos, pytest.mark.slow]

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

SERIAL_DISAGREEMENTS = {
    "messy/exif-samples/6a39d8c013c0.jpg": "GIMP moved the MakerNote without mending its pointers",
    "messy/exiftool/c17732aa2818.jpg": "Ricoh's internal number: whether it tells devices apart is not known",
}
"""Files whose serial number ExifTool finds, and why it is none here."""

LATER_TAGS = {
    "File:ExifByteOrder": "exif_endian",
    "ExifIFD:CreateDate": "digitised_at",
    "ExifIFD:LensSerialNumber": "lens_serial_number",
    "ExifIFD:ImageUniqueID": "image_unique_id",
    "ExifIFD:ColorSpace": "colour_space",
    "IFD1:ThumbnailLength": "thumbnail_bytes",
    "ICC_Profile:ProfileDescription": "colour_profile",
    "MPF0:NumberOfImages": "mpf_images",
}
"""ExifTool's name of a fact -> ours; the shared answers lack them, so the installed program is asked."""

LATER_DISAGREEMENTS = {
    "messy/exiftool/8a88d9e50aeb.jpg": ("colour_space", "the file states 0, which is no colour space: ours is None"),
}
"""As DISAGREEMENTS, of LATER_TAGS and the counts of entries."""

DIRECTORIES = ("IFD0", "ExifIFD", "GPS", "InteropIFD", "IFD1")


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


def test_serial_numbers_agree_with_exiftool_wherever_they_stand(oracle, facts_by_file):
    differing, sources = {}, Counter()
    for file, row in oracle.items():
        facts = facts_by_file[file]
        if isinstance(facts, PhotoFacts):
            sources[facts.serial_source] += 1
            # ExifTool's JSON has numbers without their leading zeros, and leaves the `NO= ` of older Nikons
            if (facts.serial_number or "").lstrip("0") != expected_serial(row).lstrip("0"):
                differing[file] = facts.serial_number
    assert differing == dict.fromkeys(SERIAL_DISAGREEMENTS)
    assert sources["exif"] >= 40
    assert sum(number for source, number in sources.items() if source and source.startswith("maker note")) >= 44


def expected_serial(row: dict[str, Any]) -> str:
    """Return ExifTool's serial number of the body: EXIF's own, else the maker's, else the maker's internal one."""
    tags = [tag for tag in row if tag.endswith("SerialNumber") and not tag.startswith(("XMP", "PictureInfo"))]
    ordered = sorted(
        (tag for tag in tags if "Lens" not in tag),
        key=lambda tag: (tag != "ExifIFD:SerialNumber", not tag.endswith(":SerialNumber")),
    )
    return re.sub("^(?i:no=) *", "", str(row[ordered[0]]).strip()) if ordered else ""


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


def test_thumbnails_of_originals_are_read_and_their_scans_differ(facts_by_file):
    originals = {file: facts for file, facts in facts_by_file.items() if file.startswith("originals/")}
    assert {file: facts.thumbnail_error for file, facts in originals.items() if facts.thumbnail_error} == {}
    assert sum(facts.thumbnail_width_px is not None for facts in originals.values()) > 80
    assert len({facts.scan_digest for facts in originals.values()} - {None}) == len(originals)


def test_originals_are_complete(facts_by_file):
    incomplete = [
        file for file, facts in facts_by_file.items() if file.startswith("originals/") and not facts.is_complete
    ]
    assert incomplete == []


def test_files_with_one_digest_of_exiftools_have_one_of_ours_and_it_stands_for_one_set_of_tables(oracle, facts_by_file):
    # ExifTool's tells apart as well how the tables are spread over segments
    ours, tables = defaultdict(set), defaultdict(set)
    for file, row in oracle.items():
        facts = facts_by_file[file]
        theirs = re.match("([0-9a-f]{32}):", row.get("File:JPEGDigest", ""))
        if theirs is not None:
            ours[theirs[1]].add(facts.tables_digest)
        tables[facts.tables_digest].add(facts.quantisation_tables)
    assert len(ours) > 30
    assert len(tables) > 60
    assert {len(found) for found in (*ours.values(), *tables.values())} == {1}


@pytest.fixture(scope="session")
def asked(shared_photos: Path, oracle: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the installed ExifTool's answer to LATER_TAGS in our words, by file; skips where there is none."""
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed")

    def answer(*options: str) -> str:
        command = ["exiftool", *options, "-@", "-"]
        return subprocess.run(
            command, input="\n".join(oracle), cwd=shared_photos, capture_output=True, text=True, check=False
        ).stdout

    rows = json.loads(answer("-json", "-n", "-G1", "-fast", *(f"-{tag}" for tag in LATER_TAGS)), parse_float=str)
    facts = {row["SourceFile"]: {ours: row.get(tag) for tag, ours in LATER_TAGS.items()} for row in rows}
    for part in re.split(r"^======== ", answer("-v1", "-fast"), flags=re.MULTILINE)[1:]:
        counts: dict[str, int] = {}
        for name, count in re.findall(r"\[(\w+) directory with (\d+) entries\]", part):
            counts.setdefault(name, int(count))
        facts[part.partition("\n")[0]]["exif_counts"] = tuple(counts.get(name, -1) for name in DIRECTORIES)
    return facts


def test_later_facts_agree_with_the_installed_exiftool_but_for_the_listed_files(asked, facts_by_file):
    differing = {}
    for file, row in asked.items():
        facts = facts_by_file[file]
        expected_facts = {
            **{name: value.strip() or None if isinstance(value, str) else value for name, value in row.items()},
            "exif_endian": {"II": "little", "MM": "big"}.get(row["exif_endian"]),
            "exif_counts": row["exif_counts"] if row["exif_counts"][0] >= 0 else (),
            "thumbnail_bytes": row["thumbnail_bytes"] or None,  # a length of 0 is no thumbnail
        }
        names = [name for name, value in expected_facts.items() if getattr(facts, name) != value]
        if names:
            differing[file] = ", ".join(names)
    assert len(asked) == len(facts_by_file)
    assert differing == {file: names for file, (names, _cause) in LATER_DISAGREEMENTS.items()}
