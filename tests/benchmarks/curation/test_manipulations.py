"""Manipulations of the torture corpus, and what they leave in a header."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.curation.manipulations.every import MANIPULATIONS, Manipulation
from benchmarks.curation.manipulations.subject import NotApplicableError, Subject, program
from benchmarks.curation.manipulations.traces import NO_CAMERA, marks, normal_order, traces, variations
from corpus.cameras.catalogue import Camera
from demo.simulation.cameras import MODELS
from demo.uploads.make import capture
from demo.uploads.planning import plan_uploads
from demo.uploads.spoiling import genuine
from forensics.header import read_facts
from forensics.jpeg.quality import scaled_tables
from forensics.jpeg.tables import tables_digest

WIDTH_PX, HEIGHT_PX = 192, 144
BOREA, DELMAR = (
    replace(next(model for model in MODELS if model.key == key), width_px=WIDTH_PX, height_px=HEIGHT_PX)
    for key in ("borea-n5", "delmar-d40")
)
CAMERA = Camera(
    key="borea-n5", name="Borea N5", make=("Borea",), model=("N5",), sizes=(f"{WIDTH_PX}x{HEIGHT_PX}",),
    software=("N5XXU*",), tables=(tables_digest(BOREA.tables),),
)  # fmt: skip
CERTAIN_ALONE = {
    "saved at 70": "tables of the IJG below factor 95",
    "saved at 98, optimised": "JFIF before EXIF, optimised, tables of the IJG",
    "saved at 98, progressive": "progressive",
    "saved at 98, EXIF dropped": NO_CAMERA,
    "turned by 90, old EXIF": "turned against its EXIF sizes",
    "cropped off the grid, saved": "EXIF states another size",
    "resized to 80 %": "no native size",
    "messenger 1600 px, q 75, stripped": NO_CAMERA,
    "jpegtran: metadata dropped": NO_CAMERA,
    "ExifTool: Software is an editor": "editor's mark",
    "ExifTool: Software is a word": "Software is no firmware",
    "ExifTool: date taken moved": "changed later",
}
CERTAIN_BESIDE = {
    "saved at 95": "order of segments",
    "saved with own tables": "order of segments",
    "3 % crop scaled back, own tables": "order of segments",
    "ImageMagick: converted": "order of segments",
    "jpegtran: optimised": "Huffman tables",
}
NOTHING_TO_CHANGE = ("jpegtran: rewritten", "ExifTool: position stripped")
"""A simulated photograph has no position, and libjpeg wrote it."""
UNTOLD = ("brightened, own header", "ExifTool: position stripped", "ExifTool: all dates set")


def file_of(model: object) -> bytes:
    plan = next(plan for plan in plan_uploads(2, 1, (model,)) if plan.spoiling.kind == "genuine")  # type: ignore[arg-type]
    return genuine(capture(plan, 1))


@pytest.fixture(scope="module")
def subject() -> Subject:
    return Subject(file_of(BOREA), file_of(replace(DELMAR, tables=scaled_tables(97))))


def applied(name: str, subject: Subject) -> bytes:
    manipulation = next(one for one in MANIPULATIONS if one.name == name)
    if manipulation.program is not None and program(manipulation.program) is None:
        pytest.skip(f"no {manipulation.program} on this machine")
    return manipulation.apply(subject)


def test_names_are_unique_in_files_too() -> None:
    assert len({re.sub(r"[^a-z0-9]+", "-", one.name.casefold()) for one in MANIPULATIONS}) == len(MANIPULATIONS)


@pytest.mark.parametrize("one", MANIPULATIONS, ids=lambda one: one.name)
def test_every_manipulation_gives_another_jpeg(one: Manipulation, subject: Subject) -> None:
    try:
        data = applied(one.name, subject)
    except NotApplicableError as error:
        pytest.fail(f"{one.name}: {error}")
    assert (data != subject.data) == (one.name not in NOTHING_TO_CHANGE)
    assert read_facts(data, whole=True).is_complete


def test_the_same_photograph_gives_the_same_bytes(subject: Subject) -> None:
    for name in ("saved at 95", "turned by 90, old EXIF", "brightened, own header"):
        assert applied(name, subject) == applied(name, subject)


def test_a_genuine_photograph_shows_nothing(subject: Subject) -> None:
    assert marks(subject.facts, CAMERA) == ()
    assert traces(subject.facts, [subject.facts]) == variations(subject.facts, [subject.facts]) == ()


@pytest.mark.parametrize(("name", "mark"), CERTAIN_ALONE.items())
def test_marks_need_no_other_photograph(name: str, mark: str, subject: Subject) -> None:
    facts = read_facts(applied(name, subject), whole=True)
    assert mark in marks(facts, CAMERA if CAMERA.takes(facts.make, facts.model) else None)


@pytest.mark.parametrize(("name", "trace"), CERTAIN_BESIDE.items())
def test_traces_show_beside_the_cameras_own_photographs(name: str, trace: str, subject: Subject) -> None:
    facts = read_facts(applied(name, subject), whole=True)
    assert trace in traces(facts, [subject.facts])


@pytest.mark.parametrize("name", UNTOLD)
def test_what_leaves_every_header_fact_as_it_was_cannot_be_told(name: str, subject: Subject) -> None:
    facts = read_facts(applied(name, subject), whole=True)
    assert marks(facts, CAMERA) == traces(facts, [subject.facts]) == variations(facts, [subject.facts]) == ()


@pytest.mark.parametrize("name", ["ExifTool: thumbnail stripped", "ExifTool: Software removed"])
def test_what_is_left_out_is_no_certain_trace(name: str, subject: Subject) -> None:
    facts = read_facts(applied(name, subject), whole=True)
    assert traces(facts, [subject.facts]) == ()
    assert len(variations(facts, [subject.facts])) == 1


def test_segments_that_are_added_at_need_or_divided_otherwise_keep_their_normal_order() -> None:
    plain = ("APP1:Exif", "DQT", "SOF0", "DHT", "SOS")
    assert normal_order(("APP1:Exif", "APP1:XMP", "DQT", "DQT", "DRI", "SOF0", "DHT", "DHT", "SOS")) == plain
    assert normal_order(("APP0:JFIF", *plain)) != plain


def test_a_program_that_is_missing_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    program.cache_clear()
    try:
        assert program("exiftool") is None
    finally:
        program.cache_clear()
