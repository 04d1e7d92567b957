"""Parse the name that a person gives a photo: its key, or the address of its page. Pure.

Pages are compared in a plain form (`plain_page`), since one page has many addresses that differ in scheme, letter case
of the host, escapes and a slash at the end. Refuses (ConfigurationError) what is neither key nor page.
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from corpus.errors import ConfigurationError
from corpus.text import as_utf8, escaped

_SITE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FLICKR_HOST = re.compile(r"((www|m|secure)\.)?flickr\.com")
_FLICKR_PATH = re.compile(r"/photos/[^/]+/(\d+)(/.*)?")


@dataclass(frozen=True)
class PhotoName:
    """The name of one photo: its key, or else the plain form of its page."""

    text: str  # as it was given
    key: str | None = None
    page: str | None = None


def parse_name(text: str, wiki_host: str) -> PhotoName:
    """Return the photo that a key (`wikimedia:…`: of `wiki_host`) or an address names; raises ConfigurationError."""
    # a file's name may be any bytes; records write those that are no UTF-8 as \xNN, so this does too
    text = as_utf8(text)
    if re.match(r"https?://", text.strip(), re.IGNORECASE):
        return _of_page(text.strip(), wiki_host)
    source, _, site_id = text.lstrip().partition(":")
    if source in ("flickr", "wikimedia") and _SITE_ID.fullmatch(site_id.strip()):
        return PhotoName(text, f"{source}:{site_id.strip()}")
    if source == "folder" and site_id and not site_id.startswith("/"):
        return PhotoName(text, f"folder:{site_id}")
    raise ConfigurationError(
        f"{escaped(text)}: is not a photo; name it by its key (flickr:4711, wikimedia:123, or folder:a/b.jpg with the "
        "path below sources.folder.path) or by the address of its page (https://…)"
    )


def plain_page(url: str) -> str:
    """Return what pages are compared by: host, path and query, unescaped, blanks as `_`; "" for what is no address."""
    try:
        parts = urlsplit(url)
        host = re.sub(r"(^|\.)m\.", r"\1", (parts.hostname or "").lower())
    except ValueError:
        return ""
    path = unquote(parts.path).replace(" ", "_").rstrip("/")
    return host + path + (f"?{unquote(parts.query)}" if parts.query else "")


def _of_page(url: str, wiki_host: str) -> PhotoName:
    page = plain_page(url)
    if not page:
        raise ConfigurationError(f"{escaped(url)}: is not an address of a page")
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _FLICKR_HOST.fullmatch(host) and (match := _FLICKR_PATH.fullmatch(parts.path)):
        return PhotoName(url, f"flickr:{match[1]}")
    page_id = parse_qs(parts.query).get("curid", [""])[0]
    if host == wiki_host and page_id.isascii() and page_id.isdigit():
        return PhotoName(url, f"wikimedia:{page_id}")
    return PhotoName(url, page=page)
