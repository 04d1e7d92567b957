"""Fonts: DejaVu Sans, which matplotlib brings along, and what of a text it can show."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from corpus.errors import StageError
from corpus.text import escaped

FAMILY = "DejaVu"
FILES = {"": "DejaVuSans.ttf", "B": "DejaVuSans-Bold.ttf"}
"""The files of the family by style, as fpdf2 names styles."""


@cache
def folder() -> Path:
    """Return the folder that has FILES; raises StageError where matplotlib is not installed."""
    found = find_spec("matplotlib")  # which is not imported: that takes a second
    for place in found.submodule_search_locations or () if found else ():
        fonts = Path(place) / "mpl-data" / "fonts" / "ttf"
        if all((fonts / each).is_file() for each in FILES.values()):
            return fonts
    raise StageError("a PDF needs the font DejaVu Sans, which matplotlib brings along: pip install matplotlib")


@cache
def characters() -> frozenset[int]:
    """Return the code points that every file of the family can show."""
    from fontTools.ttLib import TTFont

    maps = []
    for each in FILES.values():
        with TTFont(folder() / each, lazy=True) as font:
            maps.append(frozenset(font.getBestCmap()))
    return frozenset.intersection(*maps)


def drawable(text: str, keep: str = "") -> str:
    r"""Return a text with escapes for what is not seen (`corpus.text.escaped`) and for what the font lacks (`写`)."""
    known = characters()
    return "".join(
        each if ord(each) in known or each in keep else each.encode("unicode_escape", "backslashreplace").decode()
        for each in escaped(text, keep)
    )
