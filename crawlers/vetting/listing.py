"""Listings: what an API tells of a photo in, the reasons that already refuse it out; values as they come made usable.

Only positive evidence refuses: what a listing does not tell, or garbles, is left to the door. The rules are those of
`curation.rules`. Whatever an answer holds in place of what was expected, nothing here raises but `WrongShape`.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from corpus.catalogue import Camera, Catalogue
from corpus.errors import ConfigurationError
from corpus.sections import Rules
from corpus.text import iso_time
from curation.reasons import in_funnel_order
from curation.rules import camera_unknown, edited_by_software, not_native_size, software_not_firmware
from forensics.metadata.editors import editor_marks
from forensics.metadata.exif import ExifFacts
from forensics.metadata.text import clean
from forensics.metadata.xmp import XmpFacts
from forensics.photo_facts import PhotoFacts

TEXT_MAX = 1000
"""Characters kept of a title, a name or a licence."""
ADDRESS_MAX = 2000
"""Characters of the longest address taken; the longest file names of a wiki make some 800."""
INT32_MAX, INT64_MAX = 2**31 - 1, 2**63 - 1
"""Of the columns that hold sizes in pixels and in bytes."""

NO_ADDRESS = "the site names no usable address"

_USABLE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class WrongShape(ValueError):  # noqa: N818 - it says what is wrong with the answer
    """An answer as a whole is not what its API documents; asking again may help, its query must stay open."""


@dataclass(frozen=True)
class ListedFile:
    """What a listing tells of one photo's file; None where it does not say."""

    width_px: int | None = None
    height_px: int | None = None
    size_bytes: int | None = None
    make: str | None = None
    """EXIF's, as are model and software."""
    model: str | None = None
    software: str | None = None
    mime: str | None = None


Judge = Callable[[ListedFile], tuple[str, ...]]
"""What is told of a photo in, the reasons against it out."""


def format_reasons(told: ListedFile) -> tuple[str, ...]:
    """Return the reason against a file that is told to be no JPEG; needs no catalogue."""
    return () if told.mime in (None, "image/jpeg") else ("not_jpeg",)


def listing_reasons(
    told: ListedFile, catalogue: Catalogue, chosen: Catalogue, rules: Rules, original_max_bytes: int
) -> tuple[str, ...]:
    """Return every reason that a listing alone gives to refuse a photo, in the order of the funnel.

    `catalogue`: all cameras known; `chosen`: those that enter the data set. Where no camera is named, a size counts
    as native when any chosen camera makes it: MediaWiki tells sizes turned upright, so either orientation does. What
    was learned of a camera that no catalogue lists refuses nothing: a refusal by the listing leaves no facts, so what
    such a camera makes besides would never be learned. The door asks for it.
    """
    reasons = list(format_reasons(told))
    if told.size_bytes is not None and told.size_bytes > original_max_bytes:
        reasons.append("too_large")
    facts = _facts(told)
    try:
        camera = catalogue.identify(facts.make, facts.model)
    except ConfigurationError:  # two cameras take it: that is found out, and said, when the photo itself is judged
        return in_funnel_order(reasons)
    if camera is not None and camera.key not in chosen:
        reasons.append("camera_not_chosen")
    for rule in (camera_unknown, edited_by_software):
        reasons.append(rule(facts, camera, rules) or "")
    if camera is None or camera.is_listed:
        reasons.append(software_not_firmware(facts, camera, rules) or "")
        reasons.append(_size_reason(facts, camera, chosen, rules) or "")
    return in_funnel_order(reason for reason in reasons if reason)


def _size_reason(facts: PhotoFacts, camera: Camera | None, chosen: Catalogue, rules: Rules) -> str | None:
    if not (facts.width_px and facts.height_px):
        return None
    if camera is None and (facts.model or chosen.is_open):  # a camera nobody knows: so are its sizes
        return None
    cameras = chosen.cameras if camera is None else (camera,)
    reasons = [not_native_size(facts, each, rules) for each in cameras]
    return reasons[0] if reasons and all(reasons) else None


