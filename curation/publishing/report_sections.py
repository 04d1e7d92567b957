"""Report sections: the counts of a generation in, the sections of its page out, one function a section; pure.

Long lists are cut where a page stops being of use, and say what file has the rest.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from corpus.page import Tile, box, details, figure, paragraph, section, subheading, table, tiles
from corpus.records import SPLITS
from corpus.text import clipped, commonest, count, size, years
from curation.publishing.report_plots import funnel_plot, megapixel_plot, quality_plot
from curation.reasons import REASONS, in_funnel_order

Counts = Mapping[str, Any]
Native = Mapping[str, Any]


_CAMERAS_SHOWN = 300
_LICENCES_SHOWN = 40
_SIZES_SHOWN = 3
_NATIVES_SHOWN, _CANDIDATES_SHOWN = 12, 6
_OPEN_CAMERAS = 3
"""Cameras up to which the learned consensus stands open."""
_TEXT_CHARACTERS = 160
"""Of what strangers wrote: EXIF may hold a text of 64 kB."""
_NO_PICTURE = "no picture: its bytes are not kept, or none can be seen in them"
_LONG_LIST = 30
_ASPECTS = ("size", "tables", "segments", "software")


def funnel_section(counts: Counts) -> str:
    """Return what each rule refused, in photos and in bytes."""
    steps = counts["funnel"]
    if not steps:
        return section("Funnel", paragraph("No rule objected to any photo."))
    header = ("reason", "what it says", "refused by it", "first to refuse", "photos left", "bytes left")
    body = [
        (
            step["reason"],
            step["meaning"],
            f"{step['refused']:,}",
            f"{step['first']:,}",
            f"{step['remaining']:,}",
            size(step["remaining_bytes"]),
        )
        for step in steps
    ]
    return section(
        "Funnel",
        paragraph(
            "All rules are asked of every photo, so a photo may be counted by several reasons; the last three columns "
            "put the rules one behind the other."
        ),
        figure(funnel_plot(counts), "Left after each reason (blue) and refused by it, alone or not (orange)."),
        table(header, body),
    )


def source_section(counts: Counts) -> str:
    """Return what each photo site gave."""
    header = ("source", "photos", "kept", "share kept", "bytes", "bytes kept")
    body = [
        (
            name,
            f"{source['photos']:,}",
            f"{source['kept']:,}",
            f"{source['kept'] / max(source['photos'], 1):.1%}",
            size(source["size_bytes"]),
            size(source["kept_bytes"]),
        )
        for name, source in sorted(counts["sources"].items())
    ]
    return section("Sources", table(header, body) if body else paragraph("There are no photos."))


def camera_section(counts: Counts) -> str:
    """Return a row a camera, the ones with most photos kept first."""
    cameras = ranked_cameras(counts)
    if not cameras:
        return section("Cameras", paragraph("No photo names a camera."))
    header = (
        "camera",
        "photos",
        "kept",
        "bytes kept",
        "groups",
        "owners",
        "devices",
        *(f"{split} (groups)" for split in SPLITS),
        "photos a fold",
        "years",
        "table sets",
        "sizes",
    )
    return section(
        "Cameras",
        paragraph(
            "By EXIF, whatever the site says. A group stands for one device (by its serial number) or one owner, and "
            "is in one split for ever; a camera needs three groups to be in all splits. Devices are the groups that a "
            "serial number tells. Groups, owners and all that follows are of the photos kept."
        ),
        table(header, [_camera_row(key, camera) for key, camera in cameras[:_CAMERAS_SHOWN]]),
        *_and_more(len(cameras) - _CAMERAS_SHOWN, "camera", "funnel.json"),
    )


def ranked_cameras(counts: Counts) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the cameras, the ones with most photos kept first."""
    return sorted(counts["cameras"].items(), key=lambda pair: (-pair[1]["kept"], -pair[1]["photos"], pair[0]))


def quality_section(counts: Counts) -> str:
    """Return how hard the photos are compressed."""
    quality = counts["quality"]
    if not _known(quality):
        return section("Quality factors", paragraph("No photo's quality factor is known."))
    text = f"Estimated IJG quality factors of photos kept (blue) and refused (orange){_unknown(quality)}."
    return section("Quality factors", figure(quality_plot(quality), text))


def megapixel_section(counts: Counts) -> str:
    """Return how large the pictures are."""
    megapixels = counts["megapixels"]
    if not _known(megapixels):
        return section("Picture sizes", paragraph("No photo's size is known."))
    text = f"Megapixels of photos kept (blue) and refused (orange){_unknown(megapixels)}; 120 stands for all above."
    return section("Picture sizes", figure(megapixel_plot(megapixels), text))


def native_section(natives: Sequence[Native], counts: Counts) -> str:
    """Return what the photos' own agreement says each camera writes, and what came closest to it."""
    cameras: dict[str, list[Native]] = {}
    for native in natives:
        cameras.setdefault(native["camera"], []).append(native)
    if not cameras:
        return section("Learned consensus", paragraph("Nothing was learned and nothing is in the catalogue."))
    ranks = {key: place for place, (key, _) in enumerate(ranked_cameras(counts))}
    ordered = sorted(cameras.items(), key=lambda pair: (ranks.get(pair[0], len(ranks)), pair[0]))
    parts = [_consensus(key, rows, is_open=len(ordered) <= _OPEN_CAMERAS) for key, rows in ordered[:_CAMERAS_SHOWN]]
    return section(
        "Learned consensus",
        paragraph(
            "What a camera itself writes is what photos by many owners agree on; what few owners share is a program's. "
            "Native values are held to be the camera's own; below them the strongest that are not."
        ),
        *([box(*parts)] if len(parts) > _LONG_LIST else parts),
        *_and_more(len(ordered) - _CAMERAS_SHOWN, "camera", "natives.json"),
    )


