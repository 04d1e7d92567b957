"""Text: makes the strings in a stranger's file safe for a table and a terminal.

They are cut, control characters are removed, and empty ones become None.
"""

import re
from collections.abc import Iterable

LENGTH_MAX = 256
"""Most characters kept of a string; camera names, software and dates need fewer than 64."""

_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]+")
_LINE_BREAKS = re.compile("[\t\n\v\f\r\u2028\u2029]+")


def clean(text: str) -> str | None:
    """Return `text` as one line of at most 256 characters without control characters, None if nothing is left."""
    one_line = _LINE_BREAKS.sub(" ", _CONTROLS.sub("", text[: 4 * LENGTH_MAX]))
    return one_line.strip()[:LENGTH_MAX].rstrip() or None


def clean_bytes(data: bytes) -> str | None:
    """Return bytes as clean text, decoded as UTF-8, or else as Latin-1, which never fails."""
    head = data[: 4 * LENGTH_MAX].rstrip(b"\0")
    try:
        return clean(head.decode("utf-8"))
    except UnicodeDecodeError:
        return clean(head.decode("latin-1"))


def distinct(texts: Iterable[str | None], limit: int) -> tuple[str, ...]:
    """Return the first `limit` distinct texts in order, without None."""
    return tuple(list(dict.fromkeys(text for text in texts if text is not None))[:limit])
