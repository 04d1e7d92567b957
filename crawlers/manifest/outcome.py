"""Outcome: what a crawl of a manifest has brought, and what of each camera is gone; pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from corpus.text import count, escaped
from crawlers.manifest.originals import CHANGED
from crawlers.windows.records import Row

HERE, GONE, CHANGED_STATE, FAILED = "here", "gone", "changed", "failed"
NO_CAMERA = "-"


class Outcome:
    """Counts of the photographs that were asked for, by camera."""

    def __init__(self) -> None:
        self.cameras: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, rows: Iterable[Row]) -> None:
        """Count rows; photos that the list itself refuses, and those that the rules refuse, are no loss."""
        for row in rows:
            state = _state_of(row)
            if state is not None:
                self.cameras[row["claimed_camera"] or NO_CAMERA][state] += 1

    def lines(self) -> Iterator[str]:
        """Yield what there is to say, a line each."""
        total = sum(self.cameras.values(), Counter[str]())
        asked = total.total()
        yield (
            f"{total[HERE]:,} of {count(asked, 'photograph')} are here; gone at the source: {total[GONE]:,}, other "
            f"bytes there now: {total[CHANGED_STATE]:,}, not fetched yet: {total[FAILED]:,}"
        )
        for camera, found in sorted(self.cameras.items()):
            lost = found.total() - found[HERE]
            if lost:
                share = lost / found.total()
                yield (
                    f"{escaped(camera)}: {lost:,} of {found.total():,} missing ({share:.1%}): {found[GONE]:,} gone, "
                    f"{found[CHANGED_STATE]:,} changed, {found[FAILED]:,} not fetched yet"
                )


def _state_of(row: Row) -> str | None:
    if row["state"] == "stored":
        return HERE
    if row["state"] == "deleted":
        return GONE
    if row["state"] == "failed":
        return FAILED
    # what the list itself refuses with this reason was not asked for, and has no error
    return CHANGED_STATE if CHANGED in (row["reasons"] or ()) and row["error"] is not None else None