def _facts(told: ListedFile) -> PhotoFacts:
    """Return what is told as facts, for the rules that are asked; of all else they say nothing."""
    make, model = clean(told.make or ""), clean(told.model or "")
    if make is None or model is None:  # half a name is none: the listing may have left out the other half
        make = model = None
    exif = ExifFacts(make=make, model=model, software=clean(told.software or ""))
    return PhotoFacts(
        width_px=told.width_px or 0,
        height_px=told.height_px or 0,
        coding="baseline",
        precision_bits=8,
        components=3,
        subsampling="",
        mcu_width_px=0,
        mcu_height_px=0,
        quantisation_tables=(),
        huffman="none",
        segments=(),
        scan_offset_bytes=0,
        is_complete=None,
        trailing_bytes=None,
        quality_factor=None,
        quality_residual=None,
        make=exif.make,
        model=exif.model,
        software=exif.software,
        processing_software=None,
        serial_number=None,
        taken_at=None,
        modified_at=None,
        exif_width_px=None,
        exif_height_px=None,
        orientation=None,
        exif_error=None,
        xmp_creator_tool=None,
        xmp_history_agents=(),
        comments=(),
        editor_marks=editor_marks(exif=exif, xmp=XmpFacts(), segment_names=(), comments=()),
    )


def usable_id(value: Any) -> str | None:
    """Return a site's id of a photo: text or a number of 1 to 64 letters, digits, `_` and `-`; None for all else."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= INT64_MAX else value
    return text if isinstance(text, str) and _USABLE_ID.fullmatch(text) else None


def photo_key(source: str, site_id: str | None, entry: Any) -> str:
    """Return `<source>:<id>`; an entry without one is named by a digest of its JSON, the same whenever it is listed."""
    return f"{source}:{site_id or 'unnamed-' + entry_digest(entry)}"


def entry_digest(entry: Any) -> str:
    """Return 12 hex digits of an entry's JSON; raises WrongShape where it is nested too deep to be written."""
    try:
        text = json.dumps(entry, sort_keys=True)
    except RecursionError as error:
        raise WrongShape("an entry of the answer is nested too deep to be read") from error
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def text_or_none(value: Any) -> str | None:
    """Return text, or a whole number as text, cut to TEXT_MAX characters and without NULs; None for all else."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= INT64_MAX else value
    return text[:TEXT_MAX].replace("\0", "").strip() or None if isinstance(text, str) else None


def number_or_none(value: Any, most: int, least: int = 0) -> int | None:
    """Return a whole number from `least` to `most`, given as such or as its decimal digits; None for all else."""
    if isinstance(value, str) and re.fullmatch("[0-9]{1,19}", value):
        value = int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and least <= value <= most else None


def address_or_none(value: Any) -> str | None:
    """Return an http or https address of at most ADDRESS_MAX characters; None for all else."""
    # both sites write addresses in ASCII, percent-encoded
    if not isinstance(value, str) or not re.fullmatch(rf"https?://[!-~]{{1,{ADDRESS_MAX}}}", value):
        return None
    try:
        parts = urlsplit(value)
        is_usable = bool(parts.hostname) and parts.port != 0 and len(value) <= ADDRESS_MAX
    except ValueError:  # brackets that hold no IPv6 address, or no port number
        return None
    return value if is_usable else None


def moment_or_none(value: Any) -> str | None:
    """Return a moment written as `2014-10-02T08:00:00Z`; None for all else."""
    try:
        return iso_time(int(datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()))
    except (TypeError, ValueError):
        return None


def mapping_at(tree: Any, name: str) -> Mapping[str, Any]:
    """Return the mapping that stands in an answer under `name`; raises WrongShape where there is none."""
    value = tree.get(name) if isinstance(tree, Mapping) else None
    if not isinstance(value, Mapping):
        raise WrongShape(f"the answer has no object {name!r} but {_kind(value)}")
    return value


def list_at(tree: Any, name: str) -> list[Any]:
    """Return the list that stands in an answer under `name`; raises WrongShape where there is none."""
    value = tree.get(name) if isinstance(tree, Mapping) else None
    if not isinstance(value, list):
        raise WrongShape(f"the answer has no list {name!r} but {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    return "nothing" if value is None else type(value).__name__
