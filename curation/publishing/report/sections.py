"""Report sections: draws the counts of a generation as parts of HTML, one function for each section of the report.

Pure: counts → parts. Long lists are cut where a page stops being useful, and name the file that has the rest.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from corpus.page import Tile, box, details, figure, paragraph, subheading, table, tiles
from corpus.records import SPLITS
from corpus.text import clipped, commonest, count, ranked, size, years
from curation.consensus import ASPECTS
from curation.publishing.report.plots import funnel_plot, megapixel_plot, quality_plot
from curation.reasons import REASONS, in_funnel_order
from forensics.jpeg.quality import OWN

Counts = Mapping[str, Any]
Native = Mapping[str, Any]

_CAMERAS_SHOWN = 300
_LICENCES_SHOWN = 40
_SIZES_SHOWN = 3
_NATIVES_SHOWN, _CANDIDATES_SHOWN = 12, 6
_OPEN_CAMERAS = 3
"""With at most so many cameras, their learned consensus is unfolded."""
_TEXT_CHARACTERS = 160
"""Of texts that strangers wrote: EXIF may hold 64 kB."""
_NO_PICTURE = "no picture: its bytes are not kept, or none can be seen in them"
_LONG_LIST = 30
DECIDED_BY = {
    "licence_not_allowed": "sources.*.licences",
    "too_large": "crawl.original_max_bytes",
    "camera_unknown": "catalogue, cameras",
    "camera_not_chosen": "cameras",
    "too_little_support": "cameras",
    "software_not_firmware": "catalogue (software)",
    "not_native_size": "rules.native_size, catalogue (sizes)",
    "not_native_tables": "rules.native_tables, catalogue (tables)",
    "not_native_segments": "rules.native_segments, catalogue (segments)",
    "low_quality_factor": "rules.quality_factor_min",
    "undecodable": "curation.decode",
    "foreign_grid": "curation.grid",
    "compressed_twice": "curation.first_quality",
    "placeholder": "curation.placeholder_copies",
    "duplicate": "curation.near_bits",
    "beyond_owner_cap": "curation.owner_photos_max",
}
"""The keys of the configuration, or the lists of the catalogue, that each reason depends on."""


def funnel(counts: Counts) -> list[str]:
    """Return what each rule refused, in photos and in bytes."""
    steps = counts["funnel"]
    if not steps:
        return [paragraph("No rule objected to any photo.")]
    header = ("reason", "what it says", "refused by it", "first to refuse", "photos left", "bytes left")
    body = [
        (step["reason"], step["meaning"], *_numbers(step, "refused first remaining"), size(step["remaining_bytes"]))
        for step in steps
    ]
    return [
        paragraph(
            "Every rule is applied to every photo, so a photo may be counted for several reasons; the last three "
            "columns apply the rules one after another."
        ),
        figure(funnel_plot(counts), "Left after each reason (blue) and refused by it, alone or not (orange)."),
        table(header, body),
    ]


def what_would_change(counts: Counts) -> list[str]:
    """Return how many more photos would be kept without each reason, the one that costs most first."""
    steps = sorted((step for step in counts["funnel"] if step["alone"]), key=lambda step: -step["alone"])
    refused, alone = counts["photos"] - counts["kept"], sum(step["alone"] for step in steps)
    if not steps:
        return [paragraph("No photo is refused for one reason alone: dropping any one of them would keep no more.")]
    header = ("without this reason", "photos kept more", "of those kept now", "bytes kept more", "what decides it")
    body = [
        (
            step["reason"],
            f"{step['alone']:,}",
            f"{step['alone'] / counts['kept']:.1%}" if counts["kept"] else "–",
            size(step["alone_bytes"]),
            DECIDED_BY.get(step["reason"], "–"),
        )
        for step in steps
    ]
    return [
        paragraph(
            f"Of {count(refused, 'refused photo')}, {alone:,} are refused for one reason alone, the other "
            f"{refused - alone:,} for several. Dropping a reason would keep at most so many photos more: what it lets "
            "in may be copies, or more than one owner may have, and may teach consensus other values. Whether they are "
            "worth keeping is not counted here; look at the samples of the reason first."
        ),
        table(header, body),
    ]


def sources(counts: Counts) -> list[str]:
    """Return what each photo site gave."""
    header = ("source", "photos", "kept", "share kept", "bytes", "bytes kept")
    body = []
    for name, source in sorted(counts["sources"].items()):
        share = f"{source['kept'] / max(source['photos'], 1):.1%}"
        sizes = size(source["size_bytes"]), size(source["kept_bytes"])
        body.append((name, *_numbers(source, "photos kept"), share, *sizes))
    return [table(header, body) if body else paragraph("There are no photos.")]


def cameras(counts: Counts) -> list[str]:
    """Return a row for each camera, most photos kept first."""
    found = ranked_cameras(counts)
    if not found:
        return [paragraph("No photo names a camera.")]
    splits = [f"{split} (groups)" for split in SPLITS]
    header = ["camera", "photos", "kept", "bytes kept", "groups", "owners", "devices", *splits]
    header += ["photos a fold", "years", "table sets", "sizes"]
    return [
        paragraph(
            "By EXIF, whatever the site says. A group is one device (known by its serial number) or one owner, and "
            "stays in one split for ever; a camera needs three groups to be in all splits. Devices are the groups "
            "known by a serial number. Groups, owners and the columns after them count kept photos only."
        ),
        table(header, [_camera_row(key, camera) for key, camera in found[:_CAMERAS_SHOWN]]),
        *_and_more(len(found) - _CAMERAS_SHOWN, "camera", "funnel.json"),
    ]


def ranked_cameras(counts: Counts) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the cameras, most photos kept first."""
    return sorted(counts["cameras"].items(), key=lambda pair: (-pair[1]["kept"], -pair[1]["photos"], pair[0]))


