"""The claim: which camera is named and whether its files look so, in numbers; dates; signs of software."""

import io
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from corpus.cameras.catalogue import BUILT_IN, Catalogue, read_catalogue
from corpus.sections import Consensus
from curation.consensus import Count, claims, enriched, learn
from examiner.detectors.claim.dates import compared, duration
from examiner.finding import Finding, Table
from examiner.findings.claim import camera_form, claimed_camera, dates, listed_form, software_signs
from examiner.knowledge import Corpus, Knowledge
from examiner.photograph.opened import Photograph
from examiner.trials.claims import changed_later, exif_segments, saved_by_a_program, with_exif
from forensics.header import read_facts
from forensics.metadata.exif.moments import Moments

LIMITS = Consensus(photos_min=5, owners_min=3, owner_share_min=0.02)
NOBODY = np.random.default_rng(0)


def jpeg(seed: int, *, make: str, model: str, software: str, size: tuple[int, int], **save: object) -> bytes:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0131], exif[0x0132] = make, model, software, "2024:05:01 10:00:00"
    details = exif.get_ifd(0x8769)
    details[0x9003] = details[0x9004] = "2024:05:01 10:00:00"
    details[0xA431] = "SN-12345678"
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    saved = io.BytesIO()
    Image.fromarray(pixels).save(saved, "JPEG", **save)
    return with_exif(saved.getvalue(), _segment(exif))


def _segment(exif: Image.Exif) -> bytes:
    payload = b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")
    return b"\xff\xe1" + (len(payload) + 2).to_bytes(2) + payload


def alder(seed: int) -> bytes:
    names = {"make": "Alder", "model": "Alder C9", "software": f"Ver.1.0{seed % 3}"}
    return jpeg(seed, size=(96, 64), quality=96, subsampling="4:2:2", **names)


def borea(seed: int) -> bytes:
    names = {"make": "Borea", "model": "N9", "software": "N9XXU1"}
    return jpeg(seed, size=(128, 96), quality=88, subsampling="4:2:0", optimize=True, **names)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue(BUILT_IN).opened()


@pytest.fixture(scope="module")
def corpus(catalogue: Catalogue) -> Corpus:
    """What 40 photographs of one camera by 8 owners show, and 30 of another by 6."""
    owners: dict[tuple[str, str, str, str], list[int]] = defaultdict(list)
    for make_file, number, of in ((alder, 40, 8), (borea, 30, 6)):
        for seed in range(number):
            facts = read_facts(make_file(seed), whole=True)
            camera = catalogue.identify(facts.make, facts.model)
            assert camera is not None
            for claim in claims(facts, camera):
                owners[tuple(claim)].append(seed % of)  # type: ignore[index]
    counts = [Count(*claim, len(by), len(set(by)), frozenset(by)) for claim, by in owners.items()]
    rows = learn(counts, catalogue, LIMITS)
    return Corpus("0001-test", rows, enriched(catalogue, rows))


@pytest.fixture(scope="module")
def known(corpus: Corpus) -> Knowledge:
    return Knowledge(corpus, None, corpus.catalogue)


def of(data: bytes, asked: Callable[..., object], knowledge: Knowledge | None = None) -> Finding:
    (only,) = asked(Photograph(data), knowledge or Knowledge())  # type: ignore[misc]
    return only


def rows(finding: Finding) -> dict[str, tuple[str, ...]]:
    return {row[0]: row for table in finding.evidence if isinstance(table, Table) for row in table.rows}


def test_a_genuine_file_is_as_its_cameras_photographs_are(known: Knowledge) -> None:
    finding = of(alder(3), camera_form, known)
    assert finding.statement.startswith("All 7 aspects of the file are seen in 40 photographs of Alder C9 by 8 owners")
    assert (finding.score or 0) < 0.2
    assert rows(finding)["quantisation tables"][2] == "40 photographs by 8 owners"


