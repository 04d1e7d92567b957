"""Numbers: 64 bits of the SHA-256 of texts, or of digests, by which things are told apart and dealt to tasks."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.judging.arrays.characters import data_of

_DIGITS = 16
_NO_DIGIT = 255
_VALUES = np.full(256, _NO_DIGIT, np.uint8)
_VALUES[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)


def numbers_of(texts: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Return the first 64 bits of the SHA-256 of each text."""
    sha256 = hashlib.sha256
    digests = b"".join([sha256(text).digest()[:8] for text in texts.cast(pa.binary()).to_pylist()])
    return np.frombuffer(digests, ">u8").astype(np.uint64)


def digest_numbers(texts: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Return the first 64 bits of each digest, a text that begins with 16 hex digits; of any other text `numbers_of`.

    No text is null. Which of the two a text has depends on it alone, so equal texts have equal numbers in all tables.
    """
    data, offsets = data_of(texts)
    found = np.zeros(len(texts), np.uint64)
    if not len(found):
        return found
    rows = np.flatnonzero(np.diff(offsets) >= _DIGITS)
    digits = _VALUES[data[offsets[rows][:, None] + np.arange(_DIGITS)]]
    is_hex = digits.max(axis=1, initial=0) < _NO_DIGIT
    rows = rows[is_hex]
    packed = (digits[is_hex, 0::2] << 4) | digits[is_hex, 1::2]
    found[rows] = np.ascontiguousarray(packed).view(">u8").ravel()
    is_other = np.ones(len(found), bool)
    is_other[rows] = False
    if is_other.any():
        found[is_other] = numbers_of(pc.filter(texts, pa.array(is_other)))
    return found
