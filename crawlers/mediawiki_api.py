"""The MediaWiki API: its answers in, files as found and what its errors mean out. Pure.

Actions and fields as https://www.mediawiki.org/wiki/API:Main_page documents them, `formatversion=2`. Licence and
author come from extmetadata, which is HTML and which wikis other than Commons may lack. `commonmetadata` (the
wiki's own reading of EXIF) is not asked for: a photo is judged by its bytes, and answers stay small.
"""

from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from corpus.records import version_of
from crawlers.asking import Answer, Fault
from crawlers.politeness import LONGEST_RETRY_AFTER_S
from crawlers.rows import Found
from crawlers.windows import Slice, iso_time

MEMBERS_MAX = 500  # members a request, for clients without special rights
DESCRIBED_MAX = 50  # files a request with their properties
MAXLAG_S = 5  # what Wikimedia asks of bots that are not in a hurry
MAXLAG_PAUSE_S = 5.0
FILE_NAMESPACE = 6
SHORTEST_SLICE_S = 60  # one upload by a tool can add hundreds of files in a minute; then they are listed as they are

RETRY_CODES = frozenset({"maxlag", "ratelimited", "readonly", "internal_api_error_DBQueryError", "timeout"})
SKIP_CODES = frozenset({"invalidcategory", "invalidtitle"})

_COMMON = {"action": "query", "format": "json", "formatversion": "2", "maxlag": str(MAXLAG_S)}


def members_parameters(category: str, part: Slice) -> dict[str, str]:
    """Return the parameters that list a slice of a category, by the time its members were added to it."""
    return _COMMON | {
        "generator": "categorymembers",
        "gcmtitle": category,
        # MediaWiki ignores the type when it sorts by time; the answer is sifted by namespace
        "gcmtype": "file",
        "gcmsort": "timestamp",
        "gcmdir": "newer",
        "gcmstart": iso_time(part.start_s),
        "gcmend": iso_time(part.end_s - 1),  # both bounds are inclusive
        "gcmlimit": str(MEMBERS_MAX),
    }


def described_parameters(category: str, part: Slice) -> dict[str, str]:
    """Return the parameters that list a slice of a category with everything wanted of its files."""
    return members_parameters(category, part) | {
        "gcmlimit": str(DESCRIBED_MAX),
        "prop": "imageinfo",
        "iiprop": "url|size|sha1|mime|user|timestamp|extmetadata",
        "iiextmetadatafilter": "Artist|LicenseShortName|LicenseUrl",
        "iiextmetadatalanguage": "en",
    }


def subcategories_parameters(category: str) -> dict[str, str]:
    """Return the parameters that list a category's subcategories."""
    return _COMMON | {
        "list": "categorymembers",
        "cmtitle": category,
        "cmtype": "subcat",
        "cmprop": "title",
        "cmlimit": str(MEMBERS_MAX),
    }


def fault(answer: Answer, retry_after: str | None = None) -> Fault | None:
    """Return what an answer's error means, None for a good answer."""
    error = answer.get("error")
    if not isinstance(error, Mapping):
        return None
    code = str(error.get("code", "unknown"))
    said = f"error {code}: {error.get('info', 'no message')}"
    if code in RETRY_CODES:
        asked = retry_after or ""
        wait_s = min(float(asked), LONGEST_RETRY_AFTER_S) if asked.isdecimal() else None
        return Fault("retry", said, MAXLAG_PAUSE_S if wait_s is None and code == "maxlag" else wait_s)
    return Fault("skip" if code in SKIP_CODES else "stop", said)


def subcategories(answer: Answer) -> list[str]:
    """Return the titles of a category's subcategories, with `Category:`."""
    return [str(member["title"]) for member in answer.get("query", {}).get("categorymembers", [])]


def merge_pages(pages: dict[int, dict[str, Any]], answer: Answer) -> None:
    """Add an answer's file pages to those of the answers before it; one page may come in several parts."""
    for page in answer.get("query", {}).get("pages", []):
        if page.get("ns") == FILE_NAMESPACE and "pageid" in page:
            pages.setdefault(int(page["pageid"]), {}).update(page)


def found(page: Mapping[str, Any], claimed_camera: str | None) -> Found:
    """Return one file page; without a file it is found, and failed."""
    info: Mapping[str, Any] = next(iter(page.get("imageinfo") or []), {})
    extended = info.get("extmetadata")
    said = {name: plain_text(str(entry.get("value", ""))) for name, entry in extended.items()} if extended else {}
    url, sha1 = info.get("url") or None, info.get("sha1") or None
    is_missing = bool(info.get("filemissing")) or url is None
    is_jpeg = info.get("mime", "image/jpeg") == "image/jpeg"
    size = info.get("size")
    return Found(
        photo=f"wikimedia:{page['pageid']}",
        source="wikimedia",
        version=None if is_missing else version_of(str(sha1 or urlsplit(str(url)).path)),
        page_url=info.get("descriptionurl"),
        original_url=None if is_missing else url,
        title=str(page.get("title", "")).partition(":")[2],
        # whoever uploaded stands for the owner: the author is free text, empty or different for each file
        owner_id=info.get("user") or None,
        owner_name=said.get("Artist") or info.get("user") or None,
        licence=said.get("LicenseShortName") or None,
        licence_url=said.get("LicenseUrl") or None,
        uploaded_at=info.get("timestamp"),
        claimed_camera=claimed_camera,
        site_sha1=sha1,
        size_bytes=size if isinstance(size, int) else None,
        reasons=() if is_missing or is_jpeg else ("not_jpeg",),
        error="the wiki has the page but not its file (filemissing)" if is_missing else None,
    )


def plain_text(html: str) -> str:
    """Return the text of a piece of HTML, blanks run together."""
    parser = _Text()
    parser.feed(html)
    parser.close()
    return " ".join("".join(parser.pieces).split())


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.unseen = 0

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        self.unseen += tag in ("style", "script")
        self.pieces.append(" " if tag in ("br", "p", "div", "li") else "")

    def handle_endtag(self, tag: str) -> None:
        self.unseen -= tag in ("style", "script") and self.unseen > 0

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            self.pieces.append(data)
