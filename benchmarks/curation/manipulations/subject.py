"""A photograph to manipulate, and the programs that do it.

Every manipulation takes a `Subject` and returns the bytes of a new file, or raises `NotApplicableError` where a
photograph cannot be treated so (no thumbnail to strip, no phone to take a screenshot with).
"""

import io
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from forensics.header import read_facts
from forensics.photo_facts import PhotoFacts

IMAGEMAGICK = ("magick", "convert-im6.q16", "/usr/bin/convert", "convert")
"""Names of ImageMagick's program, the newest first."""
TIMEOUT_S = 120


class NotApplicableError(Exception):
    """A photograph cannot be manipulated in this way."""


@dataclass(frozen=True)
class Subject:
    """A camera's own file, and another camera's, from which metadata can be taken."""

    data: bytes
    donor: bytes

    @property
    def facts(self) -> PhotoFacts:
        """What the file's header says."""
        return read_facts(self.data, whole=True)

    def image(self) -> Image.Image:
        """Return the decoded picture, with what Pillow read of the file beside it."""
        image = Image.open(io.BytesIO(self.data))
        image.load()
        return image


@cache
def program(name: str) -> str | None:
    """Return how to call a program (`exiftool`, `jpegtran`, `imagemagick`), or None where this machine lacks it."""
    if name != "imagemagick":
        return shutil.which(name)
    for candidate in IMAGEMAGICK:
        found = shutil.which(candidate)
        if found:
            shown = subprocess.run([found, "-version"], capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
            if "ImageMagick" in shown.stdout and "not installed" not in shown.stdout:
                return found
    return None


def saved(image: Image.Image, like: Image.Image, **options: Any) -> bytes:
    """Return an image as Pillow saves it: `like`'s EXIF and colour profile are kept unless `options` say otherwise."""
    kept = {name: like.info[name] for name in ("exif", "icc_profile") if like.info.get(name)}
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **{key: value for key, value in {**kept, **options}.items() if value is not None})
    return buffer.getvalue()


def transformed(data: bytes, *options: str) -> bytes:
    """Return a file as jpegtran transforms it, without decoding, all segments copied."""
    command = [str(program("jpegtran")), "-copy", "all", *options]
    return _output(command, data)


def converted(data: bytes, *options: str) -> bytes:
    """Return a file as ImageMagick converts it."""
    return _output([str(program("imagemagick")), "jpg:-", *options, "jpg:-"], data)


def retagged(data: bytes, *options: str, source: bytes | None = None) -> bytes:
    """Return a file whose metadata ExifTool has changed; `{source}` in an option names a file with `source`."""
    with tempfile.TemporaryDirectory() as folder:
        file, other = Path(folder, "file.jpg"), Path(folder, "source.jpg")
        file.write_bytes(data)
        other.write_bytes(source or b"")
        words = [option.replace("{source}", str(other)) for option in options]
        command = [str(program("exiftool")), "-q", "-m", "-overwrite_original", *words, str(file)]
        _output(command, b"")
        return file.read_bytes()


def _output(command: Sequence[str], given: bytes) -> bytes:
    result = subprocess.run(command, input=given, capture_output=True, check=False, timeout=TIMEOUT_S)
    if result.returncode:
        message = result.stderr.decode(errors="replace").strip()
        raise NotApplicableError(f"{Path(command[0]).name}: {message.splitlines()[-1] if message else 'failed'}")
    return result.stdout
