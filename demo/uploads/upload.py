"""Upload: describes one file of the simulated photo site, with the truth about it.

`demo.uploads.make` makes uploads, `demo.photo_site` serves them; `uploads.json` in their folder lists them and is
written last.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

LISTING = "uploads.json"


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload, as plain data."""

    id: str
    """Digits, like the real sites' ids."""
    site: str
    """`flickr` or `wikimedia`."""
    file: str
    """Name in the uploads' folder."""
    title: str
    owner_id: str
    owner_name: str
    licence: str
    """Flickr's licence id, e.g. `4`."""
    uploaded_at_s: int
    """Seconds since 1970."""
    taken_at: str
    """`YYYY-MM-DD HH:MM:SS`."""
    claimed_camera: str
    """Key of the simulated camera the site lists it under; a claim, not the truth."""
    kind: str
    """`genuine`, or how it was spoilt: `edited_by_software`, `resized`, `recompressed`, `duplicate_other_owner`, …"""
    camera: str | None
    """Key of the camera that took it; None where none did."""
    device: str | None
    expected_reasons: tuple[str, ...]
    """Slugs of the rules that must refuse it; none for a genuine photograph."""
    width_px: int
    height_px: int
    size_bytes: int
    sha1: str


def write_listing(folder: Path, uploads: list[Upload], made_with: dict[str, object]) -> None:
    """Write the listing of a folder, which must come last; `made_with`: the arguments the uploads were made with."""
    tree = {"made_with": made_with, "uploads": [dataclasses.asdict(upload) for upload in uploads]}
    temporary = folder / f".{LISTING}"
    temporary.write_text(json.dumps(tree, indent=1), encoding="utf-8")
    temporary.replace(folder / LISTING)


def read_listing(folder: Path) -> tuple[list[Upload], dict[str, object]]:
    """Return the uploads of a folder and the arguments they were made with; raises FileNotFoundError."""
    tree = json.loads((folder / LISTING).read_text(encoding="utf-8"))
    uploads = [Upload(**{**row, "expected_reasons": tuple(row["expected_reasons"])}) for row in tree["uploads"]]
    return uploads, tree["made_with"]
