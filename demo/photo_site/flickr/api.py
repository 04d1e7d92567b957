"""The Flickr API of the site: answers calls in the shapes of the real API.

Supports `flickr.photos.search`, `flickr.photos.getInfo` and `flickr.photos.licenses.getInfo` in JSON. Like the real
API, with its codes and status 200, it refuses bad keys (100), unknown methods (112), other formats (111), searches
without any limit (3) and unknown photographs (1), and silently ignores misspelt parameters. Fields and extras are those
of the API's documentation and of recorded answers; the parameter `camera` is undocumented and takes the path of
flickr.com/cameras.
"""

import calendar
import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from corpus.cameras.catalogue import Catalogue
from demo.photo_site.behaviour import Behaviour, Countdown
from demo.photo_site.content.answers import Answer, json_answer
from demo.photo_site.content.licences import LICENCES
from demo.uploads.upload import Upload

API_PATH = "/services/rest/"
FILES_PATH = "/flickr-files/"
PAGES_PATH = "/photos/"
PER_PAGE_DEFAULT, PER_PAGE_MAX = 100, 500
"""By the documentation of flickr.photos.search."""
_SERVER, _FARM = "65535", 66
"""Those of all photographs uploaded in recent years."""
_EXACTLY_KNOWN = ("datetakengranularity", "datetakenunknown")
_LIMITS = ("camera", "min_upload_date", "max_upload_date", "license", "user_id", "text", "tags")
"""A search must have one of these parameters."""


