"""Characters: find the texts of a column that have some bytes, by looking at all bytes of the column at once."""

import numpy as np
import pyarrow as pa

from curation.judging.arrays.ordered import unique


def data_of(texts: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the UTF-8 bytes of all texts of a column of strings, one after another, and where each begins and ends.

    The second has a place more than there are texts. A null is an empty text.
    """
    if isinstance(texts, pa.ChunkedArray):
        chunks = [chunk for chunk in texts.chunks if len(chunk)]
        texts = chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks or [pa.array([], texts.type)])
    if not len(texts):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    _, places, held = texts.buffers()
    kind = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    offsets = np.frombuffer(places, kind)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    data = np.frombuffer(held, np.uint8) if held is not None else np.zeros(0, np.uint8)
    return data[offsets[0] : offsets[-1]], offsets - offsets[0]


def rows_with(texts: pa.Array | pa.ChunkedArray, is_wanted: np.ndarray) -> np.ndarray:
    """Return the rows of the texts that have a wanted byte, in order; `is_wanted`: of each of the 256 bytes whether."""
    data, offsets = data_of(texts)
    places = np.flatnonzero(is_wanted[data])
    return unique(np.searchsorted(offsets, places, side="right") - 1)


def bytes_outside(*, first: int, last: int, but: bytes = b"") -> np.ndarray:
    """Return of each of the 256 bytes whether it is outside `first` to `last`, or one of `but`."""
    found = np.ones(256, bool)
    found[first : last + 1] = False
    found[list(but)] = True
    return found