def quality_factors(counts: Counts) -> list[str]:
    """Return how hard the photos are compressed."""
    what = "Estimated IJG quality factors of photos kept (blue) and refused (orange){}."
    if OWN in counts["quality"]["kept"].keys() | counts["quality"]["refused"].keys():
        what += " Own: tables that are far from all of the IJG's."
    return _histogram(counts["quality"], quality_plot, what, "No photo's quality factor is known.")


def picture_sizes(counts: Counts) -> list[str]:
    """Return how large the pictures are."""
    what = "Megapixels of photos kept (blue) and refused (orange){}; 120 stands for all above."
    return _histogram(counts["megapixels"], megapixel_plot, what, "No photo's size is known.")


def _histogram(
    counted: Mapping[str, Mapping[str, int]], plot: Callable[[Any], str], caption: str, if_none: str
) -> list[str]:
    """Return a plot of counts by value for photos `kept` and `refused`; the caption counts unknown ones (`?`)."""
    unknown = counted["kept"].get("?", 0) + counted["refused"].get("?", 0)
    if counted["kept"].keys() | counted["refused"].keys() <= {"?"}:
        return [paragraph(if_none)]
    note = f"; that of {count(unknown, 'photo')} is not known" if unknown else ""
    return [figure(plot(counted), caption.format(note), fits=True)]


def learned_consensus(natives: Sequence[Native], counts: Counts) -> list[str]:
    """Return the values that photos agree each camera writes, and the best supported others."""
    by_camera: dict[str, list[Native]] = {}
    for native in natives:
        by_camera.setdefault(native["camera"], []).append(native)
    if not by_camera:
        return [paragraph("Nothing was learned and nothing is in the catalogue.")]
    ranks = {key: place for place, (key, _) in enumerate(ranked_cameras(counts))}
    ordered = sorted(by_camera.items(), key=lambda pair: (ranks.get(pair[0], len(ranks)), pair[0]))
    parts = [_consensus(key, rows, is_open=len(ordered) <= _OPEN_CAMERAS) for key, rows in ordered[:_CAMERAS_SHOWN]]
    return [
        paragraph(
            "What photos by many owners agree on is what the camera itself writes; what few owners share comes from a "
            "program. Native values are taken to be the camera's own; below them are the strongest that are not."
        ),
        *([box(*parts)] if len(parts) > _LONG_LIST else parts),
        *_and_more(len(ordered) - _CAMERAS_SHOWN, "camera", "natives.json"),
    ]


