"""Examination: asks every finding about one file, and adds what each is worth.

The list below is all that is asked, in the order of the report. A finding is a function of (photograph, knowledge) that
yields findings; it raises ValueError where the file does not let it say anything, which becomes a finding as well.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2

from examiner.calibration.gathered import of_kind
from examiner.calibration.measured import completed, default_calibration, with_strength
from examiner.detectors.prnu.fingerprint import Fingerprint
from examiner.finding import Finding, Group
from examiner.findings.camera import camera_from_pixels
from examiner.findings.claim import camera_form, claimed_camera, dates, listed_form, software_signs
from examiner.findings.copy_move import copied_region
from examiner.findings.credentials import content_credentials
from examiner.findings.device import device_pattern
from examiner.findings.documents import document_regions
from examiner.findings.examined import what_is_examined
from examiner.findings.file import file_identity, file_metadata, file_pictures, file_structure
from examiner.findings.history import double_compression, earlier_jpeg, foreign_grid, resampling, shifted_grid
from examiner.findings.scans import reproduced, scanner_header, scanner_or_camera
from examiner.findings.splices import splices
from examiner.findings.thumbnail import thumbnail_differences
from examiner.knowledge import Corpus, Knowledge, TrainedRun, built_in
from examiner.photograph.opened import Photograph
from examiner.report.content import Report, report_of

Asked = Callable[[Photograph, Knowledge], Iterator[Finding]]

FINDINGS: tuple[tuple[Group, Asked], ...] = (
    # what the file is
    ("file", file_identity),
    ("file", what_is_examined),
    ("file", file_structure),
    ("file", file_pictures),
    ("file", file_metadata),
    # what it says of itself
    ("claim", claimed_camera),
    ("claim", camera_form),
    ("claim", listed_form),
    ("claim", software_signs),
    ("claim", dates),
    ("claim", content_credentials),
    # what was done to it
    ("history", shifted_grid),
    ("history", foreign_grid),
    ("history", earlier_jpeg),
    ("history", double_compression),
    ("history", thumbnail_differences),
    ("history", resampling),
    # which camera took it
    ("camera", camera_from_pixels),
    # whether it is one picture
    ("splices", splices),
    ("splices", copied_region),
    # which device took it
    ("device", device_pattern),
    # whether it was scanned
    ("scan", scanner_header),
    ("scan", scanner_or_camera),
    ("scan", reproduced),
    ("scan", document_regions),
)
"""What is asked about a file, and the question that each helps to answer."""
PAGES, OF_PAGES = "documents", ("document_copies", "document_regions")
"""The kind of genuine pictures that pages of text are compared with, and the findings that only pages have scores of.

A page that was scanned is nothing unusual among pages, nor are parts that look alike: letters do.
"""
_AT_ONCE_MAX_PX = 30_000_000
"""Pixels of a picture up to which two findings are asked at once; of larger ones each takes much memory."""


def examine(
    data: bytes,
    *,
    corpus: Corpus | None = None,
    run: TrainedRun | None = None,
    name: str = "",
    private: bool = False,
    trust: str | None = None,
    devices: Sequence[Fingerprint] = (),
) -> Report:
    """Return all that the bytes of one file show.

    Works with nothing but the file, and says more with a generation (`read_corpus`), a network (`read_run`) and
    fingerprints of devices (`prnu.reading.read_fingerprint`).
    What is no picture gives a report with the reason as its `error`. `name` is shown and decides nothing; places,
    serial numbers and names of people are shown only where `private`. `trust`: certificates in PEM, by which content
    credentials are trusted.
    """
    native = built_in() if corpus is None else corpus.catalogue
    knowledge = Knowledge(corpus, run, native, private, trust, devices)
    measured = default_calibration()
    if run is not None and run.calibration is not None:
        measured = completed(run.calibration, measured)
    try:
        photograph = Photograph(data, name)
        photograph.size_px  # noqa: B018 - whose header is broken is no photograph
    except ValueError as error:
        return Report(name, len(data), error=str(error))
    except MemoryError:
        return Report(name, len(data), error="needs more memory than there is")
    said = list(_all_said(photograph, knowledge))
    if any(each.name in OF_PAGES and each.score is not None for each in said):
        measured = of_kind(measured, PAGES)
    found = [with_strength(each, measured, lossless=photograph.lossless) for each in said]
    return report_of(photograph, found, knowledge, measured)


def _all_said(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Yield what all findings say, in the order of the report."""
    width_px, height_px = photograph.size_px
    # the compiled kernels, OpenCV and torch release the interpreter's lock; the longest begins first
    with ThreadPoolExecutor(2 if width_px * height_px <= _AT_ONCE_MAX_PX else 1) as threads:
        longest_first = sorted(FINDINGS, key=lambda each: each[1] is not copied_region)
        said = {each: threads.submit(_said, each, photograph, knowledge) for each in longest_first}
        for each in FINDINGS:
            yield from said[each].result()


def _said(finding: tuple[Group, Asked], photograph: Photograph, knowledge: Knowledge) -> list[Finding]:
    group, asked = finding
    try:
        return list(asked(photograph, knowledge))
    except ValueError as error:
        return [_unanswered(asked, group, f"the file {error}")]
    except (MemoryError, cv2.error) as error:
        if isinstance(error, cv2.error) and error.code != cv2.Error.StsNoMem:
            raise
        return [_unanswered(asked, group, "it needs more memory than there is")]


def _unanswered(asked: Asked, group: Group, why: str) -> Finding:
    what = asked.__name__.replace("_", " ")
    return Finding(asked.__name__, group, f"Nothing can be said of {what}: {why}.", "none")
