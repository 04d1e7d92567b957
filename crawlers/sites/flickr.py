"""The Flickr API: parameters of its calls, the photos in its answers, and the meaning of its errors. Pure.

Methods and fields are as documented at https://www.flickr.com/services/api/; the parameter `camera` is undocumented
and takes the path of flickr.com/cameras. The API silently ignores misspelt parameters, so every answer is checked.
An answer of another shape raises WrongShape; an entry of another shape becomes a photo whose `error` says what is
wrong.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from corpus.records import version_of
from corpus.text import iso_time
from crawlers.sites import fields
from crawlers.sites.api_client import Fault
from crawlers.sites.fields import WrongShape
from crawlers.vetting.listing import Judge, ListedFile, format_reasons
from crawlers.windows.records import ListedPhoto
from crawlers.windows.time_slices import TimeSlice
from curation.reasons import in_funnel_order

PER_PAGE = 500  # the most that the API gives
SLICE_TOTAL_MAX = 3000  # totals are estimates: this far below the cap of 4,000 distinct results, no photo is lost
SHORTEST_SLICE_S = 300  # totals of shorter slices are wrong, and halving would never end
CALLS_PER_HOUR = 3600  # with one key
EXTRAS = "license,date_upload,date_taken,owner_name,original_format,o_dims,url_o,media,path_alias,can_download"

ERRORS: dict[int, tuple[Literal["retry", "stop", "skip"], str]] = {
    0: ("retry", "something went wrong at the site"),
    1: ("skip", "a search: too many tags; one photo: it was not found, or is private"),
    2: ("skip", "a search: unknown user; one photo: no permission to see it"),
    3: ("stop", "a search without parameters: the site has ignored every one it was given"),
    4: ("skip", "no permission to see this pool"),
    5: ("skip", "the user was deleted"),
    10: ("retry", "the search is not available"),
    11: ("stop", "no valid machine tags"),
    12: ("stop", "too many machine tags"),
    17: ("stop", "only one's own contacts can be searched"),
    18: ("stop", "the arguments contradict each other"),
    95: ("stop", "the API wants https: let sources.flickr.api_url begin with it"),
    96: ("stop", "invalid signature"),
    97: ("stop", "missing signature"),
    98: ("stop", "login failed"),
    99: ("stop", "the key's owner may not do this"),
    100: ("stop", "invalid key: check FLICKR_API_KEY"),
    105: ("retry", "the service is not available"),
    106: ("retry", "a write failed, for now"),
    111: ("stop", "unknown format of answers"),
    112: ("stop", "unknown method: check sources.flickr.api_url"),
    114: ("stop", "invalid SOAP envelope"),
    115: ("stop", "invalid XML-RPC call"),
    116: ("stop", "an argument holds an address that is banned"),
}
"""What each error means for the crawl, and in words: those that the documentation of the methods used here names, and
0, which it does not. Those from 95 up are the same for all methods; an error that is not listed stops the crawl."""

_LATEST_S = 253_402_300_799  # the end of the year 9999
_PATH_NAME = re.compile(r"[A-Za-z0-9@_.-]{1,100}")


def search_parameters(key: str, camera: str, part: TimeSlice, page: int) -> dict[str, str]:
    """Return the parameters of flickr.photos.search for one page of a slice; the API's time bounds are inclusive."""
    return _call("flickr.photos.search", key) | {
        "camera": camera,
        "min_upload_date": str(part.start_s),
        "max_upload_date": str(part.end_s - 1),
        "sort": "date-posted-asc",  # so that a new photo does not move the others to another page
        "media": "all",
        "safe_search": "3",
        "per_page": str(PER_PAGE),
        "page": str(page),
        "extras": EXTRAS,
    }


def licences_parameters(key: str) -> dict[str, str]:
    """Return the parameters of flickr.photos.licenses.getInfo."""
    return _call("flickr.photos.licenses.getInfo", key)


def info_parameters(key: str, photo_id: str) -> dict[str, str]:
    """Return the parameters of flickr.photos.getInfo, which tells whether one photo is still there."""
    return _call("flickr.photos.getInfo", key) | {"photo_id": photo_id}


def fault(answer: Any, retry_after: str | None = None) -> Fault | None:
    """Return what an answer's error means, None for a good answer; codes come as numbers or strings."""
    if not isinstance(answer, Mapping):
        return Fault("retry", "the answer is no JSON object")
    if answer.get("stat") == "ok":
        return None
    code = fields.number_or_none(answer.get("code"), fields.INT32_MAX)
    said = fields.text_or_none(answer.get("message")) or "no message"
    if code is None:
        return Fault("retry", f"an error without a code: {said}")
    meaning, sentence = ERRORS.get(code, ("stop", "not among the errors that the API documents"))
    return Fault(meaning, f"error {code}: {said} ({sentence})")