def samples(thumbnails: Mapping[str, Sequence[Tile]]) -> list[str]:
    """Return a few refused photos for every reason; a tile is (address of a picture or None, caption, page)."""
    parts: list[str] = []
    for reason in in_funnel_order(thumbnails):
        if thumbnails[reason]:
            meaning = REASONS.get(reason)
            parts += [subheading(reason), *([paragraph(meaning)] if meaning else [])]
            short = [each._replace(caption=clipped(each.caption, _TEXT_CHARACTERS)) for each in thumbnails[reason]]
            parts.append(tiles(short, _NO_PICTURE))
    return parts or [paragraph("There are none.")]


def copies(counts: Counts) -> list[str]:
    """Return the largest sets of copies."""
    body = [(clipped(hub["photo"], _TEXT_CHARACTERS), f"{hub['copies']:,}", hub["reason"]) for hub in counts["hubs"]]
    if not body:
        return [paragraph("No photo was found twice.")]
    text = "A picture found very often is more likely a site's placeholder than a photograph that many people copied."
    return [paragraph(text), table(("photo", "copies", "taken for"), body)]


def licences(counts: Counts) -> list[str]:
    """Return the licences of the photos kept."""
    found = ranked(counts["licences"])
    if not found:
        return [paragraph("No photo is kept.")]
    body = [(clipped(name, _TEXT_CHARACTERS), f"{number:,}") for name, number in found[:_LICENCES_SHOWN]]
    more = _and_more(len(found) - _LICENCES_SHOWN, "licence", "funnel.json")
    return [table(("licence", "photos kept"), body), *more]


def leakage(counts: Counts) -> list[str]:
    """Return what of one split was found in another."""
    leaks, none = counts["leaks"], "must be 0"
    owners = "owners whose photos by one camera model are in two splits"
    body = [
        ("serial numbers in two splits", f"{leaks['serials']:,}", none),
        ("serial numbers in two folds", f"{leaks['serials_in_folds']:,}", none),
        ("groups in two splits", f"{leaks['groups']:,}", none),
        ("equal files in two splits", f"{leaks['bytes']:,}", none),
        ("equal picture data in two splits", f"{leaks['scans']:,}", none),
        ("near copies in two splits", f"{leaks['near']:,}", none),
        (owners, f"{leaks['owners']:,}", "0 but for owners of two devices"),
    ]
    return [table(("what", "found", "what is right"), body)]


def _camera_row(key: str, camera: Mapping[str, Any]) -> tuple[object, ...]:
    name = f"{camera['name']} ({key})" if camera["name"] and camera["name"] != key else key
    folds = list(camera["folds"].values())
    return (
        clipped(name, _TEXT_CHARACTERS) + ("" if camera["listed"] else ", not in the catalogue"),
        *_numbers(camera, "photos kept"),
        size(camera["kept_bytes"]),
        *_numbers(camera, "groups owners devices"),
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
    summary = f"{camera}: {count(len(natives), 'native value')}, {len(others):,} others"
    header = ("aspect", "value", "native", "photos", "owners", "share of owners", "from")
    more = _and_more(len(rows) - len(shown), "value", "natives.json")
    return details(summary, table(header, [_native(row) for row in shown]), *more, is_open=is_open)


def _strength(row: Native) -> tuple[object, ...]:
    aspect = row["aspect"]
    place = ASPECTS.index(aspect) if aspect in ASPECTS else len(ASPECTS)
    return (place if row["native"] else 0, -row["owners"], -row["photos"], aspect, row["value"])


def _native(row: Native) -> tuple[object, ...]:
    text, value = clipped(row["text"] or row["value"], _TEXT_CHARACTERS), row["value"]
    is_digest = row["aspect"] == "tables" and text != value
    return (
        row["aspect"],
        f"{text} [{value[:10]}]" if is_digest else text,
        "yes" if row["native"] else "no",
        *_numbers(row, "photos owners"),
        f"{row['share']:.0%}",
        row["source"],
    )


def _numbers(row: Mapping[str, Any], names: str) -> list[str]:
    return [f"{row[name]:,}" for name in names.split()]


def _and_more(more: int, thing: str, file: str) -> list[str]:
    return [paragraph(f"And {count(more, f'more {thing}')} in {file}.")] if more > 0 else []
