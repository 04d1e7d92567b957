"""Rules: each takes the facts of one photo and returns a reason to refuse it, or None.

Each rule is a pure function (facts, camera, limits) -> reason slug or None, listed in RULES in the order of the funnel.
All rules are asked, and a photo is kept when none refuses it. A rule that needs the whole file returns None while only
the header is known, so the crawlers apply the same list before they store a photo. `camera` is the catalogue's entry
that EXIF names, or that the folders of a labelled collection name, whether it is chosen for the data set or not; None
where there is no such entry.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import NamedTuple

from corpus.cameras.catalogue import Camera, Catalogue
from corpus.sections import Rules
from curation.consensus import closed_segments, firmware_of
from curation.reasons import in_funnel_order
from forensics.jpeg.quality import scaled_tables
from forensics.jpeg.segments import software_marks, stands_before
from forensics.jpeg.table_family import is_ijg, is_scaled
from forensics.jpeg.tables import tables_digest
from forensics.metadata.editors import editor_name
from forensics.photo_facts import PhotoFacts

Rule = Callable[[PhotoFacts, Camera | None, Rules], str | None]

CHANGED_LATER_S = 600
"""Cameras finish a file within seconds, after long exposures with noise reduction within minutes; a quarter of an hour
would let in quick edits on a phone. All originals at hand differ by one second at most, edits by 45 minutes or more."""

TOO_LITTLE_SUPPORT = "too_little_support"
"""The reason against cameras without the support that `cameras` demands."""
_SOFTWARE = "exif:Software"
_ALL_SIGNS = 3

_OF_EXIF_NAMES = frozenset({"no_camera_model", "camera_unknown"})
"""Reasons that count only where EXIF is the label."""


def no_camera_model(facts: PhotoFacts, camera: Camera | None, limits: Rules) -> str | None:
    """Refuse photos whose EXIF names no model: they have no label, and a camera would have written one."""
    return None if facts.model else "no_camera_model"


def camera_unknown(facts: PhotoFacts, camera: Camera | None, limits: Rules) -> str | None:
    """Refuse photos whose EXIF names a model that the catalogue does not know."""
    return "camera_unknown" if facts.model and camera is None else None


def edited_by_software(facts: PhotoFacts, camera: Camera | None, limits: Rules) -> str | None:
    """Refuse photos that carry a mark of editing software.

    What the camera's own firmware is known to write into EXIF Software is no such mark: some makers' firmware is named
    like an editor.
    """
    return "edited_by_software" if any(not _is_firmware(mark, camera) for mark in facts.editor_marks) else None


def software_not_firmware(facts: PhotoFacts, camera: Camera | None, limits: Rules) -> str | None:
    """Refuse photos whose Software is neither the camera's firmware nor an editor known by name.

    Applies only where the camera is known: firmware of others cannot be told from programs. A listed camera whose
    entry names no firmware writes nothing into Software; of an unlisted camera that is not known.
    """
    if camera is None or not facts.software or camera.writes_software(facts.software):
        return None
    if not camera.is_listed and not camera.software:
        return None
    is_editor = any(_where(mark) == _SOFTWARE for mark in facts.editor_marks)
    return None if is_editor else "software_not_firmware"


def changed_later(facts: PhotoFacts, camera: Camera | None, limits: Rules) -> str | None:
    """Refuse photos whose EXIF says that the file was changed more than CHANGED_LATER_S after it was taken."""
    if facts.taken_at == facts.modified_at:  # as in nearly every photo: parsing dates is the slowest part of all rules
        return None
    taken, modified = moment(facts.taken_at), moment(facts.modified_at)
    if taken is None or modified is None:
        return None
    return "changed_later" if (modified - taken).total_seconds() > CHANGED_LATER_S else None


def not_baseline(facts: PhotoFacts, camera: Camera | None, limits: Rules) -> str | None:
    """Refuse every coding but baseline: cameras write no other, while programs that save for the web do."""
    return None if facts.coding == "baseline" else "not_baseline"


def not_colour(facts: PhotoFacts, camera: Camera | None, limits: Rules) -> str | None:
    """Refuse photos without three components: they lack the colour traces that the network reads."""
    return None if facts.components == 3 else "not_colour"


def size_disagrees(facts: PhotoFacts, camera: Camera | None, limits: Rules) -> str | None:
    """Refuse photos whose EXIF states another size than the picture has; of swapped ones see `frame_turned`."""
    stated = (facts.exif_width_px or 0, facts.exif_height_px or 0)
    if min(stated) <= 0 or sorted(stated) == sorted((facts.width_px, facts.height_px)):
        return None
    return "size_disagrees"


def frame_turned(facts: PhotoFacts, camera: Camera | None, limits: Rules) -> str | None:
    """Refuse pictures that lie the other way than the size their EXIF states: a program turned and saved them.

    Cameras leave the frame as the sensor lies and write Orientation, or turn the frame and write its size as it is:
    none of 2,369 originals of 60 models contradicts itself. Galleries turn a picture and keep its EXIF.
    """
    stated = (facts.exif_height_px, facts.exif_width_px)
    is_square = facts.width_px == facts.height_px
    return "frame_turned" if stated == (facts.width_px, facts.height_px) and not is_square else None


def thumbnail_turned(facts: PhotoFacts, camera: Camera | None, limits: Rules) -> str | None:
    """Refuse pictures whose thumbnail lies the other way: they were turned, and the thumbnail was not.

    DCF 2.0 (CIPA DC-009) would allow an upright picture with a thumbnail of 160x120, padded with black. Cameras leave
    the frame as the sensor lies instead: none of 2,369 originals of 60 models has a thumbnail of the other orientation.
    """
    frame = _orientation(facts.width_px, facts.height_px)
    thumbnail = _orientation(facts.thumbnail_width_px, facts.thumbnail_height_px)
    return "thumbnail_turned" if frame and thumbnail and frame != thumbnail else None


def saved_by_library(facts: PhotoFacts, camera: Camera | None, limits: Rules) -> str | None:
    """Refuse files that the IJG's library wrote as programs use it, and no camera does.

    Its marks are JFIF before EXIF, Huffman tables optimised for the picture, and quantisation tables that are exactly
    the IJG's own of some factor. Cameras have one or two of them, but of 2,369 originals of 60 models none has all.
    """
    return "saved_by_library" if software_signs(facts) == _ALL_SIGNS else None


def not_native_size(facts: PhotoFacts, camera: Camera | None, limits: Rules) -> str | None:
    """Refuse sizes that the camera itself does not make, where `limits.native_size` is set.

    Nothing can be said of an unlisted camera without a learned size.
    """
    if camera is None or not limits.native_size or not camera.sizes:
        return None
    return None if camera.is_native_size(facts.width_px, facts.height_px) else "not_native_size"


def not_native_tables(facts: PhotoFacts, camera: Camera | None, limits: Rules) -> str | None:
    """Refuse quantisation tables that are not the camera's own, where its own are known, if `limits.native_tables`.

    A picture saved again has its program's tables, however fine they are: exactly the IJG's, as most programs write
    them, are refused where none of the camera's own are. Any other unseen set is refused only where enough is known of
    the camera (`closed`), since many cameras choose among several. Kee, Johnson, Farid (TIFS 2011) found that tables,
    sizes and EXIF together name the maker of 99 % of photographs.
    """
    if camera is None or not limits.native_tables or has_native_tables(facts, camera):
        return None
    if not camera.tables and not camera.table_families:
        return None
    if "tables" in camera.closed:
        return "not_native_tables"
    is_of_program = is_ijg(facts.quantisation_tables) and not _ijg_digests() & set(camera.tables)
    return "not_native_tables" if is_of_program else None


def not_native_segments(facts: PhotoFacts, camera: Camera | None, limits: Rules) -> str | None:
    """Refuse a form of header that the camera does not write and that speaks of software, if `limits.native_segments`.

    Applies only where enough photos of that firmware are known (`closed`): firmware adds segments at need, and updates
    reorder them. Programs that keep the picture but rewrite its EXIF, or write another camera's, leave JFIF before
    EXIF or segments of their own.
    """
    if camera is None or not limits.native_segments or not camera.segments or facts.segments_form in camera.segments:
        return None
    if not {"segments", closed_segments(firmware_of(facts.software))} & set(camera.closed):
        return None
    known = frozenset().union(*(software_marks(form.split(" ")) for form in camera.segments))
    return "not_native_segments" if software_marks(facts.segments) - known else None


def low_quality_factor(facts: PhotoFacts, camera: Camera | None, limits: Rules) -> str | None:
    """Refuse photos compressed harder than `limits.quality_factor_min` (IJG scale), or by an unknown amount.

    The camera's own tables pass at any factor: a camera that always writes 91 is kept at 91.

    Tables that are a camera's own lie between two factors, and `facts.quality_factor` is the nearest by least squares.
    They count as the upper factor where they are finer on the whole than the tables of the lower, as in ImageMagick
    and ExifTool: iPhone 11 and Pixel 5 write such tables between 94 and 95, while the IJG's own of 94 stay below 95.
    """
    if camera is not None and limits.native_tables and has_native_tables(facts, camera):
        return None
    factor = facts.quality_factor
    if factor is None or factor < limits.quality_factor_min - 1:
        return "low_quality_factor"
    if factor >= limits.quality_factor_min or _is_finer(facts.quantisation_tables, factor):
        return None
    return "low_quality_factor"


def truncated(facts: PhotoFacts, camera: Camera | None, limits: Rules) -> str | None:
    """Refuse files that end before their picture does; known only of whole files."""
    return "truncated" if facts.is_complete is False else None


RULES: tuple[Rule, ...] = (
    no_camera_model,
    camera_unknown,
    edited_by_software,
    software_not_firmware,
    changed_later,
    not_baseline,
    not_colour,
    size_disagrees,
    frame_turned,
    thumbnail_turned,
    saved_by_library,
    not_native_size,
    not_native_tables,
    not_native_segments,
    low_quality_factor,
    truncated,
)
"""Every rule, in the order of the funnel."""

READS: Mapping[Rule, tuple[str, ...]] = {
    no_camera_model: ("model",),
    camera_unknown: ("model",),
    edited_by_software: ("editor_marks",),
    software_not_firmware: ("software", "editor_marks"),
    changed_later: ("taken_at", "modified_at"),
    not_baseline: ("coding",),
    not_colour: ("components",),
    size_disagrees: ("width_px", "height_px", "exif_width_px", "exif_height_px"),
    frame_turned: ("width_px", "height_px", "exif_width_px", "exif_height_px"),
    thumbnail_turned: ("width_px", "height_px", "thumbnail_width_px", "thumbnail_height_px"),
    saved_by_library: ("segments", "quantisation_tables", "quality_residual", "huffman"),
    not_native_size: ("width_px", "height_px"),
    not_native_tables: ("tables_digest", "quantisation_tables"),
    not_native_segments: ("segments_form", "segments", "software"),
    low_quality_factor: ("quality_factor", "tables_digest", "quantisation_tables"),
    truncated: ("is_complete",),
}
"""The facts that each rule reads. `curation.judging.columns` asks a rule once for each combination of their values."""

SPARED: Mapping[Rule, tuple[str, str]] = {changed_later: ("taken_at", "modified_at")}
"""Two facts of which a rule refuses no photo where they are equal; asked for every moment it would be asked anew."""

LEARNED = frozenset(
    {
        "camera_unknown", "software_not_firmware", "not_native_size", "not_native_tables", "not_native_segments",
        "low_quality_factor",
    }
)  # fmt: skip
"""Reasons that rest on what is known of a camera: a photo without other reasons is clean enough to learn from."""


def refusals(facts: PhotoFacts, camera: Camera | None, limits: Rules) -> tuple[str, ...]:
    """Return every rule's reason against a photo, in the order of the funnel; a photo without any is kept."""
    return tuple(reason for rule in RULES if (reason := rule(facts, camera, limits)) is not None)


