"""Metadata oracle: how far photographs of a split can be told apart without looking at a single pixel.

Forests are fitted to what stands beside the pixels of training photographs: the quantisation tables alone; these and
the photograph's size; and all facts of the header that the generation keeps (form of the segments, coding), but for
the names of camera and software. What they reach is no merit of a network: where it is high, cameras differ in their
tables, and pixels carry these too. One more forest sees only the length of the file by pixel. No header decides that
but the pixels, of which noisy and sharpened ones need more bytes: it is the crudest trace in them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from corpus.storage import Store
from forensics.errors import JpegError
from forensics.jpeg.segments import header_segments
from forensics.jpeg.structure import read_structure
from shards.index import Index
from shards.reader import Tile, TileReader
from train.data.curated import curated_rows

Numbers = npt.NDArray[np.int64]
Features = npt.NDArray[np.float32]

TABLES, SIZES, HEADER = "quantisation tables", "tables and size", "all facts of the header"
LENGTH = "bytes per pixel, which the pixels decide"
_NUMBERS = ("width_px", "height_px", "mcu_width_px", "mcu_height_px", "quality_factor", "quality_residual")
_WORDS = ("coding", "subsampling", "tables_digest", "segments_form")
_FACTS = ("size_bytes", *_NUMBERS, *_WORDS)
_MISSING = -1.0


def metadata_features(
    store: Store, index: Index, photo_rows: Numbers
) -> tuple[dict[str, list[dict[str, float | str]]], str | None]:
    """Return by oracle what it sees of each photo: TABLES, SIZES and, of the generation's rows, HEADER and LENGTH.

    Beside it stands why there are no rows, or None. Tables are those of the central tile's JPEG, which are the
    photograph's own. Numbers are compared as numbers, texts for equality.
    """
    tables = _tables(store, index, photo_rows)
    sizes = [told | place for told, place in zip(tables, _sizes(index, photo_rows), strict=True)]
    seen = {TABLES: tables, SIZES: sizes}
    facts, note = curated_rows(store, index, photo_rows, _FACTS)
    if note is None:
        seen[HEADER] = [told | _of_header(more) for told, more in zip(sizes, facts, strict=True)]
        seen[LENGTH] = [_length(more) for more in facts]
    return seen, note


def oracle_answers(
    training: Sequence[Mapping[str, float | str]],
    labels: Numbers,
    weights: npt.NDArray[np.float64],
    held_out: Sequence[Mapping[str, float | str]],
) -> Numbers:
    """Return the camera that a forest of 50 trees names for each held-out photo; `weights`: of the training photos."""
    from sklearn.ensemble import ExtraTreesClassifier

    columns = _columns(training)
    forest = ExtraTreesClassifier(50, random_state=0)
    forest.fit(_matrix(training, columns), labels, sample_weight=weights)
    answers: Numbers = forest.predict(_matrix(held_out, columns)).astype(np.int64)
    return answers


def _columns(rows: Sequence[Mapping[str, float | str]]) -> list[tuple[str, str | None]]:
    """Return the columns of the matrix: a number's name and None, or a text's name and one of its values."""
    numbers = sorted({name for row in rows for name, value in row.items() if not isinstance(value, str)})
    words = sorted({(name, value) for row in rows for name, value in row.items() if isinstance(value, str)})
    return [*((name, None) for name in numbers), *words]


def _matrix(rows: Sequence[Mapping[str, float | str]], columns: Sequence[tuple[str, str | None]]) -> Features:
    return np.array(
        [
            [
                float(row.get(name) == word) if word is not None else _number(row.get(name, _MISSING))
                for name, word in columns
            ]
            for row in rows
        ],
        np.float32,
    ).reshape(len(rows), len(columns))


def _number(value: float | str) -> float:
    return _MISSING if isinstance(value, str) else float(value)


def _tables(store: Store, index: Index, photo_rows: Numbers) -> list[dict[str, float | str]]:
    seen = []
    with TileReader(store, index) as reader:
        for tile in reader.stream(index.central_tiles(photo_rows)):
            seen.append(_tables_of(tile.jpeg) if isinstance(tile, Tile) else {})
    return seen


def _tables_of(jpeg: bytes) -> dict[str, float | str]:
    try:
        structure = read_structure(jpeg, header_segments(jpeg, whole=True))
    except JpegError:
        return {}
    return {
        f"table {number} entry {entry}": float(value)
        for number, table in enumerate(structure.quantisation or ())
        for entry, value in enumerate(table)
    }


def _sizes(index: Index, photo_rows: Numbers) -> list[dict[str, float | str]]:
    """Return what the place of the central tile tells of the photograph's size."""
    rows = index.central_tiles(photo_rows)
    x_px, y_px, width_px, height_px = (index.tiles.at(name, rows) for name in ("x_px", "y_px", "width_px", "height_px"))
    wide, high = (2 * x_px + width_px).tolist(), (2 * y_px + height_px).tolist()
    return [
        {
            "width": float(one),
            "height": float(other),
            "shorter": float(min(one, other)),
            "longer": float(max(one, other)),
        }
        for one, other in zip(wide, high, strict=True)
    ]


def _of_header(row: Mapping[str, Any]) -> dict[str, float | str]:
    return {name: value for name, value in row.items() if value is not None and name != "size_bytes"}


def _length(row: Mapping[str, Any]) -> dict[str, float | str]:
    width_px, height_px, length = (row.get(name) or 0 for name in ("width_px", "height_px", "size_bytes"))
    return {"bytes per pixel": length / (width_px * height_px)} if width_px and height_px and length else {}
