"""Reasons: the slug of every refusal with a sentence for people, in the order of the funnel.

The funnel goes from the site to the pixels: first what the site did not give, then what a header tells, then what only
the whole file or all photos together tell. A slug that is not listed here is shown last, as it is.
"""

from collections.abc import Iterable

REASONS: dict[str, str] = {
    "forgotten": "Its removal was asked for; see python -m crawlers.forget.",
    "deleted_at_source": "It was taken off its site, or out of its folder, after it was crawled.",
    "changed_at_source": "Its address serves other bytes than the list names that it was fetched by.",
    "not_a_photo": "The site calls it a video or a drawing.",
    "no_original": "The site offers no original, only resized copies.",
    "licence_not_allowed": "Its licence is not among those taken.",
    "download_forbidden": "Its owner forbids downloads.",
    "not_jpeg": "It is no JPEG file.",
    "too_large": "It is larger than crawl.original_max_bytes.",
    "download_failed": "Its download failed; the record says how.",
    "not_downloaded": "It was refused at the door under other rules than today's and its original was never fetched.",
    "original_lost": "Its record says it is stored, but its original is gone from the storage.",
    "original_damaged": "Its original is not the bytes its record names; curation looks again at every run.",
    "not_examined": "A fault of this program stopped its examination; curation tries again at every run.",
    "kills_examiner": "Its examination ended its process, also when it was examined alone.",
    "unreadable": "Its bytes are not a readable JPEG.",
    "no_camera_model": "Its EXIF names no camera model, or cannot be read.",
    "camera_unknown": "Its EXIF, or its collection's folder, names a camera that is not in the catalogue.",
    "label_disagrees": "Its EXIF names another camera than its collection's folders.",
    "camera_not_chosen": "Its camera is in the catalogue but not among `cameras`.",
    "edited_by_software": "It carries the mark of editing software.",
    "software_not_firmware": "Its Software is not what this camera's firmware writes.",
    "changed_later": "Its EXIF says that the file was changed after the photograph was taken.",
    "not_baseline": "It is not coded as baseline JPEG, as cameras do.",
    "not_colour": "It does not have three colour components.",
    "size_disagrees": "Its EXIF states another size than the picture has.",
    "frame_turned": "Its picture lies the other way than its EXIF states: it was turned and saved again.",
    "thumbnail_turned": "Its thumbnail lies the other way than the picture: it was turned and saved again.",
    "saved_by_library": "Segments, Huffman and quantisation tables together are those of a program, not of a camera.",
    "not_native_size": "Its size is none that this camera makes.",
    "not_native_tables": "Its quantisation tables are none that this camera writes.",
    "not_native_segments": "Its header has a form that this camera does not write, with a mark of software.",
    "low_quality_factor": "It is compressed harder than rules.quality_factor_min.",
    "truncated": "The file ends before its picture does.",
    "undecodable": "Its picture does not decode without errors.",
    "foreign_grid": "Its pixels show the grid of an earlier compression that was cropped and saved again.",
    "compressed_twice": "Its pixels show an earlier, harder compression on the same grid.",
    "too_little_support": "Too few photographs of too few owners show its camera.",
    "placeholder": "The same picture stands in for so many photographs that it is none.",
    "claimed_by_two_cameras": "The same picture is claimed by another camera, and neither is provably the original.",
    "duplicate": "It is a copy of another photo: the same bytes, the same scan, or nearly the same picture.",
    "device_on_two_sides": "Its device's photographs lie on two sides of the data set, and it is on the smaller one.",
    "copy_of_refused": "It is a copy, saved again, of a photograph that was refused for another reason.",
    "beyond_owner_cap": "curation.owner_photos_max photographs of its owner and camera are kept already.",
    "given_two_splits": "curation.given_splits gives it another split or fold than most photographs of its group.",
    "given_split_disagrees": "curation.given_splits gives it another split or fold than its group has had before.",
}
"""The sentence of each slug, in the order of the funnel."""


_PLACES = {slug: place for place, slug in enumerate(REASONS)}


def in_funnel_order(reasons: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct reasons in the order of the funnel, unknown ones last and by name."""
    return tuple(sorted(set(reasons), key=lambda slug: (_PLACES.get(slug, len(_PLACES)), slug)))
