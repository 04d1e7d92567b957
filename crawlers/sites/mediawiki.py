"""The MediaWiki API: parameters of its calls, the files in its answers, and the meaning of its errors. Pure.

Actions and fields are as documented at https://www.mediawiki.org/wiki/API:Main_page with `formatversion=2`; pages keyed
by id, as in version 1, are read as well. Licence and author come from extmetadata, which is HTML and which wikis other
than Commons may lack; camera and software come from commonmetadata, the wiki's own reading of EXIF. An answer of
another shape raises WrongShape; an entry of another shape becomes a photo whose `error` says what is wrong.
"""

import re
from collections.abc import Collection, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from corpus.records import version_of
from corpus.text import iso_time
from crawlers.network.politeness import LONGEST_RETRY_AFTER_S
from crawlers.sites import fields
from crawlers.sites.api_client import Fault
from crawlers.sites.fields import WrongShape
from crawlers.vetting.listing import Judge, ListedFile, format_reasons
from crawlers.windows.records import ListedPhoto
from crawlers.windows.time_slices import TimeSlice

MEMBERS_MAX = 500  # members per request, for clients without special rights
DESCRIBED_MAX = 50  # files with their properties per request
SEARCH_MAX = 10_000  # results of a search that can be fetched: CirrusSearch's MAX_OFFSET_LIMIT
MAXLAG_S = 5  # the lag that Wikimedia recommends for bots that are not in a hurry
MAXLAG_PAUSE_S = 5.0
FILE_NAMESPACE = 6
SHORTEST_SLICE_S = 60  # a tool can upload hundreds of files in a minute; these are listed as they are

RETRY_CODES = frozenset(
    {"maxlag", "ratelimited", "readonly", "timeout", "cirrussearch-backend-error", "cirrussearch-too-busy-error"}
)
INTERNAL_ERRORS = "internal_api_error_"  # how codes of exceptions inside the wiki begin; the class follows
SKIP_CODES = frozenset({"invalidcategory", "invalidtitle"})

_COMMON = {"action": "query", "format": "json", "formatversion": "2", "maxlag": str(MAXLAG_S)}
_DESCRIBED = {
    "prop": "imageinfo",
    "iiprop": "url|size|sha1|mime|user|timestamp|extmetadata|commonmetadata",
    "iiextmetadatafilter": "Artist|LicenseShortName|LicenseUrl",
    "iiextmetadatalanguage": "en",
}


def members_parameters(category: str, part: TimeSlice) -> dict[str, str]:
    """Return the parameters that list a slice of a category, by the time its members were added to it."""
    return _COMMON | {
        "generator": "categorymembers",
        "gcmtitle": category,
        # MediaWiki ignores the type when it sorts by time, so `merge_pages` filters by namespace
        "gcmtype": "file",
        "gcmsort": "timestamp",
        "gcmdir": "newer",
        "gcmstart": iso_time(part.start_s),
        "gcmend": iso_time(part.end_s - 1),  # both bounds are inclusive
        "gcmlimit": str(MEMBERS_MAX),
    }


def described_parameters(category: str, part: TimeSlice) -> dict[str, str]:
    """Return the parameters that list a slice of a category with all properties that are read of its files."""
    return members_parameters(category, part) | {"gcmlimit": str(DESCRIBED_MAX)} | _DESCRIBED


def subcategories_parameters(category: str) -> dict[str, str]:
    """Return the parameters that list a category's subcategories."""
    return _COMMON | {
        "list": "categorymembers",
        "cmtitle": category,
        "cmtype": "subcat",
        "cmprop": "title",
        "cmlimit": str(MEMBERS_MAX),
    }


def search_parameters(wikidata_id: str) -> dict[str, str]:
    """Return the parameters that search the files whose structured data name a camera (P4082), oldest pages first."""
    return (
        _COMMON
        | {
            "generator": "search",
            "gsrsearch": f"haswbstatement:P4082={wikidata_id}",
            "gsrnamespace": str(FILE_NAMESPACE),
            "gsrlimit": str(DESCRIBED_MAX),
            "gsrsort": "create_timestamp_asc",  # so that a new file does not move the others to another batch
        }
        | _DESCRIBED
    )


