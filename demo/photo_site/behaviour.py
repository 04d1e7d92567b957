"""Behaviour: how the site is set up to answer, from quirks of the real ones to trouble on purpose.

All values are plain data, given once; `Countdown` is what remains of the trouble that ends by itself.
"""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

FLICKR_RESULTS_MAX = 4000
"""Distinct results a query of flickr.photos.search gives at most, by its documentation."""
SEARCH_RESULTS_MAX = 10_000
"""Results a search of Wikimedia Commons gives at most, however many there are."""
IMAGEINFO_PER_ANSWER = 20
"""Files described in one answer. MediaWiki stops at a size in bytes; this is small so that a demo's categories
need a continuation as the large ones of Wikimedia Commons do."""


@dataclass(frozen=True)
class Behaviour:
    """Settings of a `PhotoSite`; the defaults make a site that is well."""

    delay_s: float = 0.0
    """Pause before every answer."""
    bytes_per_s: float | None = None
    """Pace at which each connection sends a file; None sends as fast as it goes."""
    honour_range: bool = True
    """Whether files may be had in parts; otherwise every answer is the whole file with status 200."""
    retry_after_s: int = 1
    """Retry-After of answers with status 429 and 503 and of maxlag."""
    fail_first: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Part of a path with its query → (status, times): so many requests for such paths are refused first."""
    refuse_every: int | None = None
    """Every n-th request of all is refused with status 429 and Retry-After; None refuses none so."""
    cut_after_bytes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Part of a path → (bytes, times): so many bodies end there, and with them the connection."""
    download_forbidden: Collection[str] = ()
    """Flickr ids whose owners forbid downloads."""
    hidden: Collection[str] = ()
    """Flickr ids that a search counts, and leaves out of the page they would be on."""
    missing_files: Collection[str] = ()
    """Wikimedia ids whose page is there and whose file is not."""
    numbers_as_text: bool = False
    """Whether Flickr writes totals, sizes and error codes as text; it has done both."""
    results_max: int = FLICKR_RESULTS_MAX
    unavailable_answers: int = 0
    """Flickr calls answered with error 105 before the first good one."""
    maxlag_answers: int = 0
    """MediaWiki requests with `maxlag` that are told to wait before the first good one."""
    imageinfo_per_answer: int = IMAGEINFO_PER_ANSWER
    search_results_max: int = SEARCH_RESULTS_MAX


class Countdown:
    """Trouble that ends: how often each kind is still due, safe to ask from many threads."""

    def __init__(self, times: Mapping[str, int]) -> None:
        self._left = dict(times)
        self._lock = threading.Lock()

    def take(self, text: str) -> str | None:
        """Return the first key that is part of `text` and still due, and count it down; None for none."""
        with self._lock:
            for key, left in self._left.items():
                if left > 0 and key in text:
                    self._left[key] = left - 1
                    return key
        return None


class Turns:
    """Requests counted from 1, safe to ask from many threads; says whose turn it is to be refused."""

    def __init__(self, every: int | None) -> None:
        self._every, self._count = every, 0
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Count a request; True for every `every`-th."""
        with self._lock:
            self._count += 1
            return self._every is not None and self._count % self._every == 0