class FlickrApi:
    """Answers API calls about a site's Flickr photographs."""

    def __init__(
        self, uploads: Sequence[Upload], cameras: Catalogue, behaviour: Behaviour, unavailable: Countdown, url: str
    ) -> None:
        self._uploads = [upload for upload in uploads if upload.site == "flickr"]
        self._paths = {camera.key: camera.flickr for camera in cameras.cameras if camera.flickr}
        self._behaviour = behaviour
        self._unavailable = unavailable
        self._url = url
        self.files = {
            file_path(upload): upload for upload in self._uploads if upload.id not in behaviour.download_forbidden
        }
        """Upload by path, for every original that may be downloaded."""
        self.pages = {f"{PAGES_PATH}{upload.owner_id}/{upload.id}": upload for upload in self._uploads}
        """Upload by the path of its page, without a trailing slash."""

    def answer(self, query: Mapping[str, str]) -> Answer:
        """Return the answer to one call."""
        if query.get("format") != "json":
            tree = self._failure(111, f'Format "{query.get("format", "rest")}" not found')
        elif not re.fullmatch(r"[0-9a-f]{32}", query.get("api_key", "")):
            tree = self._failure(100, "Invalid API Key (Key has invalid format)")
        elif self._unavailable.take("call") is not None:
            tree = self._failure(105, "Service currently unavailable")
        elif query.get("method") == "flickr.photos.search":
            tree = self._search(query)
        elif query.get("method") == "flickr.photos.getInfo":
            tree = self._info(query.get("photo_id", ""))
        elif query.get("method") == "flickr.photos.licenses.getInfo":
            rows = [{"id": licence.id, "name": licence.name, "url": licence.url} for licence in LICENCES]
            tree = {"licenses": {"license": rows}, "stat": "ok"}
        else:
            tree = self._failure(112, f'Method "{query.get("method", "")}" not found')
        if query.get("nojsoncallback") == "1":
            return json_answer(tree)
        script = f"jsonFlickrApi({json.dumps(tree)})".encode()
        return Answer(200, script, {"Content-Type": "text/javascript; charset=utf-8"})

    def _search(self, query: Mapping[str, str]) -> dict[str, Any]:
        if not any(query.get(name) for name in _LIMITS):
            return self._failure(
                3, "Parameterless searches have been disabled. Please use flickr.photos.getRecent instead."
            )
        found = [upload for upload in self._uploads if self._matches(upload, query)]
        order = query.get("sort", "date-posted-desc")
        by_taken = order.startswith("date-taken")
        found.sort(
            key=lambda u: (u.taken_at if by_taken else u.uploaded_at_s, u.id), reverse=not order.endswith("-asc")
        )
        per_page = min(_positive(query.get("per_page"), PER_PAGE_DEFAULT), PER_PAGE_MAX)
        page = _positive(query.get("page"), 1)
        # beyond the available results, pages repeat the last one, although `pages` and `total` promise more
        results_max = self._behaviour.results_max
        shown = min(page, -(-results_max // per_page)) if len(found) > results_max else page
        photos = {
            "page": page,
            "pages": -(-len(found) // per_page),
            "perpage": per_page,
            "total": self._number(len(found)),
            "photo": [
                self._photo(upload, query)
                for upload in found[:results_max][(shown - 1) * per_page : shown * per_page]
                if upload.id not in self._behaviour.hidden
            ],
        }
        return {"photos": photos, "stat": "ok"}

    def _info(self, photo_id: str) -> dict[str, Any]:
        upload = next((upload for upload in self._uploads if upload.id == photo_id), None)
        if upload is None:
            return self._failure(1, f'Photo "{photo_id}" not found (invalid ID)')
        photo = {
            "id": upload.id, "secret": _secret(upload, "shown"), "server": _SERVER, "farm": _FARM,
            "dateuploaded": str(upload.uploaded_at_s), "license": upload.licence, "media": "photo",
            "owner": {"nsid": upload.owner_id, "username": upload.owner_name, "path_alias": None},
            "title": {"_content": upload.title}, "visibility": {"ispublic": 1, "isfriend": 0, "isfamily": 0},
        }  # fmt: skip
        return {"photo": photo, "stat": "ok"}

    def _matches(self, upload: Upload, query: Mapping[str, str]) -> bool:
        camera, licences = query.get("camera"), query.get("license")
        if camera and self._paths.get(upload.claimed_camera) != camera:
            return False
        if licences and upload.licence not in licences.split(","):
            return False
        if query.get("user_id") and upload.owner_id != query["user_id"]:
            return False
        first_s, last_s = _moment(query.get("min_upload_date")), _moment(query.get("max_upload_date"))
        return (first_s is None or upload.uploaded_at_s >= first_s) and (
            last_s is None or upload.uploaded_at_s <= last_s
        )

    def _photo(self, upload: Upload, query: Mapping[str, str]) -> dict[str, Any]:
        """Return one photograph with the requested extras; nothing reveals an original that may not be downloaded."""
        may_download = upload.id not in self._behaviour.download_forbidden
        extras: dict[str, dict[str, Any]] = {
            "license": {"license": upload.licence},
            "date_upload": {"dateupload": str(upload.uploaded_at_s)},
            "date_taken": {"datetaken": upload.taken_at, **dict.fromkeys(_EXACTLY_KNOWN, self._number(0))},
            "owner_name": {"ownername": upload.owner_name},
            "path_alias": {"pathalias": None},
            "media": {"media": "photo", "media_status": "ready"},
            "can_download": {"can_download": int(may_download)},
        }
        if may_download:
            width, height = self._number(upload.width_px), self._number(upload.height_px)
            extras["original_format"] = {"originalsecret": _secret(upload, "original"), "originalformat": "jpg"}
            if upload.width_px:
                extras["o_dims"] = {"o_width": width, "o_height": height}
            url = self._url + file_path(upload)
            extras["url_o"] = {"url_o": url, "height_o": height, "width_o": width}
        photo: dict[str, Any] = {
            "id": upload.id, "owner": upload.owner_id, "secret": _secret(upload, "shown"), "server": _SERVER,
            "farm": _FARM, "title": upload.title, "ispublic": 1, "isfriend": 0, "isfamily": 0,
        }  # fmt: skip
        for name in query.get("extras", "").split(","):
            photo |= extras.get(name.strip(), {})
        return photo

    def _failure(self, code: int, message: str) -> dict[str, Any]:
        return {"stat": "fail", "code": self._number(code), "message": message}

    def _number(self, number: int) -> int | str:
        return str(number) if self._behaviour.numbers_as_text else number


def file_path(upload: Upload) -> str:
    """Return the path of an original, revealed only to those who may download it."""
    return f"{FILES_PATH}{upload.id}_{_secret(upload, 'original')}_o.jpg"


def _secret(upload: Upload, purpose: str) -> str:
    """Return ten hexadecimal digits that make an address unguessable and change with the file."""
    return hashlib.sha256(f"{purpose} {upload.id} {upload.sha1}".encode()).hexdigest()[:10]


def _positive(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and int(text) > 0 else default


def _moment(text: str | None) -> int | None:
    """Return seconds since 1970 of an epoch or of MySQL's `YYYY-MM-DD HH:MM:SS`; None where it is neither."""
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        pass  # not an epoch
    try:
        return calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M:%S"))
    except ValueError:
        return None  # silently ignored, as by the real API
