"""Stored: a fingerprint as the bytes of an `.npz` file, and back.

The same fingerprint gives the same bytes: entries in a fixed order, uncompressed, dated 1980. A file may come from
anywhere, so its sizes are checked before anything is read, nothing in it is run, and StorageError says what is wrong.
"""

import io
import json
import math
import zipfile
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from corpus.errors import StorageError
from examiner.detectors.prnu.fingerprint import Fingerprint
from examiner.detectors.prnu.residual import SIDE_MIN_PX
from forensics.jpeg.frame import DECODED_MAX_PX

FORM = "shutterprint device 1"
_PATTERN, _ABOUT = "pattern.npy", "about.npy"
_HEADER_MAX_BYTES = 4096
_ABOUT_MAX_BYTES = 1 << 20
_DATE = (1980, 1, 1, 0, 0, 0)
FILE_MAX_BYTES = DECODED_MAX_PX + _ABOUT_MAX_BYTES + 4 * _HEADER_MAX_BYTES
"""Largest file that is read."""


def as_npz(fingerprint: Fingerprint) -> bytes:
    """Return a fingerprint as a file: `pattern`, int8 (height, width), and `about`, JSON as bytes."""
    about = {
        "form": FORM,
        "photographs": fingerprint.photographs,
        "digests": list(fingerprint.digests),
        "claims": list(fingerprint.claims),
    }
    text = json.dumps(about, sort_keys=True, separators=(",", ":")).encode()
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name, array in ((_PATTERN, fingerprint.steps), (_ABOUT, np.frombuffer(text, np.uint8))):
            entry = io.BytesIO()
            npy.write_array(entry, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(name, _DATE)
            info.create_system = 3  # as on Unix, wherever it is written
            archive.writestr(info, entry.getvalue())
    return written.getvalue()


def fingerprint_of(data: bytes, name: str) -> Fingerprint:
    """Return the fingerprint of a file's bytes; raises StorageError, which names it, for anything else."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            about = json.loads(_array(archive, _ABOUT, np.uint8, 1, _ABOUT_MAX_BYTES).tobytes())
            steps = _array(archive, _PATTERN, np.int8, 2, DECODED_MAX_PX)
        if about["form"] != FORM or min(steps.shape) < SIDE_MIN_PX:
            raise ValueError(f"its form is {about['form']!r}, its pattern {steps.shape}")
        return Fingerprint(steps, int(about["photographs"]), _texts(about["digests"]), _texts(about["claims"]), name)
    except (ValueError, KeyError, TypeError, LookupError, RuntimeError, EOFError, OSError,
            NotImplementedError, RecursionError, zipfile.BadZipFile) as error:  # fmt: skip
        raise StorageError(
            f"{name}: is no fingerprint of a device ({error}); `shutterprint device build` writes one"
        ) from error


def _array(
    archive: zipfile.ZipFile, name: str, kind: type[np.generic], dimensions: int, values_max: int
) -> NDArray[Any]:
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > values_max + _HEADER_MAX_BYTES:
        raise ValueError(f"{name} is compressed or has {info.file_size} bytes")
    entry = io.BytesIO(archive.read(info))
    if npy.read_magic(entry) != (1, 0):
        raise ValueError(f"{name} has another version of the format")
    shape, by_columns, stored = npy.read_array_header_1_0(entry, max_header_size=_HEADER_MAX_BYTES)
    rest = entry.read()
    if stored != np.dtype(kind) or by_columns or len(shape) != dimensions or math.prod(shape) != len(rest):
        raise ValueError(f"{name} has another kind or size than its header says")
    return np.frombuffer(rest, kind).reshape(shape)


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise ValueError("its digests or claims are no list of texts")
    return tuple(values)
