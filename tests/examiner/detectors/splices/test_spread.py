"""How windows of photographs scatter in an embedding, and what that says of the windows of one picture."""

import numpy as np
import pytest

from corpus.errors import StorageError
from examiner.detectors.splices.spread import DIRECTIONS, LEAST_PHOTOGRAPHS, Spread, fitted, log_ratios, own_mean
from examiner.detectors.splices.spread_file import read_spread, spread_bytes
from train.estimation.ranking import auroc

DIMENSION, TOLD = 48, 6
"""In the first TOLD numbers photographs differ; the next scatters most, and tells nothing."""


def windows_of_photograph(random: np.random.Generator, number: int, shift: float = 0.0) -> np.ndarray:
    mean = np.zeros(DIMENSION)
    mean[:TOLD] = random.normal(0, 3, TOLD)
    mean[-1] = shift
    scatter = np.ones(DIMENSION)
    scatter[TOLD] = 30
    return (mean + scatter * random.normal(0, 1, (number, DIMENSION))).astype(np.float32)


@pytest.fixture(scope="module")
def spread() -> Spread:
    random = np.random.default_rng(1)
    kinds = {"png": 0.0, "80": 4.0}
    return fitted(
        [(kind, windows_of_photograph(random, 40, shift)) for _ in range(60) for kind, shift in kinds.items()]
    )


@pytest.fixture
def picture() -> tuple[np.ndarray, np.ndarray]:
    """Return windows of a picture, rows × columns × dimension, and which are another photograph's: 30 %."""
    random = np.random.default_rng(2)
    pasted = np.zeros((10, 10), np.bool_)
    pasted[:5, :6] = True
    own, other = (windows_of_photograph(random, 100).reshape(10, 10, -1) for _ in range(2))
    return np.where(pasted[..., None], other, own), pasted


def test_windows_of_another_photograph_are_told_where_their_length_does_not_tell_them(
    spread: Spread, picture: tuple[np.ndarray, np.ndarray]
) -> None:
    windows, pasted = picture
    found = log_ratios(spread, spread.projected(windows), np.ones_like(pasted))
    plain = ((windows - np.median(windows, axis=(0, 1))) ** 2).sum(axis=2)
    assert auroc(found[pasted], found[~pasted]) > 0.99
    assert auroc(plain[pasted], plain[~pasted]) < 0.8
    assert np.median(found[pasted]) > 0 > np.median(found[~pasted])


def test_what_is_pasted_does_not_move_the_picture_s_own_mean(
    spread: Spread, picture: tuple[np.ndarray, np.ndarray]
) -> None:
    windows, pasted = picture
    projected = spread.projected(windows)
    own = projected[~pasted].mean(axis=0)
    found = own_mean(spread, projected.reshape(-1, projected.shape[2]))
    assert np.abs(found - own).max() < 0.3
    assert np.abs(projected.mean(axis=(0, 1)) - own).max() > 0.5


def test_what_the_last_compression_changes_tells_no_photographs_apart(spread: Spread) -> None:
    strength = np.abs(spread.directions) * spread.between
    assert strength[-1].sum() < 0.1 * strength[:TOLD].sum(axis=1).min()


def test_directions_are_the_strongest_ones(spread: Spread) -> None:
    assert spread.directions.shape == (DIMENSION, DIRECTIONS)
    assert (spread.between[:TOLD] > 2).all()
    assert (spread.between[TOLD:] < 0.3).all()


def test_too_few_photographs_are_refused() -> None:
    random = np.random.default_rng(3)
    few = range(LEAST_PHOTOGRAPHS - 1)
    for names in (("png",), ("png", "95", "90", "80", "70")):  # many pictures of few photographs are too few
        with pytest.raises(ValueError, match=f"{len(few)} photographs are too few"):
            fitted([(name, windows_of_photograph(random, 20)) for _ in few for name in names])


def test_a_spread_is_read_as_it_was_written_and_a_wrong_one_is_named(spread: Spread) -> None:
    data = spread_bytes(spread)
    read = read_spread(data, DIMENSION, "spread")
    assert spread_bytes(read) == data
    spoilt = Spread(spread.directions, np.full_like(spread.centre, np.nan), spread.between)
    for wrong, dimension in ((b"{}", DIMENSION), (data, DIMENSION + 1), (spread_bytes(spoilt), DIMENSION)):
        with pytest.raises(StorageError, match=r"runs/one/spread.*remove it and run `shutterprint calibrate`"):
            read_spread(wrong, dimension, "runs/one/spread")
