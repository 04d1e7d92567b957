"""Words: sentences and rows that all forms of a report share."""

from collections.abc import Sequence
from pathlib import PurePath

from corpus.text import count, size
from examiner.calibration.measured import UNUSUAL
from examiner.finding import GROUPS, Finding, Level, Map, Regions, Strength
from examiner.report.content import Report
from examiner.report.pictures import SETS_SHOWN
from examiner.report.verdict import Outcome, as_many, bound_text, percent

LEVELS: dict[Level, str] = {
    "fact": "fact",
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
    "Fact: read from the file, not estimated. Expected: genuine photographs score as high. Unusual: at most 1 % of "
    "genuine photographs score as high. Weak sign: as rare, but the method finds less than half of what it looks for, "
    "so it does not count on its own. Estimate: it was not measured how often genuine photographs score as high. No "
    "answer: nothing can be said about this file; the sentence says why."
)
MAP_READ = (
    "The stronger the colour, the stronger the evidence at this place, compared within this picture. Hatched: no "
    "answer, because the place is saturated, flat, blurred or too small."
)
TURNED = (
    "The photograph, turned upright as its EXIF orientation says. Positions in the text are those in the picture as it "
    "is stored, before it is turned."
)
AS_STORED = "The photograph, as it is stored."
METHOD_HEADER = ("Finding", "Question", "Method", "Source")
PLANTED_TITLE = "Alterations made to genuine photographs as a test"
PLANTED_HEADER = ("Finding", "Alteration", "Found, at 1 % false alarms", "Photographs altered")
RATES_HEADER = (
    "Finding", "Level", "Score", "Genuine photographs that score as high", "Their devices",
    "Of other devices at most", "Test alterations found",
)  # fmt: skip


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


def strength_text(strength: Strength, calibration: str) -> str:
    """Return what a score is worth, in words; `calibration`: the origin that the report names once for all."""
    number = as_many(strength)
    return (
        f"{number:,} of {count(strength.photographs, 'genuine photograph')} by {count(strength.devices, 'device')} "
        f"{'scores' if number == 1 else 'score'} as high"
        + (f" ({strength.origin})" * (strength.origin != calibration))
        + (f", and at most {bound_text(strength)}" * (strength.false_alarm_rate <= UNUSUAL))
    )


def genuine(report: Report) -> str:
    """Return in one sentence which photographs are the genuine ones; empty where none were measured."""
    return f"The genuine photographs are {report.calibration}." if report.calibration else ""


def detection_text(strength: Strength) -> str:
    """Return how much a method finds of what was planted, in words; empty where nothing was planted."""
    if not strength.detection:
        return ""
    share = sum(each.share for each in strength.detection) / len(strength.detection)
    kinds, lossless = len(strength.detection), all(each.lossless for each in strength.detection)
    saved = ", saved without loss" if lossless else ""
    return f"{100 * share:.0f} %" + (f" in the mean of {kinds:,} kinds{saved}" if kinds > 1 else saved)


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
        ("Generation of the data set", report.generation or "none: the file was not compared with a data set"),
        ("Trained network", report.run or "none: no network judged which camera took it"),
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
    return f"Answers for {answered:,} of {shown.values.size:,} cells of {shown.cell_px} × {shown.cell_px} px."


def _measured(strength: Strength | None) -> tuple[str, str, str, str]:
    if strength is None:
        return "not measured", "", "", ""
    return (
        f"{as_many(strength):,} of {strength.photographs:,}", f"{strength.devices:,}",
        percent(strength.upper_bound), detection_text(strength) or "not measured",
    )  # fmt: skip


def sentence(text: str) -> str:
    """Return a text with a capital at its beginning, the rest as it is."""
    return text[:1].upper() + text[1:]
