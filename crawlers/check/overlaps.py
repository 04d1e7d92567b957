"""Catalogue check: finds what contradicts itself in a camera catalogue, and what it leaves open.

catalogue → findings, without any I/O. An overlap is one pair of EXIF strings that two entries take; it is found
exactly, by walking both patterns at once, and comes with an example. Gaps are fields that an entry leaves out: it may
be right to leave them out, so they are no faults.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from typing import Literal

from corpus.cameras.catalogue import Camera, Catalogue

SHOWN = 5
"""Most cameras that a finding names; it counts the others."""
RATIOS = {
    "4:3": 4 / 3, "3:2": 3 / 2, "16:9": 16 / 9, "1:1": 1.0, "5:4": 5 / 4, "5:3": 5 / 3, "16:10": 1.6,
    "18:9": 2.0, "18.5:9": 18.5 / 9, "19:9": 19 / 9,
}  # fmt: skip
"""Aspect ratios that cameras offer, width by height."""
RATIO_TOLERANCE = 0.01

Kind = Literal["overlap", "contradiction", "size", "gap"]
_Token = tuple[bool, frozenset[str]] | None
"""One place of a pattern: whether its characters are excluded instead of allowed, and which; None: a `*`."""
_READABLE = "0aA-~^§"
"""Characters for a place where nearly any would do, the most readable first."""


@dataclass(frozen=True)
class CatalogueFinding:
    """One thing found: overlaps and contradictions are faults, odd sizes and gaps are worth a look."""

    kind: Kind
    field: str
    text: str
    cure: str
    cameras: tuple[str, ...]
    """Keys of all entries concerned, in order."""

    @property
    def is_fault(self) -> bool:
        """Whether the entries cannot both be right."""
        return self.kind in ("overlap", "contradiction")


def check_catalogue(catalogue: Catalogue) -> list[CatalogueFinding]:
    """Return all findings about a catalogue's listed cameras: overlaps, contradictions, odd sizes, gaps."""
    cameras = catalogue.cameras
    found = (_overlaps(cameras), _shared(cameras), _patterns(cameras), _sizes(cameras), _gaps(cameras))
    return [finding for part in found for finding in part]


def common_string(one: str, two: str) -> str | None:
    """Return a shortest text that two shell-style patterns both match, case ignored; None where there is none."""
    first, second = _tokens(one), _tokens(two)
    waiting, seen = [(0, 0, "")], {(0, 0)}
    for at_one, at_two, text in waiting:  # grows while it is read: breadth first
        if at_one == len(first) and at_two == len(second):
            return text
        here = first[at_one] if at_one < len(first) else (False, frozenset[str]())
        there = second[at_two] if at_two < len(second) else (False, frozenset[str]())
        steps = []
        if here is None:
            steps.append((at_one + 1, at_two, text))  # the star ends here
        if there is None:
            steps.append((at_one, at_two + 1, text))
        character = _common_character(here, there)
        if character is not None and not (here is None and there is None):
            steps.append((at_one + (here is not None), at_two + (there is not None), text + character))
        for step in steps:
            if step[:2] not in seen:
                seen.add(step[:2])
                waiting.append(step)
    return None


def _overlaps(cameras: tuple[Camera, ...]) -> Iterator[CatalogueFinding]:
    for one, two in combinations(cameras, 2):
        make = _first_common(one.make, two.make)
        model = None if make is None else _first_common(one.model, two.model)
        if model is not None:
            text = f"make {make!r} with model {model!r} is taken by {one.key} and {two.key}"
            yield CatalogueFinding("overlap", "model", text, "narrow their model patterns", (one.key, two.key))


@cache
def _first_common(ones: tuple[str, ...], twos: tuple[str, ...]) -> str | None:
    found = (common_string(one, two) for one, two in product(ones, twos))
    return next((text for text in found if text is not None), None)


def _shared(cameras: tuple[Camera, ...]) -> Iterator[CatalogueFinding]:
    """Yield names, paths, categories and items that two entries share: each must lead to one camera."""
    fields: dict[str, Callable[[Camera], str | None]] = {
        "name": lambda camera: camera.name.casefold(),
        "flickr": lambda camera: camera.flickr,
        "commons": lambda camera: camera.commons,
        "wikidata": lambda camera: camera.wikidata,
    }
    for field, value_of in fields.items():
        entries = defaultdict(list)
        for camera in cameras:
            entries[value_of(camera)].append(camera.key)
        for value, keys in entries.items():
            if value is not None and len(keys) > 1:
                text = f"{value!r} is the {field} of {_named(keys)}"
                yield CatalogueFinding("contradiction", field, text, "leave it in one entry", tuple(keys))


