"""Quality: estimates the IJG quality factor of quantisation tables, and how far off it is.

The Independent JPEG Group's library scales the tables of ITU-T T.81 Annex K by its quality factor (jcparam.c,
`jpeg_quality_scaling`). Cameras with tables of their own have no such factor; they get the nearest by least squares,
and the residual says how near. Tables of more than 8 bits have no factor. Tables that are far from all of the IJG's are
shown as own tables: to call them by a factor would say how hard a program compressed, which nobody knows.
"""

from functools import lru_cache

import numpy as np

from forensics.jpeg.tables import CHROMA_QUANTISATION, LUMA_QUANTISATION, Table

OWN_RESIDUAL_MIN = 2.0
"""From this residual on, tables are shown as own, not by the nearest factor."""
OWN = "own"


def estimate_quality_factor(tables: tuple[Table, ...]) -> tuple[int, float] | tuple[None, None]:
    """Return the IJG factor 1..100 nearest to `tables` (natural order, luma first) and the residual.

    The residual is the root mean square difference of table entries, 0.0 for the IJG's own tables. All tables after the
    first are compared with the chroma table; grey photos have a luma table only. (None, None) without tables, and for
    entries above 255.
    """
    if not tables or max(map(max, tables)) > 255:
        return None, None
    return _nearest(tables)


def quality_name(quality_factor: int | None, residual: float | None) -> str | None:
    """Return the factor as text, OWN for tables far from all of the IJG's, None where no factor is known."""
    if quality_factor is None:
        return None
    return OWN if (residual or 0.0) >= OWN_RESIDUAL_MIN else str(quality_factor)


def quality_text(quality_factor: int | None, residual: float | None) -> str:
    """Return what people read of tables: `quality 91`, `own tables, nearest 94`, or `no factor`."""
    name = quality_name(quality_factor, residual)
    if name is None:
        return "no factor"
    return f"own tables, nearest {quality_factor}" if name == OWN else f"quality {name}"


def scaled_tables(quality_factor: int) -> tuple[Table, Table]:
    """Return the IJG's luma and chroma tables for a factor 1..100, in natural order, entries 1..255."""
    percent = 5000 // quality_factor if quality_factor < 50 else 200 - 2 * quality_factor
    luma, chroma = (
        tuple(min(max((entry * percent + 50) // 100, 1), 255) for entry in base)
        for base in (LUMA_QUANTISATION, CHROMA_QUANTISATION)
    )
    return luma, chroma


@lru_cache(maxsize=1)
def _all_scaled() -> np.ndarray:
    """Return the scaled tables as (factor - 1, luma or chroma, entry)."""
    return np.array([scaled_tables(factor) for factor in range(1, 101)], dtype=np.int32)


@lru_cache(maxsize=1024)
def _nearest(tables: tuple[Table, ...]) -> tuple[int, float]:
    scaled = _all_scaled()
    references = [scaled[:, 0 if index == 0 else 1] for index in range(len(tables))]
    differences = np.concatenate(references, axis=1) - np.array(tables, dtype=np.int32).reshape(1, -1)
    mean_squares = np.square(differences).mean(axis=1)
    nearest = int(mean_squares.argmin())
    return nearest + 1, float(np.sqrt(mean_squares[nearest]))
