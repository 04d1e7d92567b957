"""The Flickr API: its answers in, photos as found and what its errors mean out. Pure.

Methods and fields as https://www.flickr.com/services/api/ documents them; the parameter `camera` is undocumented
and takes the path of flickr.com/cameras. Misspelt parameters are ignored in silence, so nothing is believed unseen.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from corpus.records import version_of
from crawlers.asking import Answer, Fault
from crawlers.rows import Found
from crawlers.windows import Slice, iso_time

PER_PAGE = 500  # the most the API gives
SLICE_TOTAL_MAX = 3000  # totals are estimates: this far below the cap of 4,000 distinct results, none is lost
SHORTEST_SLICE_S = 300  # totals of shorter slices lie, and halving would never end
CALLS_PER_HOUR = 3600  # of one key
EXTRAS = "license,date_upload,date_taken,owner_name,original_format,o_dims,url_o,media,path_alias,can_download"

RETRY_CODES = frozenset({0, 10, 105, 106})
"""0: sorry, something went wrong; 10: search not available; 105: service unavailable; 106: write failed."""
SKIP_CODES = frozenset({1, 2, 4, 5})
"""Of a search: too many tags, unknown user, no permission, user deleted: that query has nothing for us."""


def search_parameters(key: str, camera: str, part: Slice, page: int) -> dict[str, str]:
    """Return the parameters of flickr.photos.search for one page of a slice; the API's bounds are inclusive."""
    return {
        "method": "flickr.photos.search",
        "api_key": key,
        "camera": camera,
        "min_upload_date": str(part.start_s),
        "max_upload_date": str(part.end_s - 1),
        "sort": "date-posted-asc",  # so that a new photo does not move the others to another page
        "media": "all",
        "safe_search": "3",
        "per_page": str(PER_PAGE),
        "page": str(page),
        "extras": EXTRAS,
        "format": "json",
        "nojsoncallback": "1",
    }


def licences_parameters(key: str) -> dict[str, str]:
    """Return the parameters of flickr.photos.licenses.getInfo."""
    return {"method": "flickr.photos.licenses.getInfo", "api_key": key, "format": "json", "nojsoncallback": "1"}


def fault(answer: Answer, retry_after: str | None = None) -> Fault | None:
    """Return what an answer's error means, None for a good answer; codes are numbers or strings."""
    if answer.get("stat") == "ok":
        return None
    code, text = _number(answer.get("code")), str(answer.get("message", "no message"))
    said = f"error {answer.get('code')}: {text}"
    if code is None or code in RETRY_CODES:
        return Fault("retry", said)
    if code in SKIP_CODES:
        return Fault("skip", said)
    cure = "; check FLICKR_API_KEY" if code == 100 else ""
    return Fault("stop", said + cure)


def total(answer: Answer) -> int:
    """Return how many photos a search says there are."""
    return _number(answer.get("photos", {}).get("total")) or 0


def page_photos(answer: Answer) -> list[Mapping[str, Any]]:
    """Return the photos of one page."""
    photos = answer.get("photos", {}).get("photo", [])
    return [photo for photo in photos if isinstance(photo, Mapping) and photo.get("id")]


def licence_names(answer: Answer) -> dict[str, tuple[str, str | None]]:
    """Return name and address of every licence by its id; ids grow, so they are asked for."""
    licences: Iterable[Mapping[str, Any]] = answer.get("licenses", {}).get("license", [])
    return {str(entry["id"]): (str(entry.get("name", "")), entry.get("url") or None) for entry in licences}


def found(
    photo: Mapping[str, Any],
    claimed_camera: str | None,
    licences: Mapping[str, tuple[str, str | None]],
    allowed: Collection[str],
) -> Found:
    """Return one photo of a page, with every reason that its listing gives to refuse it."""
    site_id, owner = str(photo["id"]), str(photo.get("owner", ""))
    url, licence = photo.get("url_o") or None, str(photo.get("license", ""))
    name, licence_url = licences.get(licence, (f"licence {licence}" if licence else "", None))
    uploaded_s = _number(photo.get("dateupload"))
    title = photo.get("title")
    return Found(
        photo=f"flickr:{site_id}",
        source="flickr",
        # the path: it has the original's secret, which changes when it is replaced; file hosts come and go
        version=version_of(urlsplit(url).path) if url else None,
        page_url=f"https://www.flickr.com/photos/{photo.get('pathalias') or owner}/{site_id}",
        original_url=url,
        title=str(title.get("_content", "") if isinstance(title, Mapping) else title or ""),
        owner_id=owner or None,
        owner_name=str(photo.get("ownername") or "") or None,
        licence=name or None,
        licence_url=licence_url,
        uploaded_at=iso_time(uploaded_s) if uploaded_s else None,
        claimed_camera=claimed_camera,
        reasons=tuple(_reasons(photo, url, licence, allowed)),
    )


def _reasons(photo: Mapping[str, Any], url: str | None, licence: str, allowed: Collection[str]) -> Iterable[str]:
    if photo.get("media", "photo") != "photo":
        yield "not_a_photo"
    if licence not in allowed:
        yield "licence_not_allowed"
    if _number(photo.get("can_download", photo.get("candownload", 1))) == 0:
        yield "download_forbidden"
    if url is None:
        yield "no_original"
    elif str(photo.get("originalformat") or "jpg").lower() not in ("jpg", "jpeg"):
        yield "not_jpeg"


def wait_for_quota_s(calls_s: Iterable[float], now_s: float) -> float:
    """Return how long to wait so that no hour has more than CALLS_PER_HOUR calls; `calls_s`: times of the former."""
    recent = [call_s for call_s in calls_s if call_s > now_s - 3600]
    return 0.0 if len(recent) < CALLS_PER_HOUR else min(recent) + 3600 - now_s


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
