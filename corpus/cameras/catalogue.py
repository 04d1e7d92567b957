"""Camera catalogue: maps the many EXIF Make and Model strings of a camera to one camera, the label.

It is read from a YAML file; the built-in one is `cameras.yaml` beside this module. Patterns are shell-style (`*`, `?`,
`[0-9]`) and must match the whole string; case is ignored and a run of blanks counts as one: `iPhone 6` does not match
`iPhone 6s`. A string that no pattern matches belongs to no camera; one that matches two cameras is an error when it is
met. In an open catalogue, a camera that is not listed gets a key made of its name.
"""

import fnmatch
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from corpus.errors import ConfigurationError
from corpus.validation import matching, read_yaml, sentences

BUILT_IN = Path(__file__).with_name("cameras.yaml")
_REMEMBERED_MAX = 65536
"""Most names whose camera a catalogue remembers: a crawl asks for the same few strings a million times."""
_KEY_LENGTH_MAX = 64
_UNSPELLABLE = re.compile(r"[^A-Za-z0-9 \t._,/()-]")
"""Characters that a key leaves out although they carry meaning: the + of a Galaxy S8+, letters of other scripts."""

STARS_MAX = 4
"""`*` in one pattern of firmware."""
_STARS_BESIDE = re.compile(r"\*\*|\[0-9\]\*\[0-9\]\*")


def _text(pattern: str, name: str) -> AfterValidator:
    return AfterValidator(matching(pattern, name))


_Size = Annotated[str, _text(r"[1-9]\d{1,4}x[1-9]\d{1,4}", "a size like 4032x3024")]
_Digest = Annotated[str, _text(r"[0-9a-f]{16}", "a digest of 16 hex digits")]
_Family = Annotated[
    str, _text(r"\d{1,5}( \d{1,5}){63}( / \d{1,5}( \d{1,5}){63})*", "tables of 64 entries, ` / ` between")
]
_Form = Annotated[str, _text(r"[!-~][ -~]{0,399}(SOS| [0-9a-f]{16})", "a form like `APP1:Exif DQT SOF0 DHT SOS`")]
_Item = Annotated[str, _text(r"Q[1-9][0-9]{0,11}", "an item of Wikidata like Q42")]


