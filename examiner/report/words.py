"""Words: sentences and rows that all forms of a report share."""

from collections.abc import Sequence
from pathlib import PurePath

from corpus.text import count, size
from examiner.finding import GROUPS, Finding, Level, Map, Regions, Strength
from examiner.report.content import Report
from examiner.report.pictures import SETS_SHOWN
from examiner.report.verdict import Outcome, as_many

LEVELS: dict[Level, str] = {
    "fact": "read",
    "expected": "expected",
    "unusual": "unusual",
    "estimated": "estimate",
    "none": "no answer",
    "weak": "weak sign",
}
"""A level in a word or two, as people read it."""

OUTCOMES: dict[Outcome, str] = {
    "unusual": "Unusual",
    "doubtful": "In doubt",
    "ordinary": "Nothing unusual",
    "unknown": "No verdict",
}

LEVELS_EXPLAINED = (
    "Read: it stands in the file, and is not estimated. Expected: genuine photographs show the same. Unusual: at most "
    "1 % of the genuine ones show as much. Weak sign: as rare, but by a method that finds less than half of what it "
    "looks for, so it counts for nothing alone. Estimate: how often genuine photographs show the same was not "
    "measured. No answer: nothing can be said of this file, and why."
)
MAP_READ = (
    "The stronger the colour, the stronger the evidence at this place, compared within this picture. Hatched: no "
    "answer, since the place is saturated, flat or blurred, or too small."
)
TURNED = "Shown turned as its EXIF asks; positions in sentences are those of the stored frame."
METHOD_HEADER = ("Finding", "Question", "Method", "Source")
PLANTED_TITLE = "What was planted in genuine photographs"
PLANTED_HEADER = ("Finding", "Planted", "Found at 1 % false alarms", "Photographs")
RATES_HEADER = ("Finding", "Level", "Score", "Genuine with as much", "Devices", "Found of what was planted")


def heading_of(report: Report) -> str:
    """Return what stands above a report: the file's own name, without the folders on the way to it."""
    return PurePath(report.name).name or report.name or report.sha256 or "A file"


def nothing_strong(report: Report) -> str:
    """Return why no evidence is singled out as the strongest."""
    if report.outcome == "unknown":
        return "No finding could be compared with genuine photographs, so none is singled out here."
    return "No finding is unusual, so none is singled out here."


def what_it_is(report: Report) -> str:
    """Return kind and size of a file in one line."""
    width_px, height_px = report.size_px
    return f"{report.kind or 'A file'}, {width_px:,} × {height_px:,} px, {size(report.size_bytes)}"


def strength_text(strength: Strength) -> str:
    """Return what a score is worth, in words."""
    return (
        f"as much in {as_many(strength):,} of {count(strength.photographs, 'genuine photograph')} by "
        f"{count(strength.devices, 'device')} ({strength.origin})"
    )


def detection_text(strength: Strength) -> str:
    """Return how much a method finds of what was planted, in words; empty where nothing was planted."""
    if not strength.detection:
        return ""
    share = sum(each.share for each in strength.detection) / len(strength.detection)
    return f"{100 * share:.0f} % of {count(len(strength.detection), 'kind')} of alteration"


def rate_rows(findings: Sequence[Finding]) -> list[tuple[str, ...]]:
    """Return the error rates of findings with a score, for a table below `RATES_HEADER`."""
    return [
        (
            title(each.name), LEVELS[each.level], f"{each.score:.4g}", *_measured(each.strength),
        )
        for each in findings
        if each.score is not None
    ]  # fmt: skip


def detection_rows(findings: Sequence[Finding]) -> list[tuple[str, ...]]:
    """Return how often each planted alteration is found: finding, alteration, share, photographs."""
    return [
        (title(each.name), one.what, f"{100 * one.share:.0f} %", f"{one.photographs:,}")
        for each in findings
        if each.strength
        for one in each.strength.detection
    ]


def method_rows(findings: Sequence[Finding]) -> list[tuple[str, ...]]:
    """Return method and source of each finding that names one, each finding once."""
    rows = {
        each.name: (title(each.name), GROUPS[each.group], each.method, each.source)
        for each in findings
        if each.method or each.source
    }
    return list(rows.values())


def provenance_rows(report: Report) -> list[tuple[str, str]]:
    """Return what a reader needs to repeat the examination: digest, versions, what was used beside the file."""
    return [
        ("File", heading_of(report)),
        ("SHA-256", report.sha256),
        ("Size", f"{report.size_bytes:,} bytes"),
        ("Shutterprint", report.version),
        ("False alarms measured on", "; ".join(_origins(report))),
        ("Generation of the data set", report.generation or "none: its claims were not compared with a data set"),
        ("Trained network", report.run or "none: no network was asked which camera took it"),
    ]


def _origins(report: Report) -> list[str]:
    """Return on which genuine pictures the false alarms of a report were measured."""
    others = {each.strength.origin: title(each.name) for each in report.findings if each.strength is not None}
    others.pop(report.calibration, None)
    return [report.calibration, *(f"of {name.lower()}, {origin}" for origin, name in others.items())]


def title(name: str) -> str:
    """Return the slug of a finding as people read it."""
    return name.replace("_", " ").capitalize()


def caption(title: str, *sentences: str) -> str:
    """Return what stands below a picture: its title and the sentences that are not empty."""
    return " ".join([f"{title.rstrip('.')}.", *filter(None, sentences)])


def map_caption(shown: Map) -> str:
    """Return what stands below a map."""
    return caption(shown.title, shown.caption, coverage(shown), MAP_READ)


def regions_caption(shown: Regions) -> str:
    """Return what stands below regions."""
    more = f"The first {SETS_SHOWN} of {len(shown.sets)} are drawn." if len(shown.sets) > SETS_SHOWN else ""
    return caption(shown.title, shown.caption, "Regions of one colour and letter belong together.", more)


def coverage(shown: Map) -> str:
    """Return for how much of a map there is an answer."""
    answered = int((shown.values == shown.values).sum())  # NaN differs from itself
    if not answered:
        return "No cell has an answer."
    return f"An answer in {answered:,} of {shown.values.size:,} cells of {shown.cell_px} × {shown.cell_px} px."


def _measured(strength: Strength | None) -> tuple[str, str, str]:
    if strength is None:
        return "not measured", "", ""
    return (
        f"{as_many(strength):,} of {strength.photographs:,}", f"{strength.devices:,}",
        detection_text(strength) or "not measured",
    )  # fmt: skip


def sentence(text: str) -> str:
    """Return a text with a capital at its beginning, the rest as it is."""
    return text[:1].upper() + text[1:]
