"""The door: the first bytes of an original in, "come in", "no, because" or "show me more" out. Pure.

The rules are those that judge the photo later, asked of what its header says: what they refuse here is not
downloaded any further.
"""

import dataclasses
from dataclasses import dataclass

from corpus.catalogue import Catalogue
from corpus.sections import Rules
from curation.rules import judge_facts
from forensics.errors import HeaderIncomplete, JpegError
from forensics.header import read_facts
from forensics.jpeg.scans import find_end_of_image, scan_digest
from forensics.photo_facts import PhotoFacts

JPEG_START = b"\xff\xd8"


@dataclass(frozen=True)
class Accepted:
    """No rule objects to what is known so far."""

    facts: PhotoFacts


@dataclass(frozen=True)
class Refused:
    """Why a photo may not come in, all reasons in the order of the funnel; `error` where its bytes are unreadable."""

    reasons: tuple[str, ...]
    facts: PhotoFacts | None = None
    error: str | None = None


@dataclass(frozen=True)
class MoreNeeded:
    """The header goes on: how many bytes from the file's start are needed to tell, at the least."""

    needed_bytes: int


Verdict = Accepted | Refused | MoreNeeded


@dataclass(frozen=True)
class Door:
    """Knows the cameras and the rules; `decide` asks them all."""

    catalogue: Catalogue
    chosen: Catalogue
    rules: Rules
    original_max_bytes: int

    def decide(self, data: bytes, *, whole: bool, labelled_camera: str | None = None) -> Verdict:
        """Judge an original by its first bytes, or by all of them where `whole`.

        `labelled_camera`: the catalogue's key where not EXIF but its collection is the label. Raises
        ConfigurationError where the catalogue gives its EXIF to two cameras.
        """
        try:
            facts = read_facts(data, whole=whole)
        except HeaderIncomplete as incomplete:
            return MoreNeeded(max(incomplete.needed_bytes, len(data) + 1))
        except JpegError as error:
            return Refused(("unreadable" if data.startswith(JPEG_START) else "not_jpeg",), error=str(error))
        return self.judge(facts, labelled_camera) or Accepted(facts)

    def decide_end(self, accepted: Accepted, data: bytes) -> Accepted | Refused:
        """Judge a whole file whose header was let in, as `decide` would, without reading the header once more."""
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
        """Judge what is known of an original; raises ConfigurationError as `decide` does."""
        _, reasons = judge_facts(facts, self.catalogue, self.chosen, self.rules, labelled_camera)
        return Refused(reasons, facts) if reasons else None

    def too_large(self, size_bytes: int | None) -> Refused | None:
        """Refuse a file larger than `crawl.original_max_bytes`, of a size that is known."""
        if size_bytes is None or size_bytes <= self.original_max_bytes:
            return None
        return Refused(("too_large",), error=f"{size_bytes} bytes are more than {self.original_max_bytes}")