class Camera(BaseModel):
    """One camera model: the label a photograph gets, and what its genuine photographs look like."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    name: str
    make: tuple[str, ...]
    model: tuple[str, ...]
    sizes: tuple[_Size, ...]
    """Native sizes, `WIDTHxHEIGHT` in pixels, in either orientation."""
    software: tuple[str, ...] = ()
    """Patterns of what its firmware writes into EXIF Software, `[0-9]*` for a version; empty: it writes nothing."""
    tables: tuple[_Digest, ...] = ()
    """Digests of its own sets of quantisation tables (`PhotoFacts.tables_digest`), which pass at any quality factor."""
    table_families: tuple[_Family, ...] = ()
    """Base sets of tables that it scales anew for each photo: luma, `/`, chroma, 64 entries each in natural order."""
    segments: tuple[_Form, ...] = ()
    """Forms of header that it writes (`PhotoFacts.segments_form`), e.g. `APP1:Exif DQT SOF0 DHT SOS`."""
    closed: tuple[str, ...] = ()
    """What is known of it completely, so that an unseen value counts against a photo: `tables`, `segments`, or
    `segments of` a pattern of firmware."""
    flickr: str | None = None
    """Its path at flickr.com/cameras, e.g. `apple/iphone_6`."""
    commons: str | None = None
    """Its category at Wikimedia Commons without `Category:`, e.g. `Taken with Apple iPhone 6`."""
    wikidata: _Item | None = None
    """Its Wikidata item, e.g. `Q42`, which the structured data of a file at Wikimedia Commons may name."""
    source: tuple[str, ...] = Field(default=(), exclude=True)
    """Where a person can check the entry, e.g. `VISION 2017, table 1`. It decides no verdict, so no dump has it: a
    source that is added does not make crawls judge their refusals anew."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.key):
            raise ValueError("key: is not lower-case words joined by '-'")
        for field, values in (("make", self.make), ("model", self.model), ("sizes", self.sizes)):
            if not values and self.is_listed:
                raise ValueError(f"{field}: needs at least one entry")
        for pattern in self.software:  # each `*` more can multiply the time that a text without a match takes
            if pattern.count("*") > STARS_MAX or _STARS_BESIDE.search(pattern):
                raise ValueError(
                    f"software: {pattern[:80]!r} has more than {STARS_MAX} `*`, or `[0-9]*` twice in a row"
                )
        return self

    @property
    def families(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """The base sets of `table_families` as numbers."""
        return _numbers(self.table_families)

    @property
    def is_listed(self) -> bool:
        """Whether a catalogue lists it; of other cameras only the name and what was learned are known."""
        return bool(self.make)

    def takes(self, make: str | None, model: str | None) -> bool:
        """Whether EXIF Make and Model name this camera."""
        return _matches(self.make, make) and _matches(self.model, model)

    def writes_software(self, software: str) -> bool:
        """Whether the camera's own firmware writes this Software string."""
        return bool(self.software_patterns(software))

    def software_patterns(self, software: str) -> tuple[str, ...]:
        """Return the patterns of its firmware that match a Software string."""
        plain = " ".join(software.split()).casefold()
        return tuple(pattern for pattern in self.software if _firmware_expression(pattern).fullmatch(plain))

    def is_native_size(self, width_px: int, height_px: int) -> bool:
        """Whether this is one of the camera's native sizes, in either orientation."""
        return f"{width_px}x{height_px}" in self.sizes or f"{height_px}x{width_px}" in self.sizes


class Catalogue(BaseModel):
    """All known cameras, ordered by key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cameras: tuple[Camera, ...]
    unlisted: tuple[Camera, ...] = ()
    """Cameras that no catalogue lists and of which something was learned."""
    is_open: bool = False
    """Whether every camera that EXIF names belongs to the catalogue, listed or not."""

    _by_name: dict[tuple[str, str], Camera | None] = PrivateAttr(default_factory=dict)
    _by_key: dict[str, Camera] = PrivateAttr(default_factory=dict)

    def model_post_init(self, _context: Any) -> None:
        """Index the cameras by key."""
        self._by_key.update({camera.key: camera for camera in (*self.unlisted, *self.cameras)})

    def __getitem__(self, key: str) -> Camera:
        return self._by_key[key]

    def __contains__(self, key: str) -> bool:
        return self.is_open or key in self._by_key

    def opened(self) -> "Catalogue":
        """Return an open catalogue of the same cameras."""
        return Catalogue(cameras=self.cameras, unlisted=self.unlisted, is_open=True)

    def get(self, key: str) -> Camera | None:
        """Return the camera with this key, or None."""
        return self._by_key.get(key)

    def identify(self, make: str | None, model: str | None) -> Camera | None:
        """Return the camera that EXIF Make and Model name; None for an unknown, missing or garbage string.

        Raises ConfigurationError where two cameras match.
        """
        if not model:
            return None
        name = (make or "", model)
        if name not in self._by_name:
            if len(self._by_name) >= _REMEMBERED_MAX:
                self._by_name.clear()
            self._by_name[name] = self._listed(*name) or self._unlisted(*name)
        return self._by_name[name]

    def _listed(self, make: str, model: str) -> Camera | None:
        found = [camera for camera in self.cameras if camera.takes(make, model)]
        if len(found) > 1:
            keys = ", ".join(camera.key for camera in found)
            raise ConfigurationError(f"catalogue: {make!r} {model!r} is taken by {keys}; narrow their model patterns")
        return found[0] if found else None

    def _unlisted(self, make: str, model: str) -> Camera | None:
        if not self.is_open and not self.unlisted:
            return None
        key = key_of(make, model)
        if any(camera.key == key for camera in self.cameras):  # a listed camera, whose patterns do not match
            key += "-unlisted"
        known = self._by_key.get(key)
        return known if known is not None or not self.is_open else unlisted_camera(key, make, model)

    def only(self, keys: tuple[str, ...]) -> "Catalogue":
        """Return the catalogue of these cameras only; raises ConfigurationError for an unknown key."""
        for key in keys:
            if key not in self:
                known = ", ".join(camera.key for camera in self.cameras)
                raise ConfigurationError(f"cameras: {key!r} is not in the catalogue; it has {known}")
        return Catalogue(cameras=tuple(camera for camera in self.cameras if camera.key in keys))


def read_catalogue(path: Path) -> Catalogue:
    """Read a catalogue file, a mapping of camera keys to entries.

    Raises ConfigurationError, which names the file, the camera and what is wrong.
    """
    tree = read_yaml(path, "no such catalogue; set `catalogue` to a file of cameras")
    if not isinstance(tree, Mapping) or not tree:
        raise ConfigurationError(f"{path}: holds no cameras; it must map camera keys to entries")
    cameras = [_camera(path, str(key), entry) for key, entry in tree.items()]
    return Catalogue(cameras=tuple(sorted(cameras, key=lambda camera: camera.key)))


def _camera(path: Path, key: str, entry: Any) -> Camera:
    if not isinstance(entry, Mapping):
        raise ConfigurationError(f"{path}: {key}: is not a mapping of make, model, sizes …")
    try:
        camera = Camera.model_validate({"key": key, **entry})
    except ValidationError as error:
        raise ConfigurationError("\n".join(sentences(f"{path.name}: {key}", error, Camera))) from error
    if not camera.is_listed:
        raise ConfigurationError(f"{path.name}: {key}: make: needs at least one entry")
    return camera


def key_of(make: str, model: str) -> str:
    """Return the key of an unlisted camera: the first word of its maker and its model.

    `Canon`, `Canon EOS 5D` becomes `canon-eos-5d`. Names that a key cannot spell get a digest, which tells them apart.
    """
    words = _words(model)
    maker = _words(make)[:1]
    key = "-".join(words if words[:1] == maker else maker + words)
    if key and len(key) <= _KEY_LENGTH_MAX and not _UNSPELLABLE.search(f"{make}{model}"):
        return key
    digest = hashlib.sha256(f"{make}\0{model}".casefold().encode()).hexdigest()[:8]
    return f"{key[:_KEY_LENGTH_MAX].rstrip('-')}-{digest}".lstrip("-")


def unlisted_camera(key: str, make: str, model: str, **learned: tuple[str, ...]) -> Camera:
    """Return a camera that no catalogue lists; `learned`: its sizes, tables, segments, software …"""
    empty: dict[str, Any] = {"make": (), "model": (), "sizes": ()}
    name = " ".join(model.split() if model.startswith(make) else [*make.split(), *model.split()])
    # not validated, because an entry of a catalogue must have patterns and sizes
    return Camera.model_construct(key=key, name=name, **(empty | learned))


@lru_cache(maxsize=1024)
def _numbers(families: tuple[str, ...]) -> tuple[tuple[tuple[int, ...], ...], ...]:
    return tuple(tuple(tuple(map(int, table.split())) for table in family.split("/")) for family in families)


@lru_cache(maxsize=4096)
def _firmware_expression(pattern: str) -> re.Pattern[str]:
    """Return the expression of a firmware pattern, in which `[0-9]*` takes digits and dots alone.

    As a shell pattern it would take anything after a digit: `9.3 by some program`.
    """
    pieces = (fnmatch.translate(piece).removesuffix(r"\Z") for piece in pattern.casefold().split("[0-9]*"))
    return re.compile("[0-9][0-9.]*".join(pieces))


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.casefold())


def _matches(patterns: tuple[str, ...], text: str | None) -> bool:
    if text is None:
        return False
    plain = " ".join(text.split()).casefold()
    return any(fnmatch.fnmatchcase(plain, pattern.casefold()) for pattern in patterns)