def test_a_forged_claim_is_called_out_with_numbers(known: Knowledge) -> None:
    forged = with_exif(borea(77), exif_segments(alder(1)))
    finding = of(forged, camera_form, known)
    assert "the file differs from all 40 photographs of Alder C9 by 8 owners" in finding.statement
    assert "quality 88" in finding.statement
    assert "as files by Borea N9 (30) have" in finding.statement
    table = rows(finding)
    assert table["quantisation tables"][2] == "never"
    assert table["size"][1:4] == ("128x96", "never", "96x64 (40 photographs by 8 owners)")
    assert table["Huffman tables"][2] == "never"
    assert table["firmware"][2] == "40 photographs by 8 owners"
    assert (finding.score or 0) > 5


@pytest.mark.parametrize(
    ("save", "aspect"),
    [
        ({"quality": 90}, "quantisation tables"),
        ({"subsampling": "4:2:0"}, "chroma subsampling"),
        ({"optimize": True}, "Huffman tables"),
        ({"size": (64, 64)}, "size"),
    ],
)
def test_each_aspect_counts_by_itself(known: Knowledge, save: dict[str, object], aspect: str) -> None:
    usual = {"size": (96, 64), "quality": 96, "subsampling": "4:2:2"}
    data = jpeg(1, make="Alder", model="Alder C9", software="Ver.1.00", **(usual | save))  # type: ignore[arg-type]
    finding = of(data, camera_form, known)
    assert [name for name, row in rows(finding).items() if row[2] == "never"] == [aspect]
    assert "In 1 of 7 aspects" in finding.statement
    assert (finding.score or 0) == pytest.approx(np.log10(80), abs=0.1)


def test_owners_who_were_not_counted_are_not_said_to_be_none(corpus: Corpus, catalogue: Catalogue) -> None:
    fewer = [
        row | {"photos": row["photos"] - 1} if row["aspect"] == "software" else row  # some without a firmware
        for row in corpus.learned
    ]
    some = Corpus("0001-test", fewer, catalogue)
    data = jpeg(1, make="Alder", model="Alder C9", software="", size=(96, 64), quality=96, subsampling="4:2:2")
    assert rows(of(data, camera_form, Knowledge(some, None, corpus.catalogue)))["firmware"][2] == "1 photograph"


def test_a_camera_that_always_names_its_firmware_does_not_leave_it_out(known: Knowledge) -> None:
    data = jpeg(1, make="Alder", model="Alder C9", software="", size=(96, 64), quality=96, subsampling="4:2:2")
    assert rows(of(data, camera_form, known))["firmware"][1:3] == ("none", "never")


def test_a_value_that_only_the_file_itself_shows_is_as_unlikely_as_one_never_seen(known: Knowledge) -> None:
    seen_once = [
        {**row, "photos": 1, "owners": 1} if (row["camera"], row["aspect"]) == ("alder-c9", "tables") else row
        for row in known.corpus.learned  # type: ignore[union-attr]
    ]
    once = Knowledge(Corpus("x", seen_once, known.catalogue), None, known.catalogue)  # type: ignore[arg-type]
    assert (of(alder(1), camera_form, once).score or 0) > np.log10(70)


def test_a_camera_of_which_too_little_is_known_is_not_compared(known: Knowledge) -> None:
    data = jpeg(1, make="Corvid", model="Two", software="1", size=(96, 64), quality=90)
    finding = of(data, camera_form, known)
    assert (finding.level, finding.score) == ("none", None)
    assert "too few photographs of Corvid Two" in finding.statement


def test_without_a_generation_the_catalogues_native_values_are_compared(catalogue: Catalogue) -> None:
    data = jpeg(1, make="Apple", model="iPhone 5s", software="Photo Box 3", size=(96, 64), quality=90)
    finding = of(data, listed_form, Knowledge(None, None, catalogue))
    assert finding.score == 2.0
    assert "this file differs in its size and firmware" in finding.statement
    assert list(camera_form(Photograph(data), Knowledge(None, None, catalogue))) == []


