"""Spread file: the spread of a run as safetensors, and back, every number checked."""

import numpy as np
import safetensors
import safetensors.numpy

from corpus.errors import StorageError
from examiner.detectors.splices.spread import DIRECTIONS, Spread

SPREAD = "splices.safetensors"
"""Name, in a run's folder, of the spread that `examiner.calibrate` has fitted."""


def spread_bytes(spread: Spread) -> bytes:
    """Return a spread as the bytes of a safetensors file; equal ones give equal bytes."""
    arrays = {"directions": spread.directions, "centre": spread.centre, "between": spread.between}
    return safetensors.numpy.save({name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()})


def read_spread(data: bytes, dimension: int, where: str) -> Spread:
    """Return the spread of a network of embeddings of `dimension` numbers; raises StorageError where it is none."""
    cure = "remove it and run `shutterprint calibrate` again"
    try:
        arrays = safetensors.numpy.load(data)
        directions, centre, between = (arrays[name] for name in ("directions", "centre", "between"))
    except (safetensors.SafetensorError, KeyError, ValueError, TypeError) as error:
        raise StorageError(f"{where} is no spread ({error!r}); {cure}") from error
    number = centre.size
    fits = directions.shape == (dimension, number) and centre.shape == between.shape == (number,)
    if not fits or not 1 <= number <= DIRECTIONS:
        raise StorageError(f"{where} is the spread of another network: its arrays do not fit; {cure}")
    if any(each.dtype != np.float32 or not np.isfinite(each).all() for each in (directions, centre, between)):
        raise StorageError(f"{where} is no spread: its numbers are not finite; {cure}")
    if between.min() <= 0:
        raise StorageError(f"{where} is no spread: it has variances that are not above 0; {cure}")
    return Spread(directions, centre, between)
