"""Benchmark: how often a verdict on many tests calls a genuine photograph unusual, and how often it finds one trace.

`python -m benchmarks.examiner.verdict [photographs …]`. Scores are drawn, so no files are needed: of every four tests
one is normal, one has a heavy tail (log-normal), one is nearly always 0, and one has much in common with its likes.
What is planted raises one score: by six deviations of a normal test, by five of one that is nearly always 0, or a
heavy-tailed one by a factor of 3,000.
"""

import argparse
from collections.abc import Mapping, Sequence

import numpy as np

from examiner.calibration.combined import combined, combined_of_genuine
from examiner.calibration.measured import Measured

TESTS = (6, 12, 24)
REPEATS, NEW = 4, 300
Scores = dict[str, float]


def photographs(number: int, tests: int, seed: int) -> list[Scores]:
    """Return the scores of genuine photographs, by test."""
    random = np.random.default_rng([seed, tests])
    common = random.normal(size=number)
    columns = []
    for test in range(tests):
        own = random.normal(size=number)
        columns.append([common + 0.3 * own, np.exp(2 * own), np.maximum(0, own - 2), own][test % 4])
    return [{str(test): float(column[place]) for test, column in enumerate(columns)} for place in range(number)]


def planted(scores: Scores) -> list[Scores]:
    """Return the scores of a photograph in which something was planted, for each kind of test."""
    return [
        scores | {"3": scores["3"] + 6},
        scores | {"2": scores["2"] + 5},
        scores | {"1": scores["1"] * 3_000},
    ]


def ranks_alone(scores: Scores, findings: Mapping[str, Measured], *, own: bool) -> float:
    """Return the smallest false-alarm rate of any test, as a score: what the combination would be by ranks alone."""
    rates = []
    for name, score in scores.items():
        genuine = findings[name].scores
        number = len(genuine) - own
        as_large = len(genuine) - int(np.searchsorted(genuine, score)) - own
        rates.append((1 + as_large) / (1 + number))
    return -min(rates)


def alarms(known: Sequence[float], new: Sequence[float]) -> float:
    """Return the share of new photographs that at most 1 % of the genuine ones equal."""
    rates = (1 + (np.array(known)[None] >= np.array(new)[:, None] - 1e-9).sum(1)) / (1 + len(known))
    return float((rates <= 0.01).mean())


def row(number: int, tests: int) -> list[float]:
    """Return false alarms of any test alone and both combinations, and what both find of three things planted."""
    found = []
    for repeat in range(REPEATS):
        genuine = photographs(number, tests, repeat)
        findings = {name: Measured(tuple(sorted(each[name] for each in genuine)), 20) for name in genuine[0]}
        new = photographs(NEW, tests, 1_000 + repeat)
        kinds = [list(each) for each in zip(*(planted(each) for each in new), strict=True)]
        by_rank = [ranks_alone(each, findings, own=True) for each in genuine]
        together = combined_of_genuine(genuine, findings, 20).scores
        any_test = float(np.mean([ranks_alone(each, findings, own=False) >= -0.01 for each in new]))
        both = [
            alarms(known, [score(each) or 0.0 for each in some])
            for known, score in (
                (by_rank, lambda each: ranks_alone(each, findings, own=False)),  # noqa: B023 - called here
                (together, lambda each: combined(each, findings)),  # noqa: B023
            )
            for some in (new, *kinds)
        ]
        found.append([any_test, *both])
    return [float(each) for each in np.mean(found, 0)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", nargs="*", type=int, default=[200, 1_000], help="genuine ones that are known")
    arguments = parser.parse_args()
    print("photographs tests | any test | ranks: false normal zero heavy | verdict: false normal zero heavy")
    for number in arguments.photographs:
        for tests in TESTS:
            shown = [f"{each:.3f}" for each in row(number, tests)]
            print(
                f"{number:11,} {tests:5} | {shown[0]:>8} | {' '.join(shown[1:5])} | {' '.join(shown[5:])}", flush=True
            )


if __name__ == "__main__":
    main()