def pages_parameters(pageids: Collection[int]) -> dict[str, str]:
    """Return the parameters that ask whether at most DESCRIBED_MAX pages still exist; raises ValueError for more."""
    if len(pageids) > DESCRIBED_MAX:
        raise ValueError(f"{len(pageids)} pages at once: the API takes {DESCRIBED_MAX}")
    numbers = "|".join(str(number) for number in pageids)
    return _COMMON | {"pageids": numbers, "prop": "imageinfo", "iiprop": "sha1|url|timestamp"}


def fault(answer: Any, retry_after: str | None = None) -> Fault | None:
    """Return what an answer's error means, None for a good answer."""
    if not isinstance(answer, Mapping):
        return Fault("retry", "the answer is no JSON object")
    if "error" not in answer:
        return None
    error = answer["error"]
    if not isinstance(error, Mapping):
        return Fault("retry", "an error without a code")
    code = fields.text_or_none(error.get("code")) or "unknown"
    said = f"error {code}: {fields.text_or_none(error.get('info')) or 'no message'}"
    if code in RETRY_CODES or code.startswith(INTERNAL_ERRORS):
        asked_s = fields.number_or_none((retry_after or "").strip(), fields.INT32_MAX)
        wait_s = None if asked_s is None else min(float(asked_s), LONGEST_RETRY_AFTER_S)
        return Fault("retry", said, MAXLAG_PAUSE_S if wait_s is None and code == "maxlag" else wait_s)
    return Fault("skip" if code in SKIP_CODES else "stop", said)


def onward(answer: Any) -> dict[str, str]:
    """Return the parameters to add for the next part of an answer; an empty dict after the last.

    A search ends at SEARCH_MAX results. Raises WrongShape for a `continue` that cannot be passed back.
    """
    if not isinstance(answer, Mapping) or not answer.get("continue"):
        return {}
    parameters = {
        name: fields.text_or_none(value) or "" for name, value in fields.mapping_at(answer, "continue").items()
    }
    if "" in parameters.values():
        raise WrongShape("the answer's `continue` holds a value that is no parameter")
    offset = fields.number_or_none(parameters.get("gsroffset"), fields.INT64_MAX)
    return {} if offset is not None and offset >= SEARCH_MAX else parameters


def subcategories(answer: Any) -> list[str]:
    """Return the titles of a category's subcategories, with `Category:`; raises WrongShape where one has none."""
    if not isinstance(answer, Mapping):
        raise WrongShape("the answer is no JSON object")
    if "query" not in answer:
        return []
    titles = []
    for member in fields.list_at(fields.mapping_at(answer, "query"), "categorymembers"):
        title = member.get("title") if isinstance(member, Mapping) else None
        if not isinstance(title, str) or not title.strip():
            raise WrongShape("a subcategory has no title")
        titles.append(title)
    return titles


def merge_pages(pages: MutableMapping[int, dict[str, Any]], answer: Any) -> None:
    """Add an answer's file pages to those of earlier answers; one page may come in several parts.

    An entry without a usable page id is kept under a negative number, which no wiki gives to a page.
    """
    for entry in _page_entries(answer):
        page = dict(entry) if isinstance(entry, Mapping) else {"entry": entry}
        namespace = fields.number_or_none(page.get("ns"), fields.INT32_MAX)
        if namespace not in (None, FILE_NAMESPACE):
            continue
        number = _page_number(page)
        if number is None:
            number = -int(fields.entry_digest(entry), 16)
        pages.setdefault(number, {}).update(page)


def gone(answer: Any) -> set[int]:
    """Return the ids of the pages that are missing or no longer have a file, in an answer to `pages_parameters`.

    A page that this part of the answer does not describe yet is not gone: follow its `continue`.
    """
    lost = set()
    for page in _page_entries(answer):
        number = _page_number(page) if isinstance(page, Mapping) else None
        if number is not None and (_is_set(page, "missing") or page.get("imagerepository") == "" or _lacks_file(page)):
            lost.add(number)
    return lost


