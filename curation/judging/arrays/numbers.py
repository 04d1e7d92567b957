"""Numbers: 64 bits of the SHA-256 of texts, or of digests, by which things are told apart and dealt to tasks."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.judging.arrays.characters import data_of

_DIGITS = (16, 32, 64)
"""The lengths of digests in hex digits."""
SPREADING = np.uint64(0x9E3779B97F4A7C15)
"""An odd number: products with it differ where numbers do, and in their high bits, which `things.Things` keeps."""
_NO_DIGIT = 255
_VALUES = np.full(256, _NO_DIGIT, np.uint8)
_VALUES[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)


def numbers_of(texts: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Return the first 64 bits of the SHA-256 of each text."""
    sha256 = hashlib.sha256
    digests = b"".join([sha256(text).digest()[:8] for text in texts.cast(pa.binary()).to_pylist()])
    return np.frombuffer(digests, ">u8").astype(np.uint64)


def digest_numbers(texts: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Return 64 bits of each digest, a text of 16, 32 or 64 hex digits; of any other text `numbers_of`.

    They are the exclusive or of its words of 64 bits, times SPREADING. No text is null. Which of the two numbers a text
    has depends on it alone, so equal texts have equal numbers in all tables.
    """
    data, offsets = data_of(texts)
    found = np.zeros(len(texts), np.uint64)
    if not len(found):
        return found
    lengths, is_other = np.diff(offsets), np.ones(len(found), bool)
    for length in _DIGITS:
        rows = np.flatnonzero(lengths == length)
        whole = len(rows) == len(found)
        digits = _VALUES[data.reshape(-1, length) if whole else data[offsets[rows][:, None] + np.arange(length)]]
        rows = rows[digits.max(axis=1, initial=0) < _NO_DIGIT]
        digits = digits[digits.max(axis=1, initial=0) < _NO_DIGIT]
        words = np.ascontiguousarray((digits[:, 0::2] << 4) | digits[:, 1::2]).view(">u8")
        found[rows] = np.bitwise_xor.reduce(words.astype(np.uint64), axis=1) * SPREADING
        is_other[rows] = False
    if is_other.any():
        found[is_other] = numbers_of(pc.filter(texts, pa.array(is_other)))
    return found
