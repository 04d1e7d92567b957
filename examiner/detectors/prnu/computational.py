"""Computational: what is known of cameras whose processing moves, mixes or removes a sensor's pattern.

What EXIF claims in, sentences out. Sources: Iuliani, Fontani and Piva, IEEE Access 9 (2021), for false matches and
misses of phones from 2018 on; Albisani, Iuliani and Piva, ICASSP 2021, for modern devices; Montibeller and
Pérez-González, IEEE TIFS 18 (2023), for distortion correction; Butora and Bas, IH&MMSec 2024, for editing programs.
"""

import re

GENERAL = (
    "Merging of several exposures (HDR, night mode), electronic stabilisation, correction of distortion, digital zoom, "
    "portrait blur and strong noise reduction move or remove the pattern, so no match does not say that another device "
    "took the photograph. Devices of one model can share traces of their processing, so a faint match does not say "
    "that this one did."
)

_KNOWN: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\bpixel\b|\bhdr\+", re.IGNORECASE),
     "Pixel phones merge a burst of frames for each photograph (HDR+), which weakens the pattern"),
    (re.compile(r"\biphone (?:1[1-9]|[2-9]\d|x[rs]?\b|se\b)", re.IGNORECASE),
     "iPhones from X on merge several frames (Smart HDR, Deep Fusion, night mode) and blur by depth in portraits"),
    (re.compile(r"\bsm-[afgns]\d{3}", re.IGNORECASE),
     "photographs by different Galaxy phones of one model were found to match each other, most with portrait blur"),
    (re.compile(r"\bhuawei\b|\bhonor\b|\bxiaomi\b|\bredmi\b|\boneplus\b|\boppo\b|\bvivo\b", re.IGNORECASE),
     "phones of this maker merge frames, and photographs by different ones were found to match each other"),
)  # fmt: skip


def known_trouble(claim: str) -> str | None:
    """Return what is known to break a sensor's pattern in photographs that claim this make, model and software."""
    for pattern, trouble in _KNOWN:
        if pattern.search(claim):
            return trouble
    return None
