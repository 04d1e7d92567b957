"""Listing reasons: the reasons to refuse a photo that follow from its site's listing alone, before any download.

Only positive evidence refuses: a photo about which the listing says nothing, or something garbled, is judged by its
header later (`vetting.door`). The rules are those of `curation.rules`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from corpus.cameras.catalogue import Camera, Catalogue
from corpus.errors import ConfigurationError
from corpus.sections import Rules
from curation.reasons import in_funnel_order
from curation.rules import camera_unknown, edited_by_software, not_native_size, software_not_firmware
from forensics.metadata.editors import editor_marks
from forensics.metadata.exif.tags import ExifFacts
from forensics.metadata.text import clean
from forensics.metadata.xmp import XmpFacts
from forensics.photo_facts import PhotoFacts, facts_of_row


@dataclass(frozen=True)
class ListedFile:
    """What a listing says about one photo's file; None where it does not say."""

    width_px: int | None = None
    height_px: int | None = None
    size_bytes: int | None = None
    make: str | None = None  # from EXIF, as are model and software
    model: str | None = None
    software: str | None = None
    mime: str | None = None


Judge = Callable[[ListedFile], tuple[str, ...]]  # returns the reasons to refuse a listed photo


def format_reasons(listed: ListedFile) -> tuple[str, ...]:
    """Return the reason to refuse a file that is listed as something other than a JPEG; needs no catalogue."""
    return () if listed.mime in (None, "image/jpeg") else ("not_jpeg",)


def listing_reasons(
    listed: ListedFile, catalogue: Catalogue, chosen: Catalogue, rules: Rules, original_max_bytes: int
) -> tuple[str, ...]:
    """Return every reason to refuse a photo that follows from its listing, in the order of the funnel.

    `catalogue`: all cameras known; `chosen`: those that enter the data set. Where no camera is named, a size is native
    when any chosen camera makes it, in either orientation, since MediaWiki gives sizes of pictures turned upright. What
    was learned of a camera that no catalogue lists refuses nothing here: a refusal by the listing leaves no facts, so
    what else such a camera makes would never be learned. The photo is judged by its header instead.
    """
    reasons = list(format_reasons(listed))
    if listed.size_bytes is not None and listed.size_bytes > original_max_bytes:
        reasons.append("too_large")
    facts = _facts(listed)
    try:
        camera = catalogue.identify(facts.make, facts.model)
    except ConfigurationError:  # two cameras match: that is reported when the photo itself is judged
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
    if camera is None and (facts.model or chosen.is_open):  # the sizes of an unknown camera are unknown, too
        return None
    cameras = chosen.cameras if camera is None else (camera,)
    reasons = [not_native_size(facts, each, rules) for each in cameras]
    return reasons[0] if reasons and all(reasons) else None


def _facts(listed: ListedFile) -> PhotoFacts:
    """Return what the listing says as facts; all other fields are null, and the rules asked do not look at them."""
    make, model = clean(listed.make or ""), clean(listed.model or "")
    if make is None or model is None:  # half a name is none: the listing may have left out the other half
        make = model = None
    exif = ExifFacts(make=make, model=model, software=clean(listed.software or ""))
    return facts_of_row(
        {
            "width_px": listed.width_px or 0,
            "height_px": listed.height_px or 0,
            "make": exif.make,
            "model": exif.model,
            "software": exif.software,
            "editor_marks": editor_marks(exif=exif, xmp=XmpFacts(), segment_names=(), comments=()),
        }
    )
