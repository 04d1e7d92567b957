"""Claim: which camera the file says took it and when, and whether that camera writes such a file."""

from collections.abc import Iterator

from corpus.cameras.catalogue import Camera
from corpus.errors import ConfigurationError
from corpus.text import count
from curation.consensus import tables_text
from curation.rules import has_native_tables
from examiner.detectors.claim.dates import XMP_DATES, compared, duration
from examiner.detectors.claim.form import NAMES, Aspect, Form, form_of
from examiner.detectors.claim.signs import signs_of, weight
from examiner.finding import Finding, Table
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph
from forensics.jpeg.segments import EXIF_IDENTIFIER, XMP_IDENTIFIER
from forensics.metadata.colour_profile import joined_profile, profile_fields
from forensics.metadata.exif.moments import Moments, read_moments
from forensics.metadata.xmp_listing import xmp_properties
from forensics.photo_facts import PhotoFacts

_FARID = "Farid, Dartmouth TR2008-638; Kee, Johnson, Farid, IEEE TIFS 6 (2011)"
_SHOWN_IN_SENTENCE = 3


def claimed_camera(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say what camera and firmware the file names, and whether the camera is known."""
    exif = photograph.facts or (photograph.stored.exif if photograph.stored else None)
    if exif is None or not (exif.make or exif.model):
        yield Finding("claimed_camera", "claim", "The file names no camera.", "fact", source="Exif 2.32 (CIPA DC-008)")
        return
    camera = _camera(knowledge, exif.make, exif.model)
    named = " ".join(filter(None, (exif.make, exif.model)))
    known = "which is not in the catalogue" if camera is None else "which is in the catalogue"
    known += f" as {camera.name}" if camera and camera.name != named else ""
    firmware = f"Software {exif.software}" if exif.software else "no Software field"
    serial = f"a serial number of the camera ({exif.serial_source})" if exif.serial_number else "no serial number"
    rows = [
        ("Make", exif.make), ("Model", exif.model), ("Software", exif.software), ("taken", exif.taken_at),
        ("MakerNote", f"{exif.maker_note}, {exif.maker_note_bytes:,} bytes" if exif.maker_note else None),
        ("serial number", exif.serial_number if knowledge.private else serial),
    ]  # fmt: skip
    yield Finding(
        "claimed_camera", "claim",
        f"The file names {named} as its camera, {known}; {firmware}, {serial}.",
        "fact", evidence=(Table("What it claims", ("field", "value"), tuple((a, b) for a, b in rows if b)),),
        method="Read from EXIF.", source="Exif 2.32 (CIPA DC-008)", caution="Any program can write these fields.",
    )  # fmt: skip


def dates(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Hold the dates of the file against each other."""
    moments, xmp, profile = _dates_in(photograph)
    found = compared(moments, xmp, profile)
    if not found:
        stated = f"It gives only one date, {moments.taken}" if moments.taken else "It does not say when it was taken"
        yield Finding("dates", "claim", f"{stated}: there is nothing to compare it with.", "none")
        return
    worst = max(found, key=lambda each: each.apart_s)
    statement = (
        f"Its dates agree ({count(len(found), 'comparison')})."
        if worst.apart_s < 1
        else f"Its dates are off by {duration(worst.apart_s)} from what is plausible: {worst.what}."
    )
    yield Finding(
        "dates", "claim", statement, "expected", worst.apart_s,
        evidence=(
            Table("The dates in the file", ("date", "value"), tuple(_dates_shown(moments, xmp, profile))),
            Table(
                "Comparisons of dates", ("comparison", "off by", "plausible"),
                tuple((each.what, duration(each.apart_s), each.plausible) for each in found),
            ),
        ),
        method="Dates of EXIF, GPS, XMP and colour profile are compared; the score is the largest gap in seconds.",
        source="Exif 2.32 (CIPA DC-008), 4.6.5 and 4.6.6; XMP part 1; ICC.1:2022, 7.2",
        caution=(
            "Clocks that are not set, time zones that changed on a journey, and GPS positions from before look the "
            "same; programs that only copy or rotate change dates too. Dates that agree prove nothing: all can be "
            "written."
        ),
    )  # fmt: skip


def camera_form(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say how many photographs of the claimed camera are written as this file is; needs a generation."""
    facts, corpus = photograph.facts, knowledge.corpus
    if facts is None or corpus is None or not facts.model:
        return
    camera = _camera(knowledge, facts.make, facts.model)
    names = {each.key: each.name for each in (*corpus.catalogue.cameras, *corpus.catalogue.unlisted)}
    form = form_of(facts, camera, corpus.learned, names) if camera else None
    if camera is None or form is None:
        named = camera.name if camera else f"{facts.make or ''} {facts.model}".strip()
        yield Finding(
            "camera_form", "claim",
            f"Generation {corpus.generation} has too few photographs of {named} to say how that camera writes files.",
            "none", source=_FARID,
        )  # fmt: skip
        return
    yield Finding(
        "camera_form", "claim", _form_statement(camera.name, form), "expected", form.unlikelihood,
        evidence=(
            Table(
                f"Compared with {count(form.photos, 'photograph')} of {camera.name} by {count(form.owners, 'owner')}",
                ("aspect", "this file", "seen in", "usual", "other cameras that show it"),
                tuple(_form_row(aspect) for aspect in form.aspects),
            ),
        ),
        method=(
            "Each aspect is looked up in what the generation's photographs of this camera show; the score is the sum "
            "of −log10 of the shares of the camera's other photographs with the same value, half a photograph added."
        ),
        source=_FARID,
        caution=(
            "A mode, a firmware or a setting that nobody in the data set used looks the same, as does a file that a "
            "program saved again. The generation keeps photographs that are written as most of their camera's are, so "
            "they are more alike than all the photographs that exist."
        ),
    )  # fmt: skip


def listed_form(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say whether size, firmware, tables and segments are among those that the catalogue holds of the camera."""
    facts = photograph.facts
    if facts is None or not facts.model:
        return
    camera = _camera(knowledge, facts.make, facts.model)
    rows = list(_listed(facts, camera)) if camera else []
    if camera is None or not rows:
        named = camera.name if camera else f"{facts.make or ''} {facts.model}".strip()
        yield Finding(
            "listed_form", "claim", f"The catalogue does not say how {named} writes files.", "none", source=_FARID
        )
        return
    foreign = [aspect for aspect, _, _, is_native in rows if not is_native]
    differs = f"differs in its {_joined(foreign)}" if foreign else "matches " + ("it" if len(rows) == 1 else "them all")
    statement = f"The catalogue lists {count(len(rows), 'aspect')} of files by {camera.name}, and this file {differs}."
    yield Finding(
        "listed_form", "claim", statement, "expected", float(len(foreign)),
        evidence=(
            Table(
                f"What the catalogue lists for {camera.name}", ("aspect", "this file", "matches", "in the catalogue"),
                tuple((aspect, own, "yes" if is_native else "no", known) for aspect, own, known, is_native in rows),
            ),
        ),
        method="Compared with the catalogue's entry of the camera; the score is the number of aspects that differ.",
        source=_FARID,
        caution=(
            "The catalogue lists the full sizes of a camera and smaller ones where they are known, so a photograph "
            "taken in a smaller size can look foreign."
        ),
    )  # fmt: skip


def software_signs(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say what in the file speaks of software: editors' marks, contradictions, weaker hints."""
    facts = photograph.facts
    if facts is None:
        return
    signs = signs_of(facts, _camera(knowledge, facts.make, facts.model))
    reasons = [sign for sign in signs if sign.is_reason]
    hinted = [sign for sign in signs if not sign.is_reason]
    if reasons:
        told = "; ".join(f"{sign.sentence} ({sign.value})" for sign in reasons[:_SHOWN_IN_SENTENCE])
        more = f"; and {len(reasons) - _SHOWN_IN_SENTENCE} more" if len(reasons) > _SHOWN_IN_SENTENCE else ""
        statement = f"{count(len(reasons), 'sign')} of software: {told}{more}."
    elif hinted:
        unusual = _joined([sign.sentence for sign in hinted])
        statement = f"No clear sign of software, but this is less usual in a file that a camera wrote: {unusual}."
    else:
        statement = "Nothing in the header points to software."
    yield Finding(
        "software_signs", "claim", statement, "expected", weight(signs),
        evidence=(
            Table(
                "Signs of software", ("sign", "value", "weight"),
                tuple((sign.sentence, sign.value, "1" if sign.is_reason else "0.1") for sign in signs),
            ),
        ) if signs else (),
        method=(
            "The header is checked by the rules that decide which photographs a data set keeps; the score counts those "
            "that it breaks."
        ),
        source="Decision 0010 of this project; the rules by which it curates data sets",
        caution=(
            "Programs that only rotate, rate or copy leave the same marks as those that change pixels. Photographs of "
            "a data set were kept because they have none of the signs of weight 1, so a false-alarm rate measured on "
            "them is a lower bound. Without a sign nothing is proved: whoever knows the marks can take them out."
        ),
    )  # fmt: skip


def _camera(knowledge: Knowledge, make: str | None, model: str | None) -> Camera | None:
    try:
        return knowledge.catalogue.identify(make, model)
    except ConfigurationError:  # two entries take the name, which says nothing of the file
        return None


def _dates_in(photograph: Photograph) -> tuple[Moments, dict[str, str], str | None]:
    """Return EXIF's dates, those of XMP, and when the colour profile was made; of other kinds EXIF's alone."""
    if photograph.kind != "JPEG":
        exif = photograph.stored.exif if photograph.stored else None
        if exif is None:
            return Moments(), {}, None
        return Moments(taken=exif.taken_at, digitised=exif.digitised_at, modified=exif.modified_at), {}, None
    data, moments, packet = photograph.data, Moments(), b""
    for segment in photograph.segments:
        payload = data[segment.payload_start : segment.end]
        if segment.name == "APP1:Exif" and moments == Moments():
            moments = read_moments(payload[len(EXIF_IDENTIFIER) + 1 :])
        elif segment.name == "APP1:XMP":
            packet += payload[len(XMP_IDENTIFIER) :]
    profile = joined_profile(data[s.payload_start : s.end] for s in photograph.segments if s.name == "APP2:ICC")
    xmp = {name: text for name, text in xmp_properties(packet) if name in XMP_DATES}
    return moments, xmp, dict(profile_fields(profile)).get("Created")


def _dates_shown(moments: Moments, xmp: dict[str, str], profile: str | None) -> Iterator[tuple[str, str]]:
    gps = " ".join(filter(None, (moments.gps_date, moments.gps_time)))
    shown = {
        "taken": _with_offset(moments.taken, moments.taken_offset),
        "digitised": _with_offset(moments.digitised, moments.digitised_offset),
        "changed": _with_offset(moments.modified, moments.modified_offset),
        "GPS (UTC)": gps,
        **{XMP_DATES[name]: text for name, text in xmp.items()},
        "colour profile made": profile,
    }
    yield from ((what, text) for what, text in shown.items() if text)


def _with_offset(date: str | None, offset: str | None) -> str | None:
    return f"{date} {offset}" if date and offset else date


def _form_statement(name: str, form: Form) -> str:
    photographs = f"{count(form.photos, 'photograph')} of {name} by {count(form.owners, 'owner')}"
    unseen = form.unseen
    if not unseen:
        rare = min(form.aspects, key=lambda each: each.photos)
        return (
            f"All {len(form.aspects)} aspects of the file are seen in {photographs}; the rarest, its "
            f"{NAMES[rare.aspect]}, in {rare.photos:,} of them."
        )
    told = "; ".join(
        f"{NAMES[each.aspect]} {each.value}" + (f", as files by {each.others[0]} have" if each.others else "")
        for each in unseen[:_SHOWN_IN_SENTENCE]
    )
    more = f"; and {len(unseen) - _SHOWN_IN_SENTENCE} more" if len(unseen) > _SHOWN_IN_SENTENCE else ""
    return f"In {len(unseen)} of {len(form.aspects)} aspects the file differs from all {photographs}: {told}{more}."


def _form_row(aspect: Aspect) -> tuple[str, ...]:
    seen = count(aspect.photos, "photograph") if aspect.photos else "never"
    seen += f" by {count(aspect.owners, 'owner')}" if aspect.owners else ""  # of those without a firmware not known
    return NAMES[aspect.aspect], aspect.value, seen, "; ".join(aspect.usual), "; ".join(aspect.others) or "none"


def _listed(facts: PhotoFacts, camera: Camera) -> Iterator[tuple[str, str, str, bool]]:
    """Yield aspect, the file's value, the native values and whether it is among them, of aspects that are known."""
    if camera.sizes:
        own = f"{facts.width_px}x{facts.height_px}"
        yield "size", own, ", ".join(camera.sizes), camera.is_native_size(facts.width_px, facts.height_px)
    if camera.software:
        own = facts.software or "none"
        yield "firmware", own, ", ".join(camera.software), camera.writes_software(facts.software or "")
    if camera.tables or camera.families:
        known = count(len(camera.tables), "set")
        known += f", {len(camera.families):,} scaled for each photograph" if camera.families else ""
        own = f"{tables_text(facts.quantisation_tables)} ({facts.tables_digest})"
        yield "quantisation tables", own, known, has_native_tables(facts, camera)
    if camera.segments:
        is_native = facts.segments_form in camera.segments
        yield "order of segments", facts.segments_form, "; ".join(camera.segments), is_native


def _joined(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
