"""Plot: time and bytes of the refreshes of a simulated year over what was there, as SVG (`refresh_year.py --plot`)."""

from pathlib import Path
from statistics import median

import matplotlib as mpl
from matplotlib.figure import Figure

Days = dict[int, tuple[float, int, int, int]]
"""By day: seconds of CPU, bytes written, uploads judged, uploads there were."""

EQUAL = 1.2
"""Refreshes that judge fewer than so many times a day's photographs have equal news: no camera was judged again."""
WANTED = 1.3
"""The last month's refreshes should take at most so many times what the first month's take."""


def draw(days: Days, share: int, path: Path) -> None:
    """Draw the refreshes that judged nearly nothing but their day's `share`; the line is WANTED times their median.

    The median is that of the first month, a twelfth of the uploads.
    """
    equal = {day: of for day, of in days.items() if of[2] < EQUAL * share}
    most = max((of[3] for of in equal.values()), default=0)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "refreshes"}):
        figure = Figure(figsize=(7, 5), layout="constrained")
        axes = figure.subplots(2, 1, sharex=True)
        for axis, name, place, unit in ((axes[0], "seconds of CPU", 0, 1.0), (axes[1], "MB written", 1, 1e6)):
            axis.plot([of[3] for of in equal.values()], [of[place] / unit for of in equal.values()], ".", markersize=4)
            if first := [of[place] / unit for of in equal.values() if of[3] <= most / 12]:
                axis.axhline(WANTED * median(first), linewidth=0.8, linestyle="--", color="gray")
            axis.set_ylabel(f"{name} a refresh")
            axis.set_ylim(bottom=0)
        axes[1].set_xlabel("uploads in the corpus")
        axes[1].xaxis.set_major_formatter("{x:,.0f}")
        figure.savefig(path, format="svg", metadata={"Date": None})
