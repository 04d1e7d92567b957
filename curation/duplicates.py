"""Duplicates: photos no rule refuses in, those whose bytes are already kept under another name out.

Looked for across sources, owners and cameras: the same file is found in many albums. The same bytes carry the
same EXIF, so copies agree on their camera; they may disagree on their owner and so on their split.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple


class Candidate(NamedTuple):
    """A photo that no rule refuses."""

    photo: str
    version: str
    sha256: str
    uploaded_at: str | None


def duplicates(candidates: Iterable[Candidate], kept_before: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the (photo, version) of all candidates but one of each set of equal bytes.

    The one that stays is the one an earlier generation kept, `kept_before`, so that bytes once trained on do not
    turn up under another owner on the other side of the split; else the first uploaded (unknown times last),
    else the smallest key.
    """
    before = set(kept_before)
    by_bytes: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        by_bytes[candidate.sha256].append(candidate)
    found: set[tuple[str, str]] = set()
    for copies in by_bytes.values():
        copies.sort(
            key=lambda one: (
                (one.photo, one.version) not in before,
                one.uploaded_at is None,
                one.uploaded_at or "",
                one.photo,
                one.version,
            )
        )
        found.update((one.photo, one.version) for one in copies[1:])
    return found
