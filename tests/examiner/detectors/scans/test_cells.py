"""How cells of a page are compared with what is usual on it."""

import numpy as np
import pytest

from examiner.detectors.scans import cells

SHAPE = (40, 60)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.fixture
def told() -> cells.Told:
    told = np.ones(SHAPE, np.bool_)
    told[:, :5] = False
    return told


def test_sums_are_those_of_the_window_around_a_cell() -> None:
    plane = np.zeros((64, 70), np.float32)  # its last cells are cut off
    plane[20, 20] = 3.0
    sums = cells.summed(plane)
    assert sums.shape == (8, 9)
    assert np.allclose(sums[1:4, 1:4], 3.0, atol=1e-4)
    assert np.abs(sums).sum() == pytest.approx(27.0, abs=1e-3)


def test_what_surroundings_explain_is_no_deviation(random: np.random.Generator, told: cells.Told) -> None:
    ink = random.uniform(0, 1, SHAPE).astype(np.float32)
    trait = (5 + 3 * ink**2 + 0.1 * (1 + 2 * ink) * random.normal(size=SHAPE)).astype(np.float32)
    trait[20, 30] += 3.0
    found = cells.deviations([trait], cells.products([ink], told), told)
    by_cell = np.zeros(SHAPE)
    by_cell[told] = found[:, 0]
    assert by_cell[20, 30] > 5
    assert abs(np.corrcoef(found[:, 0], ink[told])[0, 1]) < 0.1
    scatter = [np.std(found[(ink[told] > low) & (ink[told] <= low + 0.25), 0]) for low in (0.0, 0.25, 0.5, 0.75)]
    assert max(scatter) / min(scatter) < 1.7  # 2.3 without a fit of the scatter


def test_what_a_wide_neighbourhood_shares_is_taken_off(random: np.random.Generator, told: cells.Told) -> None:
    found = random.normal(size=(int(told.sum()), 1))
    paragraph = (np.indices(SHAPE)[0] > 20)[told]
    found[paragraph] += 2.0
    word = np.zeros(SHAPE, np.bool_)
    word[10:12, 20:26] = True
    found[word[told]] += 4.0
    left = cells.beside_neighbours(found, told)
    inner = (np.indices(SHAPE)[0] > 30)[told]
    assert abs(left[inner].mean()) < 0.7
    assert left[word[told]].mean() > 2.0


def test_neighbours_that_deviate_alike_add_up(random: np.random.Generator, told: cells.Told) -> None:
    found = random.normal(size=(int(told.sum()), 4))
    word = np.zeros(SHAPE, np.bool_)
    word[18:21, 30:37] = True
    found[word[told]] += (1.2, -1.2, 0.0, 0.0)
    alone, added = cells.distances(found), cells.distances(cells.together(found, told, (7, 3)))
    middle = np.zeros(SHAPE, np.bool_)
    middle[19, 33] = True
    assert np.mean(added < added[middle[told]][0]) > 0.995
    assert np.mean(alone < alone[middle[told]][0]) < 0.99
    assert added.mean() == pytest.approx(1.0, abs=0.15)


def test_a_cell_without_an_answer_around_has_none(told: cells.Told) -> None:
    mean = cells.averaged(np.ones(int(told.sum())), told, (3, 3))
    assert np.isnan(mean[:, :4]).all()
    assert np.allclose(mean[:, 4:], 1.0)