class Label(NamedTuple):
    """Which camera a photo is by, and what that alone says against it."""

    camera: Camera | None
    reasons: frozenset[str]
    not_counted: frozenset[str]
    """Reasons of rules that do not count, since EXIF is not the label."""


def label_of(
    make: str | None, model: str | None, catalogue: Catalogue, chosen: Catalogue, labelled_camera: str | None = None
) -> Label:
    """Return the camera of a photo by its EXIF, or by its collection; see `judge_facts`."""
    camera = named = catalogue.identify(make, model)
    reasons = set()
    if labelled_camera is not None:
        camera = catalogue.get(labelled_camera)
        if camera is None:  # it was removed from the catalogue
            reasons.add("camera_unknown")
        elif named not in (None, camera):
            reasons.add("label_disagrees")
    if camera is not None and camera.key not in chosen:
        reasons.add(TOO_LITTLE_SUPPORT if catalogue.is_open else "camera_not_chosen")
    return Label(camera, frozenset(reasons), frozenset() if labelled_camera is None else _OF_EXIF_NAMES)


def judge_facts(
    facts: PhotoFacts, catalogue: Catalogue, chosen: Catalogue, limits: Rules, labelled_camera: str | None = None
) -> tuple[Camera | None, tuple[str, ...]]:
    """Return a photo's camera and every reason against it, for the crawlers and for the judgement alike.

    `catalogue`: all cameras known (`Configuration.whole_catalogue`); `chosen`: those that enter the data set
    (`Configuration.chosen`). Beside the rules' reasons a photo by a camera that is not chosen gets `camera_not_chosen`,
    or TOO_LITTLE_SUPPORT where the catalogue is open. The camera is the one that EXIF names, or `labelled_camera`, a
    catalogue key, where that is given: EXIF need not name that camera, but may name no other.
    """
    label = label_of(facts.make, facts.model, catalogue, chosen, labelled_camera)
    reasons = frozenset(refusals(facts, label.camera, limits)) - label.not_counted | label.reasons
    return label.camera, in_funnel_order(reasons)


