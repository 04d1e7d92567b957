"""The door: the first bytes of an original in, "come in", "no, because" or "show me more" out. Pure.

The rules are those that judge the photo later, asked of what its header says: what they refuse here is not
downloaded any further. `Transfer` holds the same against a server that sends the whole file whatever was asked for.
"""

from dataclasses import dataclass, field

from corpus.catalogue import Catalogue
from corpus.sections import Rules
from curation.rules import judge_facts
from forensics.errors import HeaderIncomplete, JpegError
from forensics.header import read_facts
from forensics.photo_facts import PhotoFacts

JPEG_START = b"\xff\xd8"


@dataclass(frozen=True)
class Accepted:
    """No rule objects to what is known so far."""


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

    def decide(self, data: bytes, *, whole: bool) -> Verdict:
        """Judge an original by its first bytes, or by all of them where `whole`."""
        try:
            facts = read_facts(data, whole=whole)
        except HeaderIncomplete as incomplete:
            return MoreNeeded(max(incomplete.needed_bytes, len(data) + 1))
        except JpegError as error:
            return Refused(("unreadable",), error=str(error))
        _, reasons = judge_facts(facts, self.catalogue, self.chosen, self.rules)
        return Refused(reasons, facts) if reasons else Accepted()

    def too_large(self, size_bytes: int | None) -> Refused | None:
        """Refuse a file larger than `crawl.original_max_bytes`, of a size that is known."""
        if size_bytes is None or size_bytes <= self.original_max_bytes:
            return None
        return Refused(("too_large",), error=f"{size_bytes} bytes are more than {self.original_max_bytes}")


@dataclass
class Transfer:
    """An answer that arrives piece by piece; says when enough of it has come to refuse the photo."""

    door: Door
    received: bytearray = field(default_factory=bytearray)
    verdict: Verdict | None = None
    is_range: bool = False

    def begin(self, *, is_range: bool, size_bytes: int | None) -> bool:
        """Note an answer's header, forgetting an earlier attempt's bytes; True: stop it here.

        An answer that is the range asked for is left alone: it is as long as it should be.
        """
        self.received.clear()
        self.is_range = is_range
        self.verdict = None if is_range else self.door.too_large(size_bytes)
        return self.verdict is not None

    def receive(self, data: bytes) -> bool:
        """Take in the next bytes; True: stop here, the photo is refused."""
        if self.is_range:
            return False
        self.received += data
        if refused := self.door.too_large(len(self.received)):
            self.verdict = refused
        elif not self.received.startswith(JPEG_START):
            return False  # an error page, or no JPEG: short, or judged when it is there
        elif self.verdict is None or self._has_what_was_needed():
            self.verdict = self.door.decide(bytes(self.received), whole=False)
        return isinstance(self.verdict, Refused)

    def _has_what_was_needed(self) -> bool:
        return isinstance(self.verdict, MoreNeeded) and len(self.received) >= self.verdict.needed_bytes
