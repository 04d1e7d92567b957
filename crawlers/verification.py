"""Verification: what a site says of a file and the bytes it served in, the difference out."""

import hashlib

from crawlers.rows import Found


def differs(found: Found, data: bytes) -> str | None:
    """Return how bytes differ from what the site states (size, SHA-1), None where they agree or it states nothing."""
    if found.size_bytes is not None and found.size_bytes != len(data):
        return f"the site states {found.size_bytes} bytes and served {len(data)}"
    digest = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    if found.site_sha1 is not None and found.site_sha1 != digest:
        return f"the site states SHA-1 {found.site_sha1} and served {digest}"
    return None