def total(answer: Any) -> int:
    """Return the number of photos that a search states; raises WrongShape where it states none."""
    value = fields.mapping_at(answer, "photos").get("total")
    number = fields.number_or_none(value, fields.INT64_MAX)
    if number is None:
        raise WrongShape("the answer's total is no number")
    return number


def page_photos(answer: Any) -> list[Any]:
    """Return the entries of one page, usable or not (`found` tells); raises WrongShape where there is no list."""
    return fields.list_at(fields.mapping_at(answer, "photos"), "photo")


def licence_names(answer: Any) -> dict[str, tuple[str, str | None]]:
    """Return the name and address of every licence by its id; the site adds licences, so crawls ask for the list.

    Raises WrongShape where there is no list. A licence without an id cannot be any photo's and is left out.
    """
    names = {}
    for entry in fields.list_at(fields.mapping_at(answer, "licenses"), "license"):
        if isinstance(entry, Mapping) and (licence := fields.usable_id(entry.get("id"))):
            names[licence] = fields.text_or_none(entry.get("name")) or "", fields.address_or_none(entry.get("url"))
    return names


def found(
    photo: Any,
    claimed_camera: str | None,
    licences: Mapping[str, tuple[str, str | None]],
    allowed: Collection[str],
    judge: Judge = format_reasons,
) -> ListedPhoto:
    """Return one entry of a page as a photo, with every reason to refuse it, those of `judge` included.

    `judge` is told no camera: the one that the query asks for is the site's claim, not what EXIF says.
    """
    entry: Mapping[str, Any] = photo if isinstance(photo, Mapping) else {}
    site_id, owner = fields.usable_id(entry.get("id")), _path_name(entry.get("owner"))
    url, licence = fields.address_or_none(entry.get("url_o")), fields.usable_id(entry.get("license")) or ""
    name, licence_url = licences.get(licence, (f"licence {licence}" if licence else "", None))
    error = None
    if site_id is None:
        error = "the site's entry has no usable id"
    elif url is None and entry.get("url_o") not in (None, ""):
        error = fields.NO_ADDRESS
    listed = _listed_file(entry, is_offered=url is not None)
    folder = _path_name(entry.get("pathalias")) or owner
    title, posted_s = entry.get("title"), fields.number_or_none(entry.get("dateupload"), _LATEST_S, 1)
    return ListedPhoto(
        photo=fields.photo_key("flickr", site_id, photo),
        source="flickr",
        # the path holds the original's secret, which changes when it is replaced; file hosts come and go
        version=version_of(urlsplit(url).path) if url else None,
        page_url=f"https://www.flickr.com/photos/{folder}/{site_id}" if folder and site_id else None,
        original_url=url,
        title=fields.text_or_none(title.get("_content") if isinstance(title, Mapping) else title) or "",
        owner_id=owner,
        owner_name=fields.text_or_none(entry.get("ownername")),
        licence=name or None,
        licence_url=licence_url,
        uploaded_at=iso_time(posted_s) if posted_s else None,
        claimed_camera=claimed_camera,
        site_width_px=listed.width_px,
        site_height_px=listed.height_px,
        reasons=() if error else in_funnel_order([*_reasons(entry, url, licence, allowed), *judge(listed)]),
        error=error,
    )


def _reasons(entry: Mapping[str, Any], url: str | None, licence: str, allowed: Collection[str]) -> Iterable[str]:
    if fields.text_or_none(entry.get("media")) not in (None, "photo"):
        yield "not_a_photo"
    if licence not in allowed:
        yield "licence_not_allowed"
    if entry.get("can_download", entry.get("candownload")) in (0, "0"):
        yield "download_forbidden"
    if url is None:
        yield "no_original"


def _listed_file(entry: Mapping[str, Any], *, is_offered: bool) -> ListedFile:
    """Return what the entry says about the original; the format counts only where an original is offered."""
    file_format = entry.get("originalformat")
    mime = None
    if is_offered and isinstance(file_format, str) and file_format:
        mime = "image/jpeg" if file_format.lower() in ("jpg", "jpeg") else f"image/{file_format.lower()}"
    return ListedFile(
        width_px=fields.number_or_none(entry.get("o_width"), fields.INT32_MAX, 1),
        height_px=fields.number_or_none(entry.get("o_height"), fields.INT32_MAX, 1),
        mime=mime,
    )


def _call(method: str, key: str) -> dict[str, str]:
    return {"method": method, "api_key": key, "format": "json", "nojsoncallback": "1"}


def _path_name(value: Any) -> str | None:
    """Return a part of a page's address: the owner's id, or the name that the owner chose for it."""
    return value if isinstance(value, str) and _PATH_NAME.fullmatch(value) else None
