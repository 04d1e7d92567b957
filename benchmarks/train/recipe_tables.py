"""Recipe tables: figures of finished trainings by variant, and paired differences, as lines of Markdown.

A result is what `benchmarks.train.recipe_training.trained` returns. All rows are of the photographs that all variants
have judged with all their seeds, in the folds that all their seeds have finished.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.train.recipe_training import Bench, Variant
from train.estimation.bootstrap import intervals, paired
from train.evaluation.figures import scores

SHOWN = ("W", "unaltered", "manipulated", "jpeg_70", "scale_0.5", "scale_2")
Floats = npt.NDArray[np.float64]
Result = Mapping[str, Any]


def finished(bench: Bench, variants: Sequence[Variant], *, unnamed: bool = False) -> dict[str, list[Result]]:
    """Return the results that are there of each variant, by its name.

    `unnamed`: also those whose file says nothing of its data, as an earlier version wrote it, by the variant's name,
    for seeds and folds that have no other; they get a note.
    """
    folder = bench.out / "results"
    older = []
    for path in sorted(folder.glob(f"*-{bench.length}-seed*-fold*.json")) if unnamed else ():
        if path.name.count("-") == 3:
            told = json.loads(path.read_text())
            older.append({**told, "note": "; ".join(filter(None, [told["note"], "no word on its data"]))})
    found = {}
    for variant in variants:
        paths = sorted(folder.glob(f"{variant.digest}-{bench.data}-{bench.length}-seed*.json"))
        own = [json.loads(path.read_text()) for path in paths]
        known = {(each["seed"], each["fold"]) for each in own}
        more = [each for each in older if each["variant"] == variant.name]
        found[variant.name] = own + [each for each in more if (each["seed"], each["fold"]) not in known]
    return found


def figures_of(result: Result) -> dict[str, Floats]:
    """Return the values of each photograph of one training whose means are the figures of the table."""
    right = np.array(result["right"], np.float64)
    _, manipulated, weighted = scores(right, result["conditions"]).T
    return {"W": weighted, "manipulated": manipulated, **dict(zip(result["conditions"], right.T, strict=True))}


def line_of(result: Result) -> str:
    """Return the line of one training."""
    values = figures_of(result)
    told = "  ".join(f"{name} {values[name].mean():.3f}" for name in SHOWN)
    where = "" if result["fold"] is None else f" fold {result['fold'] // 2}"
    note = f"  ({result['note']})" if result["note"] else ""
    return (
        f"{result['variant']} seed {result['seed']}{where}: {told}  {result['crops']:,} crops, "
        f"CPU {result['cpu_s']:.0f} s, {len(result['photos'])} photographs{note}"
    )


@dataclass(frozen=True)
class Pooled:
    """All folds of a variant together: a row for each photograph."""

    photos: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    devices: tuple[str, ...]
    values: dict[str, Floats]
    """By figure: photographs × seeds."""

    def of(self, photos: Sequence[str]) -> "Pooled":
        """Return the rows of these photographs, in their order."""
        place = {photo: row for row, photo in enumerate(self.photos)}
        rows = [place[photo] for photo in photos]
        values = {figure: column[rows] for figure, column in self.values.items()}
        return Pooled(tuple(photos), self.labels[rows], tuple(self.devices[row] for row in rows), values)

    def mean(self, figure: str) -> Floats:
        """Return each photograph's mean over the seeds."""
        values: Floats = self.values[figure].mean(axis=1)
        return values


def pooled(results: Sequence[Result]) -> Pooled:
    """Return the photographs that every seed has judged, of those folds that every seed has finished."""
    seeds = sorted({result["seed"] for result in results})
    folds = [{result["fold"] for result in results if result["seed"] == seed} for seed in seeds]
    whole = set.intersection(*folds)
    rows: dict[str, tuple[int, str, dict[int, dict[str, float]]]] = {}
    for result in results:
        if result["fold"] in whole:
            values = figures_of(result)
            for row, photo in enumerate(result["photos"]):
                entry = rows.setdefault(photo, (result["labels"][row], result["devices"][row], {}))
                entry[2][result["seed"]] = {name: float(column[row]) for name, column in values.items()}
    names = sorted(photo for photo, entry in rows.items() if len(entry[2]) == len(seeds))
    values = {
        figure: np.array([[rows[name][2][seed][figure] for seed in seeds] for name in names]).reshape(-1, len(seeds))
        for figure in SHOWN
    }
    labels = np.array([rows[name][0] for name in names], np.int64)
    return Pooled(tuple(names), labels, tuple(rows[name][1] for name in names), values)


def tables(results: Mapping[str, Sequence[Result]]) -> list[str]:
    """Return the lines of both tables: figures of each variant, and its differences from the first."""
    each = {name: pooled(own) for name, own in results.items() if own}
    if not each:
        return ["nothing is finished yet"]
    common = sorted(set.intersection(*(set(one.photos) for one in each.values())))
    if not common:
        return ["no photograph is judged by all variants yet"]
    of = {name: one.of(common) for name, one in each.items()}
    lines = [
        "",
        f"| variant | photographs | seeds | crops | CPU s | {' | '.join(SHOWN)} | sd of W |",
        f"|---|---|---|---|---|{'---|' * (len(SHOWN) + 1)}",
        *(_row(name, one, results[name]) for name, one in of.items()),
    ]
    first, *others = of
    if others:
        lines += [
            "",
            f"| difference from {first}, paired | photographs | {' | '.join(SHOWN)} |",
            f"|---|---|{'---|' * len(SHOWN)}",
            *(_difference(name, of[first], of[name]) for name in others),
        ]
    notes = {f"{told['variant']}: {told['note']}" for own in results.values() for told in own if told["note"]}
    return [*lines, *(line for note in sorted(notes) for line in ("", note)), ""]


def _row(name: str, one: Pooled, results: Sequence[Result]) -> str:
    cells = []
    for figure in SHOWN:
        low, high = intervals(one.mean(figure), one.devices, one.labels)[0]
        cells.append(f"{one.mean(figure).mean():.3f} [{low:.2f}, {high:.2f}]")
    by_seed = one.values["W"].mean(axis=0)
    spread = f"{by_seed.std(ddof=1):.3f}" if len(by_seed) > 1 else "–"
    crops, cpu_s = (np.mean([result[key] for result in results]) for key in ("crops", "cpu_s"))
    return (
        f"| {name} | {len(one.photos)} | {len(by_seed)} | {crops:,.0f} | {cpu_s:.0f} | {' | '.join(cells)} | {spread} |"
    )


def _difference(name: str, base: Pooled, one: Pooled) -> str:
    cells = []
    for figure in SHOWN:
        mean, low, high = paired(base.mean(figure), one.mean(figure), one.devices, one.labels)
        cells.append(f"{mean:+.3f} [{low:+.2f}, {high:+.2f}]")
    return f"| {name} | {len(one.photos)} | {' | '.join(cells)} |"
