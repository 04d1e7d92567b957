"""Editors: finds marks of editing software in what a file says about the software that wrote it.

A mark, `where: what`, proves that software other than a camera's firmware wrote the file. Mere hints are not marks:
dates or sizes that differ, progressive coding, JFIF before EXIF, the iOS version as CreatorTool. Nor are unknown names;
whether a Software string is a camera's firmware is known to the camera catalogue.
"""

import re
from collections.abc import Sequence

from forensics.metadata.exif.tags import ExifFacts
from forensics.metadata.text import LENGTH_MAX, distinct
from forensics.metadata.xmp import XmpFacts

# Matched as whole words: "line", "snow", "paint" or "imagen" alone are part of too many names to be listed.
EDITORS = (
    # desktop editors and raw converters
    "photoshop", "lightroom", "camera raw", "elements organizer", "fireworks", "illustrator", "indesign", "bridge cs",
    "capture one", "capture nx", "gimp", "affinity", "darktable", "rawtherapee", "luminar", "skylum",
    "pixelmator", "photomator", "acorn", "paint.net", "paint shop", "corel", "inkscape", "krita",
    "photofiltre", "photoimpact", "photo-paint", "photoscape", "photoline", "photostudio", "photodirector", "ulead",
    "acdsee", "acd systems", "xnview", "libformat", "irfanview", "faststone", "digikam", "shotwell", "gthumb",
    "gwenview", "imagemagick", "graphicsmagick", "ufraw", "dcraw", "lightzone", "aftershot", "bibble", "silkypix",
    "dxo optics", "photolab", "on1 photo", "topaz", "nik collection", "portraitpro", "photomatix", "photo mechanic",
    "zoner", "magix", "ashampoo", "movavi", "cyberlink", "neatimage", "neat image", "noise ninja", "noiseware",
    "helicon focus", "photo gallery", "photo editor", "photo viewer", "windows live", "microsoft photo", "iphoto",
    "quicktime", "aurora hdr", "easyhdr", "dynamic photo-hdr", "qtpfsgui", "jpegmini", "tinypng", "tinyjpg",
    # panoramas
    "hugin", "ptgui", "autopano", "autostitch", "photostitch", "pano2vr", "image composite editor",
    # the makers' own programs
    "zoombrowser", "imagebrowser", "digital photo professional", "viewnx", "nx studio",
    "nikon transfer", "pictureproject", "nikonview", "finepixviewer", "hyper-utility", "raw file converter",
    "sigma photo pro", "pmb", "picture motion browser", "playmemories", "imaging edge", "image data converter",
    "olympus master", "olympus studio", "olympus viewer", "olympus workspace", "om workspace", "photofunstudio",
    # web and phones
    "canva", "pixlr", "polarr", "fotor", "befunky", "picmonkey", "ribbet", "sumopaint", "picasa", "snapseed", "vsco",
    "picsart", "facetune", "afterlight", "meitu", "meitupic", "beautyplus", "beautycam", "faceapp", "b612", "youcam",
    "camera360", "retrica", "lensa", "remini", "airbrush", "prisma", "hipstamatic", "photogrid", "inshot", "capcut",
    "line camera", "snow camera",
    # networks and messengers
    "instagram", "whatsapp", "facebook", "twitter", "snapchat", "tiktok", "telegram", "wechat", "pinterest",
    # screenshots
    "screenshot", "screen capture", "snipping tool", "greenshot", "lightshot", "sharex", "snagit", "skitch",
    "flameshot", "gyazo",
    # image generators
    "midjourney", "dall-e", "stable diffusion", "adobe firefly", "novelai", "comfyui", "automatic1111", "invokeai",
    "dreamstudio", "leonardo.ai",
)  # fmt: skip
"""Names of software that edits, converts, uploads or makes pictures, in lower case."""

# comments that only software encoders write; a camera has no reason to name a library or a program
_ENCODERS = re.compile(
    r"gd-jpeg|AppleMark|PICResize|CREATOR:|File written by Adobe|LEAD Technologies|Intel\(R\) JPEG Library"
    r"|Optimized by JPEGmini|Handmade Software|Lavc\d|JPEG-Archive",
    re.IGNORECASE,
)

# a blank in a name matches one separator or none: "CaptureOne", "camera_raw"; a version may follow directly
_NAMED = re.compile(
    r"(?<![a-z0-9])(?:" + "|".join(re.escape(name).replace(r"\ ", "[ _.-]?") for name in EDITORS) + r")(?![a-z])"
    # Apple's Photos writes only "Photos 1.5"; the apps of iOS and Google write nothing like it
    r"|^photos [0-9]|^aperture [0-9]",
    re.IGNORECASE,
)


def editor_name(text: str) -> str | None:
    """Return the part of `text` that names editing software, in lower case, or None.

    Whole words are matched: `GIMP 2.10` and `com.adobe.photoshop` are names, `Snowflake` is not.
    """
    found = _NAMED.search(text)
    return found[0].lower() if found else None


def editor_marks(
    *, exif: ExifFacts, xmp: XmpFacts, segment_names: Sequence[str], comments: Sequence[str]
) -> tuple[str, ...]:
    """Return the marks of editing software in a file as `where: what`, without repetition.

    `segment_names`: from `forensics.jpeg.segments`. `comments`: the texts of the COM segments.
    """
    claims = [
        ("exif:Software", exif.software),
        ("exif:ProcessingSoftware", exif.processing_software),
        ("xmp:CreatorTool", xmp.creator_tool),
        *(("xmp:History", agent) for agent in xmp.history_agents),
        ("xmp:Software", xmp.software),
    ]
    marks = [f"{where}: {text}" for where, text in claims if text is not None and editor_name(text) is not None]
    for prefix in ("crs", "photoshop"):
        used = [name for name in xmp.properties if name.startswith(f"{prefix}:")]
        if used:
            marks.append(f"xmp:{prefix}: {used[0]}" + (f" and {len(used) - 1} more" if len(used) > 1 else ""))
    if "APP13:Photoshop" in segment_names:
        marks.append("app13: Photoshop 3.0")
    if "APP14:Adobe" in segment_names:
        marks.append("app14: Adobe")
    if "APP12:Ducky" in segment_names:
        marks.append("app12: Ducky")
    marks += [f"com: {text}" for text in comments if _ENCODERS.search(text) or editor_name(text) is not None]
    return distinct((mark[:LENGTH_MAX] for mark in marks), 32)
