"""Behaviour: settings of the photo site, from quirks of the real sites to deliberate trouble.

The settings are plain data that never changes; `Countdown` counts the trouble that is still due.
"""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Behaviour:
    """Settings of a `PhotoSite`; the defaults make a site without trouble."""

    delay_s: float = 0.0
    """Pause before every answer."""
    bytes_per_s: float | None = None
    """Pace at which each connection sends a file; None does not limit it."""
    honour_range: bool = True
    """Whether files are served in parts; otherwise every answer is the whole file with status 200."""
    retry_after_s: int = 1
    """Retry-After of maxlag and of answers with status 429 or 503."""
    fail_first: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Part of a path with its query → (status, times): the first so many requests for such paths are refused."""
    refuse_every: int | None = None
    """Every n-th of all requests is refused with status 429 and Retry-After; None refuses none this way."""
    cut_after_bytes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Part of a path → (bytes, times): so many bodies end after that many bytes, and the connection with them."""
    download_forbidden: Collection[str] = ()
    """Flickr ids whose owners forbid downloads."""
    hidden: Collection[str] = ()
    """Flickr ids that a search counts but leaves out of the page they would be on."""
    missing_files: Collection[str] = ()
    """Wikimedia ids whose page exists but whose file does not."""
    numbers_as_text: bool = False
    """Whether Flickr writes totals, sizes and error codes as text; the real one has done both."""
    results_max: int = 4000
    """The most distinct results that a query of flickr.photos.search returns, by its documentation."""
    unavailable_answers: int = 0
    """Flickr calls answered with error 105 before the first good answer."""
    maxlag_answers: int = 0
    """MediaWiki requests with `maxlag` that are told to wait before the first good answer."""
    imageinfo_per_answer: int = 20
    """Files described in one answer. MediaWiki stops at a size in bytes; this number is small so that the demo's
    categories need a continuation as the large ones of Wikimedia Commons do."""
    search_results_max: int = 10_000
    """The most results that a search of Wikimedia Commons returns, however many there are."""


class Countdown:
    """Counts how often each kind of trouble is still due; safe to use from many threads."""

    def __init__(self, times: Mapping[str, int]) -> None:
        self._left = dict(times)
        self._lock = threading.Lock()

    def take(self, text: str) -> str | None:
        """Count down and return the first key that is part of `text` and still due; None where there is none."""
        with self._lock:
            for key, left in self._left.items():
                if left > 0 and key in text:
                    self._left[key] = left - 1
                    return key
        return None
