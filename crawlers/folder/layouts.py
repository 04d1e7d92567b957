"""Layouts of collections: a file's path below the root → the camera and the device that the path names. Pure.

Each layout with its source, and the files that are used:

- `challenge`: the training set of the IEEE Signal Processing Cup 2018, `train/Motorola-Nexus-6/(MotoNex6)1.jpg`:
  ten cameras, one device each, EXIF removed. https://www.kaggle.com/c/sp-society-camera-model-identification/data
- `vision`: `D01_Samsung_GalaxyS3Mini/images/nat/D01_I_nat_0001.jpg`, and `flat`; `natFBH`, `natFBL` and `natWA` were
  compressed again by Facebook and WhatsApp. Shullani et al., "VISION: a video and image dataset for source
  identification", EURASIP Journal on Information Security 2017:15; https://lesc.dinfo.unifi.it/VISION/
- `fodb`: `D01_Motorola_E3_1/orig/D01_img_orig_0001.jpg`; beside `orig` stand the copies of five platforms.
  Hadwiger and Riess, "The Forchheim Image Database for Camera Identification in the Wild", arXiv 2011.02241
- `dresden`: `Agfa_DC-504_0/Agfa_DC-504_0_1.JPG` (make, model, device, number) in any folder except those of flat fields
  and dark frames, which show no scene. Gloe and Böhme, "The Dresden Image Database for benchmarking digital image
  forensics", Journal of Digital Forensic Practice 3, 2010

A path that does not fit its layout gives None: a wrong label is worse than none.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from corpus.cameras.catalogue import Catalogue
from corpus.cameras.challenge import CHALLENGE_CLASSES

_JPEGS = "**/*.[jJ][pP]*[gG]"


@dataclass(frozen=True)
class Layout:
    """How a collection names its files."""

    pattern: str  # glob of the files that are read where the configuration gives none
    expression: re.Pattern[str]  # matches the whole path; groups `camera` and `device` name these
    label: Literal["exif", "path"]  # whether EXIF or the path names a photograph's camera
    example: str  # a path that fits, shown to a person whose path does not
    names: Mapping[str, str] = field(default_factory=dict)  # the collection's own names of cameras → catalogue keys


@dataclass(frozen=True)
class Labelled:
    """What a path says of a photograph; cameras are catalogue keys, None where it names no known camera."""

    claimed_camera: str | None = None  # camera that the path names
    labelled_camera: str | None = None  # the same where the path, not EXIF, is the label
    device: str | None = None  # the collection's name for the device


def _expression(text: str) -> re.Pattern[str]:
    # DOTALL: a file's name may contain line breaks
    return re.compile(text, re.DOTALL | re.VERBOSE)


LAYOUTS: dict[str, Layout] = {
    "exif": Layout("**/*", _expression(r".*"), "exif", "any"),
    "folders": Layout(
        "**/*",
        _expression(r"(?:.*/)? (?P<camera>[^/]+) / [^/]+"),
        "path",
        "iphone-6/any name.jpg, a folder named like a camera of the catalogue",
    ),
    "challenge": Layout(
        _JPEGS,
        _expression(r"(?:.*/)? (?P<device>(?P<camera>[^/]+)) / \([^/()]+\)[0-9]+\.(?i:jpe?g)"),
        "path",
        "train/Motorola-Nexus-6/(MotoNex6)1.jpg",
        CHALLENGE_CLASSES,
    ),
    "vision": Layout(
        "**/images/*at/*",  # flat and nat, but not the copies of platforms
        _expression(
            r"""(?:.*/)? (?P<device>D[0-9]{2}) _ (?P<camera>[^/]+) /images/ (?P<kind>flat|nat) /
                (?P=device)_I_(?P=kind)_[0-9]+\.(?i:jpe?g)"""
        ),
        "exif",
        "D01_Samsung_GalaxyS3Mini/images/nat/D01_I_nat_0001.jpg",
    ),
    "fodb": Layout(
        "**/orig/*",
        _expression(
            r"""(?:.*/)? (?P<device>D[0-9]{2}) _ (?P<camera>[^/]+?) (?:_[0-9])? /orig/
                (?P=device)_img_orig_[0-9]+\.(?i:jpe?g)"""
        ),
        "exif",
        "D01_Motorola_E3_1/orig/D01_img_orig_0001.jpg",
    ),
    "dresden": Layout(
        _JPEGS,
        _expression(
            r"""(?! (?:.*/)? (?i:flat|dark)[-_ ]?(?i:field|frame)s? /) (?:.*/)?
                (?P<device> (?P<camera>[^/_]+_[^/]+) _[0-9]+ ) _[0-9]+\.(?i:jpe?g)"""
        ),
        "exif",
        "Agfa_DC-504_0/Agfa_DC-504_0_1.JPG, not among flat fields or dark frames",
    ),
}
"""Every layout, by its name in `sources.folder.layout`."""


def read_path(layout: Layout, path: str, catalogue: Catalogue) -> Labelled | None:
    """Return what a path (below the collection's root, with `/`) names; None where it does not fit the layout."""
    match = layout.expression.fullmatch(path)
    if match is None:
        return None
    groups = match.groupdict()
    camera = _camera(layout, groups["camera"], catalogue) if "camera" in groups else None
    return Labelled(camera, camera if layout.label == "path" else None, groups.get("device"))


def _camera(layout: Layout, name: str, catalogue: Catalogue) -> str | None:
    """Return the key of the one camera that has this key or name; None where there is none, or two."""
    wanted = _plain(layout.names.get(name, name))
    keys = {camera.key for camera in catalogue.cameras if wanted in (_plain(camera.key), _plain(camera.name))}
    return keys.pop() if len(keys) == 1 else None


def _plain(name: str) -> str:
    """Return a name without what folders spell differently; `+` stays, since it makes another camera."""
    return re.sub(r"[\s_-]+", "", name).casefold()
