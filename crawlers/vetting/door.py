"""The door vets a photo from its header bytes before the rest is downloaded: first bytes → accepted, refused or more.

The rules are those that judge the photo later (`curation.rules`); what they refuse here is not downloaded any further.
Pure: it reads and writes nothing.
"""

import dataclasses
from dataclasses import dataclass

from corpus.cameras.catalogue import Catalogue
from corpus.sections import Rules
from curation.rules import judge_facts
from forensics.errors import HeaderIncomplete, JpegError
from forensics.header import read_facts
from forensics.jpeg.scans import find_end_of_image, scan_digest
from forensics.photo_facts import PhotoFacts

JPEG_START = b"\xff\xd8"


@dataclass(frozen=True)
class Accepted:
    """No rule refuses what is known so far."""

    facts: PhotoFacts


@dataclass(frozen=True)
class Refused:
    """A photo that rules refuse: all reasons in the order of the funnel; `error` where its bytes are unreadable."""

    reasons: tuple[str, ...]
    facts: PhotoFacts | None = None
    error: str | None = None


@dataclass(frozen=True)
class MoreNeeded:
    """The header is not whole: at least `needed_bytes`, counted from the file's start, are needed to judge it."""

    needed_bytes: int


Verdict = Accepted | Refused | MoreNeeded


@dataclass(frozen=True)
class Door:
    """Judges photos by all rules; `catalogue`: all cameras known, `chosen`: those that enter the data set."""

    catalogue: Catalogue
    chosen: Catalogue
    rules: Rules
    original_max_bytes: int

    def decide(self, data: bytes, *, whole: bool, labelled_camera: str | None = None) -> Verdict:
        """Judge an original by its first bytes, or by all of them where `whole`.

        `labelled_camera`: the camera's key where the collection says it, instead of EXIF. Raises ConfigurationError
        where two cameras of the catalogue have the photo's EXIF.
        """
        try:
            facts = read_facts(data, whole=whole)
        except HeaderIncomplete as incomplete:
            return MoreNeeded(max(incomplete.needed_bytes, len(data) + 1))
        except JpegError as error:
            return Refused(("unreadable" if data.startswith(JPEG_START) else "not_jpeg",), error=str(error))
        return self.judge(facts, labelled_camera) or Accepted(facts)

    def decide_end(self, accepted: Accepted, data: bytes) -> Accepted | Refused:
        """Judge a whole file whose header was accepted, as `decide` would, without reading the header again."""
        begin = accepted.facts.scan_offset_bytes
        end = find_end_of_image(data, begin)
        facts = dataclasses.replace(
            accepted.facts,
            is_complete=end is not None,
            trailing_bytes=len(data) - end if end is not None else 0,
            scan_digest=scan_digest(data, begin, end),
        )
        return self.judge(facts) or Accepted(facts)

    def judge(self, facts: PhotoFacts, labelled_camera: str | None = None) -> Refused | None:
        """Judge an original by its facts; raises ConfigurationError as `decide` does."""
        _, reasons = judge_facts(facts, self.catalogue, self.chosen, self.rules, labelled_camera)
        return Refused(reasons, facts) if reasons else None

    def too_large(self, size_bytes: int | None) -> Refused | None:
        """Refuse a file that is known to be larger than `crawl.original_max_bytes`."""
        if size_bytes is None or size_bytes <= self.original_max_bytes:
            return None
        return Refused(("too_large",), error=f"{size_bytes} bytes are more than {self.original_max_bytes}")