def _patterns(cameras: tuple[Camera, ...]) -> Iterator[CatalogueFinding]:
    for camera in cameras:
        for field, patterns in (("make", camera.make), ("model", camera.model), ("software", camera.software)):
            for pattern in patterns:
                if pattern != " ".join(pattern.split()):
                    text = f"{camera.key}: the pattern {pattern!r} matches nothing, since texts lose such blanks"
                    yield CatalogueFinding("contradiction", field, text, "write single blanks", (camera.key,))
                if field != "make" and not pattern.strip("*?"):
                    text = f"{camera.key}: the pattern {pattern!r} matches whatever stands there"
                    cure = "write what the camera writes"
                    yield CatalogueFinding("contradiction", field, text, cure, (camera.key,))


def _sizes(cameras: tuple[Camera, ...]) -> Iterator[CatalogueFinding]:
    for camera in cameras:
        for size in camera.sizes:
            width, height = map(int, size.split("x"))
            if f"{height}x{width}" in camera.sizes and width > height:
                yield _odd(camera, f"{size} is listed in both orientations", "list one of them")
            if width % 2 or height % 2:
                yield _odd(camera, f"{size} has an odd number of pixels on a side", "compare with the camera's files")
            ratio = max(width, height) / min(width, height)
            if min(abs(ratio / usual - 1) for usual in RATIOS.values()) > RATIO_TOLERANCE:
                text = f"{size} is {ratio:.3f}:1, which is no usual aspect ratio"
                yield _odd(camera, text, "compare with the camera's files")


def _odd(camera: Camera, text: str, cure: str) -> CatalogueFinding:
    return CatalogueFinding("size", "sizes", f"{camera.key}: {text}", cure, (camera.key,))


def _gaps(cameras: tuple[Camera, ...]) -> Iterator[CatalogueFinding]:
    fields: dict[str, tuple[Callable[[Camera], object], str]] = {
        "software": (lambda camera: camera.software, "whatever stands in Software is refused"),
        "tables": (lambda camera: camera.tables, "the limit of quality decides until enough photographs are known"),
        "flickr": (lambda camera: camera.flickr, "not crawled from Flickr"),
        "commons": (lambda camera: camera.commons, "not crawled by category at Wikimedia Commons"),
        "wikidata": (lambda camera: camera.wikidata, "not searched by structured data at Wikimedia Commons"),
        "source": (lambda camera: camera.source, "nobody can check the entry"),
    }
    for field, (value_of, consequence) in fields.items():
        without = [camera.key for camera in cameras if not value_of(camera)]
        if without:
            text = f"{len(without)} of {len(cameras)} cameras have none ({consequence}): {_named(without)}"
            yield CatalogueFinding("gap", field, text, "", tuple(without))


def _named(keys: list[str]) -> str:
    more = len(keys) - SHOWN
    return ", ".join(keys[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")


@cache
def _tokens(pattern: str) -> tuple[_Token, ...]:
    """Return the places of a pattern as `fnmatch` reads it: `*`, `?`, `[seq]`, `[!seq]`, an unclosed `[` as itself."""
    text, at, tokens = pattern.casefold(), 0, list[_Token]()
    while at < len(text):
        end = text.find("]", at + (3 if text[at : at + 2] == "[!" else 2)) if text[at] == "[" else -1
        if text[at] == "*":
            tokens.append(None)
        elif text[at] == "?":
            tokens.append((True, frozenset()))
        elif end > 0:
            inside = text[at + 1 : end]
            tokens.append((inside.startswith("!"), _class(inside.removeprefix("!"))))
            at = end
        else:
            tokens.append((False, frozenset(text[at])))
        at += 1
    return tuple(tokens)


def _class(inside: str) -> frozenset[str]:
    characters, at = set[str](), 0
    while at < len(inside):
        if at + 2 < len(inside) and inside[at + 1] == "-":
            characters.update(map(chr, range(ord(inside[at]), ord(inside[at + 2]) + 1)))
            at += 3
        else:
            characters.add(inside[at])
            at += 1
    return frozenset(characters)


def _common_character(one: _Token, two: _Token) -> str | None:
    tokens = [token for token in (one, two) if token is not None]
    allowed = [characters for is_excluded, characters in tokens if not is_excluded]
    excluded = frozenset[str]().union(*(characters for is_excluded, characters in tokens if is_excluded))
    candidates = sorted(frozenset.intersection(*allowed)) if allowed else _READABLE
    return next((character for character in candidates if character not in excluded), None)