def sample_section(thumbnails: Mapping[str, Sequence[Tile]]) -> str:
    """Return a few refused photos of every reason; a tile is (address of a picture or None, caption, page)."""
    parts: list[str] = []
    for reason in in_funnel_order(thumbnails):
        if thumbnails[reason]:
            meaning = REASONS.get(reason)
            parts += [subheading(reason), *([paragraph(meaning)] if meaning else [])]
            parts.append(tiles([_short(*tile) for tile in thumbnails[reason]], _NO_PICTURE))
    return section("Samples of refused photos", *(parts or [paragraph("There are none.")]))


def hub_section(counts: Counts) -> str:
    """Return the largest sets of copies."""
    body = [(clipped(hub["photo"], _TEXT_CHARACTERS), f"{hub['copies']:,}", hub["reason"]) for hub in counts["hubs"]]
    if not body:
        return section("Largest sets of copies", paragraph("No photo was found twice."))
    text = "A picture found very often is rather a site's placeholder than a photograph that many people copied."
    return section("Largest sets of copies", paragraph(text), table(("photo", "copies", "taken for"), body))


def licence_section(counts: Counts) -> str:
    """Return the licences of what is kept."""
    licences = sorted(counts["licences"].items(), key=lambda pair: (-pair[1], pair[0]))
    if not licences:
        return section("Licences", paragraph("No photo is kept."))
    return section(
        "Licences",
        table(
            ("licence", "photos kept"),
            [(clipped(name, _TEXT_CHARACTERS), f"{number:,}") for name, number in licences[:_LICENCES_SHOWN]],
        ),
        *_and_more(len(licences) - _LICENCES_SHOWN, "licence", "funnel.json"),
    )


def leak_section(counts: Counts) -> str:
    """Return what of one split was found in another."""
    leaks, none = counts["leaks"], "must be 0"
    body = [
        ("groups in two splits", f"{leaks['groups']:,}", none),
        ("equal files in two splits", f"{leaks['bytes']:,}", none),
        ("equal picture data in two splits", f"{leaks['scans']:,}", none),
        ("near copies in two splits", f"{leaks['near']:,}", none),
        (
            "owners whose photos by one camera model are in two splits",
            f"{leaks['owners']:,}",
            "0 but for owners of two devices",
        ),
    ]
    return section("Leakage between the splits", table(("what", "found", "what is right"), body))


def _camera_row(key: str, camera: Mapping[str, Any]) -> tuple[object, ...]:
    name = f"{camera['name']} ({key})" if camera["name"] and camera["name"] != key else key
    folds = list(camera["folds"].values())
    return (
        clipped(name, _TEXT_CHARACTERS) + ("" if camera["listed"] else ", not in the catalogue"),
        f"{camera['photos']:,}",
        f"{camera['kept']:,}",
        size(camera["kept_bytes"]),
        f"{camera['groups']:,}",
        f"{camera['owners']:,}",
        f"{camera['devices']:,}",
        *(f"{camera['splits'][split]['photos']:,} ({camera['splits'][split]['groups']:,})" for split in SPLITS),
        f"{min(folds):,}–{max(folds):,}" if folds else "",
        years(camera["years"]),
        f"{len(camera['tables']):,}",
        commonest(camera["sizes"], _SIZES_SHOWN),
    )


def _consensus(camera: str, rows: Sequence[Native], *, is_open: bool) -> str:
    natives = sorted((row for row in rows if row["native"]), key=_strength)
    others = sorted((row for row in rows if not row["native"]), key=_strength)
    shown = [*natives[:_NATIVES_SHOWN], *others[:_CANDIDATES_SHOWN]]
    return details(
        f"{camera}: {count(len(natives), 'native value')}, {len(others):,} others",
        table(
            ("aspect", "value", "native", "photos", "owners", "share of owners", "from"),
            [_native(row) for row in shown],
        ),
        *_and_more(len(rows) - len(shown), "value", "natives.json"),
        is_open=is_open,
    )


def _strength(row: Native) -> tuple[object, ...]:
    aspect = row["aspect"]
    place = _ASPECTS.index(aspect) if aspect in _ASPECTS else len(_ASPECTS)
    return (place if row["native"] else 0, -row["owners"], -row["photos"], aspect, row["value"])


def _short(picture: str | None, caption: str, url: str | None) -> Tile:
    return Tile(picture, clipped(caption, _TEXT_CHARACTERS), url)


def _native(row: Native) -> tuple[object, ...]:
    text, value = clipped(row["text"] or row["value"], _TEXT_CHARACTERS), row["value"]
    is_digest = row["aspect"] in ("tables", "segments") and text != value
    return (
        row["aspect"],
        f"{text} [{value[:10]}]" if is_digest else text,
        "yes" if row["native"] else "no",
        f"{row['photos']:,}",
        f"{row['owners']:,}",
        f"{row['share']:.0%}",
        row["source"],
    )


def _known(counted: Mapping[str, Mapping[str, int]]) -> bool:
    return any(key != "?" for verdict in ("kept", "refused") for key in counted[verdict])


def _unknown(counted: Mapping[str, Mapping[str, int]]) -> str:
    number = sum(counted[verdict].get("?", 0) for verdict in ("kept", "refused"))
    return f"; that of {count(number, 'photo')} is not known" if number else ""


def _and_more(more: int, thing: str, file: str) -> list[str]:
    return [paragraph(f"And {count(more, f'more {thing}')} in {file}.")] if more > 0 else []
