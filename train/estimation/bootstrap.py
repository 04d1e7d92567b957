"""Bootstrap: 95 % intervals of figures of photographs, which are independent between devices and not within one.

Whole devices are drawn, within each class. A plain bootstrap of n devices is too narrow by (n − 1) / n, which is a half
for two; so n − 1 of n are drawn with replacement (Rao and Wu, JASA 83, 1988), the first of them twice, which keeps each
class at its size and gives a variance that is right for two devices and never too small. Classes with a single device
show nothing of how devices differ: they are drawn together, as if they were one class (collapsed strata: Cochran,
Sampling Techniques, 1977, 5A.12), which gives wider intervals, not narrower ones. Where there are not two devices,
there is no interval: NaN. Nor is there one where all devices have the same figure, for example where every photograph
is right: every draw then gives the same figure, and an interval of no width would say that there is no uncertainty.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

DRAWS = 2000
_TAIL = 2.5  # per cent on each side
_SAME = 1e-12  # what sums of the same shares differ by when they are rounded

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Resamples:
    """How often each device is in each draw."""

    device_of: Numbers
    """The device of each photograph, as a number."""
    counts: npt.NDArray[np.float64]
    """Draws × devices."""
    single: tuple[int, ...]
    """Labels of the classes with one device."""

    @property
    def is_possible(self) -> bool:
        """Whether there are two devices, so that something can be said of how they differ."""
        return bool(self.counts.shape[1] > 1)

    def sums(self, values: npt.NDArray[Any]) -> Floats:
        """Return the sums of the photographs' values, N × M or N, in each draw: draws × M."""
        columns = np.asarray(values, np.float64).reshape(len(self.device_of), -1)
        of_device = np.zeros((self.counts.shape[1], columns.shape[1]))
        np.add.at(of_device, self.device_of, columns)
        result: Floats = self.counts @ of_device
        return result

    def means(self, values: npt.NDArray[Any]) -> Floats:
        """Return the means of the photographs' values in each draw: draws × M."""
        return self.sums(values) / self.sums(np.ones(len(self.device_of)))

    def balanced_means(self, values: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Floats:
        """Return the means over classes of the means of the photographs' values in each draw: draws × M."""
        columns = np.asarray(values, np.float64).reshape(len(self.device_of), -1)
        of_classes = []
        for label in np.unique(labels):
            own = (np.asarray(labels) == label)[:, None]
            with np.errstate(invalid="ignore", divide="ignore"):
                of_classes.append(self.sums(columns * own) / self.sums(own))
        stacked = np.stack(of_classes)
        known = ~np.isnan(stacked)
        result: Floats = np.where(known, stacked, 0.0).sum(axis=0) / known.sum(axis=0)
        return result

    def rows(self, draw: int) -> Numbers:
        """Return the rows of the photographs of a draw, each as often as it was drawn."""
        return np.repeat(self._order, self.counts[draw, self.device_of[self._order]].astype(np.int64))

    def interval(self, drawn: Floats) -> Floats:
        """Return the 95 % interval, M × 2, of a figure from its values in the draws, draws × M; NaN where none is."""
        result = np.full((drawn.shape[1], 2), np.nan)
        for column, values in enumerate(drawn.T if self.is_possible else ()):
            known = values[~np.isnan(values)]
            if len(known) and np.ptp(known) > _SAME:
                result[column] = np.percentile(known, (_TAIL, 100 - _TAIL))
        return result

    def distance_interval(self, value: float, drawn: Floats) -> Floats:
        """Return the 95 % interval of a distance that is at least 0, such as a calibration error; NaN where none is.

        What deviates by chance makes a distance larger and never smaller, in each draw once more than in the
        photographs themselves. So the draws say how far above the value they come, and the interval lies as far below
        (the basic bootstrap: Davison and Hinkley, Bootstrap Methods, 1997, 5.2.1), at 0 or above. It holds the value.
        """
        low, high = self.interval(drawn.reshape(-1, 1))[0]
        result: Floats = np.maximum(2 * value - np.array([high, low]), [0.0, value])
        return result

    @cached_property
    def _order(self) -> Numbers:
        return np.arange(len(self.device_of))


def resamples(devices: Sequence[str], labels: npt.NDArray[Any], draws: int = DRAWS, seed: int = 0) -> Resamples:
    """Return draws of the devices of N photographs within their classes; the same arguments give the same draws.

    A device is a name within a class: the same name in two classes is two devices.
    """
    keys = [f"{label}|{device}" for label, device in zip(np.asarray(labels).tolist(), devices, strict=True)]
    names, first, device_of = np.unique(np.array(keys, dtype=str), return_index=True, return_inverse=True)
    class_of = np.asarray(labels, np.int64)[first]
    strata = [np.flatnonzero(class_of == label) for label in np.unique(class_of)]
    single = tuple(int(class_of[stratum[0]]) for stratum in strata if len(stratum) == 1)
    rng = np.random.default_rng(seed)
    counts = np.zeros((draws, len(names)))
    for stratum in _collapsed(strata):
        if len(stratum) < 2:
            counts[:, stratum] = 1
            continue
        drawn = stratum[rng.integers(len(stratum), size=(draws, len(stratum) - 1))]
        every = np.arange(draws)
        np.add.at(counts, (every[:, None], drawn), 1)
        counts[every, drawn[:, 0]] += 1
    return Resamples(device_of.astype(np.int64).reshape(-1), counts, single)


def balanced_mean(values: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Floats:
    """Return the means over classes of the means of the photographs' values, N × M or N: M."""
    columns = np.asarray(values, np.float64).reshape(len(labels), -1)
    result: Floats = np.mean([columns[np.asarray(labels) == label].mean(axis=0) for label in np.unique(labels)], axis=0)
    return result


def intervals(
    values: npt.NDArray[Any], devices: Sequence[str], labels: npt.NDArray[Any], draws: int = DRAWS, seed: int = 0
) -> Floats:
    """Return the 95 % intervals, M × 2, of the means over photographs of values N × M (or N); NaN where none is."""
    drawn = resamples(devices, labels, draws, seed)
    return drawn.interval(drawn.means(values))


def statistic_intervals(
    statistic: Callable[[Numbers], npt.ArrayLike],
    devices: Sequence[str],
    labels: npt.NDArray[Any],
    draws: int = DRAWS,
    seed: int = 0,
) -> Floats:
    """Return the 95 % intervals, M × 2, of any figures of photographs: `statistic` of the rows of each draw.

    A row that was drawn twice stands there twice. Where the statistic is NaN for a draw, that draw does not count.
    """
    drawn = resamples(devices, labels, draws, seed)
    if not drawn.is_possible:
        first = np.atleast_1d(np.asarray(statistic(np.arange(len(devices))), np.float64))
        return np.full((len(first), 2), np.nan)
    return drawn.interval(
        np.stack([np.atleast_1d(np.asarray(statistic(drawn.rows(draw)), np.float64)) for draw in range(draws)])
    )


def paired(
    values_a: npt.NDArray[Any],
    values_b: npt.NDArray[Any],
    devices: Sequence[str],
    labels: npt.NDArray[Any],
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Return the mean difference b − a of two values of the same N photographs, and its 95 % interval (NaN: none)."""
    difference = np.asarray(values_b, np.float64) - np.asarray(values_a, np.float64)
    low, high = intervals(difference, devices, labels, draws, seed)[0].tolist()
    return float(difference.mean()), low, high


def or_none(interval: npt.NDArray[Any]) -> tuple[float, float] | None:
    """Return an interval as it stands in a file of figures: None instead of NaN."""
    low, high = np.asarray(interval, np.float64).tolist()
    return None if np.isnan(low) or np.isnan(high) else (low, high)


def _collapsed(strata: list[Numbers]) -> list[Numbers]:
    """Return the strata with those of one device joined; one that stays alone joins the smallest other one."""
    several = sorted((stratum for stratum in strata if len(stratum) > 1), key=lambda each: (len(each), each[0]))
    single = [stratum for stratum in strata if len(stratum) == 1]
    if not single:
        return several
    if len(single) == 1 and several:
        return [np.concatenate([single[0], several[0]]), *several[1:]]
    return [*several, np.concatenate(single)]
