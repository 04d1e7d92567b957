"""Imageinfo: describes one file as MediaWiki does, with the requested properties.

Values of `extmetadata` are HTML, as on Wikimedia Commons; a missing file has `filemissing` and little else. Sizes are
those of the picture turned upright by its EXIF. EXIF values are given exactly as in the file, trailing blanks included.
"""

import html
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image

from demo.photo_site.content.files import mime_of
from demo.photo_site.content.licences import licence_of
from demo.photo_site.wiki.pages import WikiPage, wiki_time
from demo.uploads.upload import Upload

_EXIF_IFD = 0x8769
_EXIF_TOLD = (
    *("Make", "Model", "Orientation", "Software", "DateTime", "DateTimeOriginal", "DateTimeDigitized"),
    *("ExposureTime", "FNumber", "ISOSpeedRatings", "FocalLength"),
)
"""EXIF fields that are given; serial numbers and places are not."""
_LYING = (5, 6, 7, 8)
"""Orientations of pictures that are shown turned by 90°."""


def image_info(page: WikiPage, properties: str, folder: Path, url: str, is_missing: bool) -> dict[str, Any]:
    """Return the description of a file's current version; `properties` are joined by `|`, `url` is the site's."""
    upload = page.upload
    asked = properties.split("|")
    info: dict[str, Any] = {}
    if "url" in asked:
        info["descriptionurl"] = url + page.description_path
        info["descriptionshorturl"] = f"{url}/w/index.php?curid={page.pageid}"
    if is_missing or upload is None:
        return {**info, "filemissing": True}
    if "timestamp" in asked:
        info["timestamp"] = wiki_time(page.file_at_s)
    if "user" in asked:
        info["user"] = upload.owner_name
    exif = _exif_of(folder / upload.file) if {"size", "dimensions", "commonmetadata"} & set(asked) else {}
    if "size" in asked or "dimensions" in asked:
        sizes_px = (upload.width_px, upload.height_px)
        width_px, height_px = reversed(sizes_px) if exif.get("Orientation") in _LYING else sizes_px
        info |= {"size": upload.size_bytes, "width": width_px, "height": height_px}
    if "url" in asked:
        info["url"] = url + page.file_path
    if "sha1" in asked:
        info["sha1"] = upload.sha1
    if "mime" in asked:
        info["mime"] = mime_of(folder / upload.file)
    if "commonmetadata" in asked:
        info["commonmetadata"] = [{"name": name, "value": exif[name]} for name in _EXIF_TOLD if name in exif]
    if "extmetadata" in asked:
        info["extmetadata"] = _extended(page, upload)
    return info


def _extended(page: WikiPage, upload: Upload) -> dict[str, Any]:
    licence, owner = licence_of(upload.licence), html.escape(upload.owner_name)
    page_of_owner = f"//commons.wikimedia.org/wiki/User:{html.escape(upload.owner_name.replace(' ', '_'))}"
    texts = {"Artist": f'<a href="{page_of_owner}" title="User:{owner}">{owner}</a>', "Credit": "<span>Own work</span>"}
    if licence.url:
        texts["LicenseShortName"] = f'<span lang="en">{html.escape(licence.short_name)}</span>'
        texts["LicenseUrl"] = html.escape(licence.url)
        texts["UsageTerms"] = f"<i>{html.escape(licence.name)}</i>"
    name = {"value": html.escape(page.key.replace("_", " ").removesuffix(".jpg")), "source": "mediawiki-metadata"}
    described = {key: {"value": value, "source": "commons-desc-page"} for key, value in texts.items()}
    return {"ObjectName": name, **described}


def _exif_of(path: Path) -> dict[str, int | str]:
    try:
        with Image.open(path) as image:
            block = image.getexif()
            fields = {**block, **block.get_ifd(_EXIF_IFD)}
    except Exception:  # noqa: BLE001  Pillow raises anything on broken files, of which MediaWiki gives no EXIF
        return {}
    return {ExifTags.TAGS.get(tag, ""): _plain(value) for tag, value in fields.items()}


def _plain(value: Any) -> int | str:
    """Return a value as MediaWiki writes it, fractions as `a/b`."""
    if isinstance(value, int):
        return value
    if hasattr(value, "numerator"):
        return f"{value.numerator}/{value.denominator}"
    return str(value).rstrip("\0")
