"""Headers: what every answer says to the browser: run our scripts only, tell nobody, be framed by nobody."""

from collections.abc import Iterable

Headers = list[tuple[bytes, bytes]]

_OF_OPENSEADRAGON = "sha256-9xTiqzfwFaL2SGb1rmr8gysEwVVjIvqWAgmZgqFqpEE="
"""The one style that OpenSeadragon puts into the page: no outline of the focus for fingers. Our own style gives one."""
_PAGE = (
    f"default-src 'none'; script-src 'self'; style-src 'self' '{_OF_OPENSEADRAGON}'; "
    "img-src 'self' blob: data:; connect-src 'self'; frame-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
STORED_PAGE = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups"
)
"""Of reports that are files of their own: their style stands inside them. `sandbox` makes them a site of their own that
runs no script, so nothing in them reaches the rest."""

_ALWAYS = {
    "content-security-policy": _PAGE,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cache-control": "no-store",
}


def with_ours(given: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return an answer's headers with ours, of which it may set any one itself."""
    answer = [(name.lower(), value) for name, value in given if name.lower() != b"server"]
    present = {name for name, _ in answer}
    return answer + [(name.encode(), value.encode()) for name, value in _ALWAYS.items() if name.encode() not in present]
