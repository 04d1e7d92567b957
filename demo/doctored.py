"""Doctored: a photograph with a piece of another camera's in it, for people to examine.

It is what a person with a paint program would make: a rectangle of one photograph is laid over another, the result is
saved as a JPEG, and the EXIF of the first one is kept, with its thumbnail.
"""

import io
from pathlib import Path

from PIL import Image

from corpus.configuration import Configuration
from demo.held_out import held_out_photos

FILE = "doctored.jpg"
PASTED_PX = (403, 251, 240, 240)
"""Left, top, width and height of the rectangle, off the grid of 8×8 blocks."""
_QUALITY = 92


def make_doctored(configuration: Configuration, generation: str, folder: Path) -> Path | None:
    """Write a doctored photograph, made of two of the test split's, into a folder; return its path.

    None where the test split has no photographs by two cameras that the network knows.
    """
    rows = held_out_photos(configuration, generation)
    others = [row for row in rows if row["camera"] != rows[0]["camera"]]
    if not others:
        return None
    host, donor = (configuration.store.read(row["original"]) for row in (rows[0], others[0]))
    path = folder / FILE
    path.write_bytes(doctored(host, donor))
    return path


def doctored(host: bytes, donor: bytes) -> bytes:
    """Return the JPEG `host` with a rectangle of the JPEG `donor` in it, saved again with the EXIF of `host`."""
    with Image.open(io.BytesIO(host)) as below, Image.open(io.BytesIO(donor)) as above:
        left, top, width, height = PASTED_PX
        picture = below.convert("RGB")
        picture.paste(above.convert("RGB").crop((left, top, left + width, top + height)), (left, top))
        saved = io.BytesIO()
        picture.save(saved, "JPEG", quality=_QUALITY, exif=below.info.get("exif", b""))
    return saved.getvalue()
