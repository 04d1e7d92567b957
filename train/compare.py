"""Comparison of runs: how much better the second side is than the first, on the same photographs, by device.

`python -m train.compare RUN[,RUN…] RUN[,RUN…]`; baselines are named like runs. It reads the answers that the runs have
published and judges nothing.
"""

import json

from corpus.command_line import command_parser, configuration_of, exit_with
from train.evaluation.comparison import compare, notes_of
from train.evaluation.table import aligned, figure_text
from train.runs.answered import find_answers

_DESCRIPTION = """Compare two runs, or baselines, on the photographs that both judged: paired differences, by device.

Several runs of a side, separated by commas, are its seeds (their mean counts) or its folds (their photographs are
joined). A difference is the second side's accuracy less the first's.

Exit codes: 0 compared, 2 they cannot be compared."""


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = command_parser("python -m train.compare", _DESCRIPTION)
    told = "names of runs or baselines, paths of their folders, or `latest`, separated by commas"
    parser.add_argument("first", metavar="RUN[,RUN…]", help=told)
    parser.add_argument("second", metavar="RUN[,RUN…]", help="what they are compared with, likewise")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON instead of a table")
    arguments = parser.parse_args()
    store = configuration_of(arguments).store
    sides = [[find_answers(store, name) for name in side.split(",")] for side in (arguments.first, arguments.second)]
    first, second = ([answers for _, answers in side] for side in sides)
    names = [[name for name, _ in side] for side in sides]
    compared = {"first": names[0], "second": names[1], **compare(first, second)}
    notes = notes_of(compared)
    if arguments.json:
        print(json.dumps({**compared, "notes": notes}, indent=1, sort_keys=True))
        return 0
    print(f"first: {', '.join(names[0])}\nsecond: {', '.join(names[1])}")
    print(f"{compared['photos']} photographs by {compared['devices']} devices\n")
    rows = [("accuracy", "first", "second", "difference", "95 % interval")]
    rows += [
        (row["figure"], figure_text(row["first"])[0], figure_text(row["second"])[0], *figure_text(row["difference"]))
        for row in compared["figures"]
    ]
    print("\n".join(aligned(rows)))
    for side, runs in zip(("first", "second"), compared["runs"], strict=True):
        if runs["standard_deviation"] is not None:
            each = ", ".join(f"{value:.3f}" for value in runs["weighted"])
            print(f"{side}: weighted {each}; standard deviation {runs['standard_deviation']:.3f}")
    for note in notes:
        print(f"note: {note}")
    return 0


if __name__ == "__main__":
    exit_with(main)