def software_signs(facts: PhotoFacts) -> int:
    """Return how many of three signs of a program a file bears; a camera may bear any of them.

    They are the IJG's own quantisation tables, Huffman tables made for this picture, and JFIF before EXIF. No genuine
    photograph of 2,369 by 60 models bears all three, so one or two tell the original among copies, and refuse nobody.
    """
    jfif_first = stands_before(facts.segments, "APP0:JFIF", "APP1:Exif")
    is_standard = bool(facts.quantisation_tables) and facts.quality_residual == 0
    return is_standard + (facts.huffman == "optimised") + jfif_first


def has_native_tables(facts: PhotoFacts, camera: Camera) -> bool:
    """Whether a photo's quantisation tables are known to be its camera's own, as such or as a member of a family."""
    if facts.tables_digest in camera.tables:
        return True
    return any(is_scaled(base, facts.quantisation_tables) for base in camera.families)


def _orientation(width_px: int | None, height_px: int | None) -> int:
    """Return 1 for a picture that lies, -1 for one that stands, and 0 for a square or an unknown one."""
    width_px, height_px = width_px or 0, height_px or 0
    return 0 if min(width_px, height_px) <= 0 else (width_px > height_px) - (width_px < height_px)


def _where(mark: str) -> str:
    return mark.partition(": ")[0]