def test_the_named_camera_is_said_and_its_serial_number_kept_private(known: Knowledge) -> None:
    finding = of(alder(1), claimed_camera, known)
    assert "names Alder Alder C9 as its camera" in finding.statement
    assert "SN-12345678" not in str(finding)
    shown = Knowledge(known.corpus, None, known.catalogue, private=True)
    assert "SN-12345678" in str(of(alder(1), claimed_camera, shown))
    assert of(with_exif(alder(1), b""), claimed_camera).statement == "The file names no camera."


def test_a_file_of_a_program_bears_the_reasons_of_curation() -> None:
    finding = of(saved_by_a_program(alder(1), b"", NOBODY), software_signs)
    assert "Segments, Huffman and quantisation tables together are those of a program" in finding.statement
    assert (finding.score or 0) >= 1


def test_an_editors_mark_is_a_sign_and_names_the_editor() -> None:
    data = jpeg(1, make="Alder", model="Alder C9", software="Adobe Photoshop CS5", size=(96, 64), quality=90)
    finding = of(data, software_signs)
    assert "It carries the mark of editing software (exif:Software: Adobe Photoshop CS5)" in finding.statement
    assert (finding.score or 0) >= 1


def test_hints_weigh_less_than_reasons() -> None:
    finding = of(alder(1), software_signs)
    assert "No clear sign of software" in finding.statement
    assert 0 < (finding.score or 0) < 1


def test_dates_that_agree_agree() -> None:
    finding = of(alder(1), dates)
    assert finding.statement == "Its dates agree (2 comparisons)."
    assert finding.score == 0


def test_a_later_change_is_said_with_its_length() -> None:
    finding = of(changed_later(alder(1), b"", NOBODY), dates)
    assert "by 3 h from what is plausible: changed 3 h after it was taken" in finding.statement
    assert finding.score == 3 * 3600


TAKEN = "2024:05:01 10:00:00"


@pytest.mark.parametrize(
    ("moments", "apart_s"),
    [
        (Moments(TAKEN, taken_offset="+02:00", gps_date="2024:05:01", gps_time="08:00:03"), 3),
        (Moments(TAKEN, taken_offset="+02:00", gps_date="2024:05:01", gps_time="10:00:00"), 7200),
        (Moments(TAKEN, gps_date="2024:05:01", gps_time="04:30:00"), 0),
        (Moments(TAKEN, gps_date="2024:05:01", gps_time="04:23:00"), 420),
        (Moments(TAKEN, gps_date="2024:05:03", gps_time="10:00:00"), 2 * 86_400 - 12 * 3600),
        (Moments(TAKEN, gps_date="2024:05:02"), 0),
        (Moments(TAKEN, modified="2024:05:01 12:00:00", taken_offset="+02:00", modified_offset="+04:00"), 0),
        (Moments(TAKEN, digitised="2024:05:01 09:59:58"), 2),
    ],
)
def test_dates_are_held_against_each_other(moments: Moments, apart_s: float) -> None:
    (only,) = compared(moments, {}, None)
    assert only.apart_s == apart_s


def test_a_profile_younger_than_the_photograph_and_a_later_day_in_xmp_are_contradictions() -> None:
    assert [each.apart_s > 0 for each in compared(Moments(TAKEN), {}, "2025:01:01 00:00:00")] == [True]
    assert [each.apart_s for each in compared(Moments(TAKEN), {}, "2017:07:07 13:22:32")] == [0]
    xmp = {"xmp:ModifyDate": "2024-05-01T11:30:00+02:00", "xmp:CreateDate": "2024-05-01"}
    assert [each.apart_s for each in compared(Moments(TAKEN), xmp, None)] == [0, 5400]


@pytest.mark.parametrize("text", ["", "0000:00:00 00:00:00", "    :  :     :  :  ", "yesterday", None])
def test_dates_that_are_none_are_compared_with_nothing(text: str | None) -> None:
    assert compared(Moments(text, text, text, gps_date=text, gps_time=text), {"xmp:CreateDate": text or ""}, text) == []


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (59, "59 s"), (3723, "1 h 2 min"), (90_000, "1 d 1 h")])
def test_lengths_of_time_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