def found(page: Any, claimed_camera: str | None, judge: Judge = format_reasons) -> ListedPhoto:
    """Return a file page as a photo, with the reasons of `judge` to refuse it; without a usable file it has failed."""
    entry: Mapping[str, Any] = page if isinstance(page, Mapping) else {}
    number = _page_number(entry)
    info = _info(entry)
    url, sha1 = fields.address_or_none(info.get("url")), _sha1(info.get("sha1"))
    error = _error(entry, number, info, url)
    listed = _listed_file(info)
    extended = info.get("extmetadata")
    user = fields.text_or_none(info.get("user"))
    return ListedPhoto(
        photo=fields.photo_key("wikimedia", None if number is None else str(number), page),
        source="wikimedia",
        version=version_of(sha1 or urlsplit(url).path) if url and error is None else None,
        page_url=fields.address_or_none(info.get("descriptionurl")),
        original_url=url if error is None else None,
        title=(fields.text_or_none(entry.get("title")) or "").partition(":")[2],
        # the uploader stands for the owner: the author is free text, empty or different for each file
        owner_id=user,
        owner_name=_said(extended, "Artist") or user,
        licence=_said(extended, "LicenseShortName"),
        licence_url=_said(extended, "LicenseUrl"),
        uploaded_at=fields.moment_or_none(info.get("timestamp")),
        claimed_camera=claimed_camera,
        site_width_px=listed.width_px,
        site_height_px=listed.height_px,
        site_sha1=sha1,
        size_bytes=listed.size_bytes,
        reasons=judge(listed) if error is None else (),
        error=error,
    )


def _error(page: Mapping[str, Any], number: int | None, info: Mapping[str, Any], url: str | None) -> str | None:
    if number is None:
        return "the wiki's entry has no usable page id"
    if _is_set(info, "filemissing") or info.get("url") is None:
        return "the wiki has the page but not its file (filemissing)"
    return fields.NO_ADDRESS if url is None else None


def _listed_file(info: Mapping[str, Any]) -> ListedFile:
    mime = info.get("mime")
    return ListedFile(
        width_px=fields.number_or_none(info.get("width"), fields.INT32_MAX, 1),
        height_px=fields.number_or_none(info.get("height"), fields.INT32_MAX, 1),
        size_bytes=fields.number_or_none(info.get("size"), fields.INT64_MAX, 1),
        make=_metadata(info, "Make"),
        model=_metadata(info, "Model"),
        software=_metadata(info, "Software"),
        mime=mime if isinstance(mime, str) and mime else None,
    )


def _metadata(info: Mapping[str, Any], name: str) -> str | None:
    """Return a field of commonmetadata as text: a text, a number, or several of them nested, joined by blanks."""
    entries = info.get("commonmetadata")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and entry.get("name") == name:
            return fields.text_or_none(" ".join(_texts(entry.get("value"), depth=3)))
    return None


def _texts(value: Any, depth: int) -> list[str]:
    # arrays of PHP come as nested lists of name-value pairs, e.g. a program's name and version
    if isinstance(value, Mapping):
        value = value.get("value")
    if isinstance(value, list):
        return [text for item in value[:10] for text in _texts(item, depth - 1)] if depth else []
    text = fields.text_or_none(value)
    return [text] if text else []


def _said(extended: Any, name: str) -> str | None:
    entry = extended.get(name) if isinstance(extended, Mapping) else None  # PHP writes an empty mapping as a list
    value = entry.get("value") if isinstance(entry, Mapping) else None
    return fields.text_or_none(fields.plain_text(value)) if isinstance(value, str) else fields.text_or_none(value)


def _info(page: Mapping[str, Any]) -> Mapping[str, Any]:
    infos = page.get("imageinfo")
    first = infos[0] if isinstance(infos, list) and infos else None
    return first if isinstance(first, Mapping) else {}


def _lacks_file(page: Mapping[str, Any]) -> bool:
    if not isinstance(page.get("imageinfo"), list):
        return False
    info = _info(page)
    return _is_set(info, "filemissing") or info.get("url") is None


def _page_entries(answer: Any) -> list[Any]:
    """Return the pages of an answer; a generator without results answers without a query."""
    if not isinstance(answer, Mapping):
        raise WrongShape("the answer is no JSON object")
    if "query" not in answer:
        return []
    query = fields.mapping_at(answer, "query")
    if "pages" not in query:
        return []
    if isinstance(query["pages"], Mapping):
        return list(query["pages"].values())
    return fields.list_at(query, "pages")


def _page_number(page: Mapping[str, Any]) -> int | None:
    return fields.number_or_none(page.get("pageid"), fields.INT64_MAX, 1)


def _is_set(page: Mapping[str, Any], name: str) -> bool:
    """Whether a flag is set: true in formatversion 2, an empty text in 1."""
    return name in page and page[name] not in (False, None)


def _sha1(value: Any) -> str | None:
    return value.lower() if isinstance(value, str) and re.fullmatch("[0-9A-Fa-f]{40}", value) else None