def _is_firmware(mark: str, camera: Camera | None) -> bool:
    """Whether a mark is only firmware named like an editor, by a pattern of the camera that spells that name out.

    What a pattern's wildcards match proves nothing: `9.*` matches `9.3 Photoshop` as well.
    """
    where, _, what = mark.partition(": ")
    if where != _SOFTWARE or camera is None:
        return False
    name = editor_name(what) or ""
    return any(name in pattern.casefold() for pattern in camera.software_patterns(what))


@cache
def _ijg_digests() -> frozenset[str]:
    """Return the digests of the IJG's tables of every quality factor, as one, two or three tables."""
    found = set()
    for factor in range(1, 101):
        luma, chroma = scaled_tables(factor)
        found |= {tables_digest(tables) for tables in ((luma,), (luma, chroma), (luma, chroma, chroma))}
    return frozenset(found)


def _is_finer(tables: tuple[tuple[int, ...], ...], quality_factor: int) -> bool:
    """Whether the entries of `tables` (luma first, 64 each) have a smaller sum than the IJG's tables of a factor."""
    luma, chroma = scaled_tables(quality_factor)
    return sum(map(sum, tables)) < sum(luma) + sum(chroma) * (len(tables) - 1)


def moment(exif: str | None) -> datetime | None:
    """Return an EXIF date; None for the many that are blank, zero or garbage."""
    try:
        return datetime.strptime(exif or "", "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
