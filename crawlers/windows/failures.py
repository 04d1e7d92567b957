"""Failures: a failed photo's row in, when to try it again out. Pure.

A first failure is tried again by the next crawl, whenever that is; then the wait doubles from an hour to a week, and
never ends: a site that was down for a month is not the photo's fault. What failed for good is not tried again.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from corpus.text import iso_time

FIRST_WAIT_S = 3600
LONGEST_WAIT_S = 7 * 86400


def wait_s(attempts: int) -> int:
    """Return how long after its latest failure a photo that has failed in so many crawls is left alone."""
    return 0 if attempts < 2 else min(FIRST_WAIT_S * 2 ** min(attempts - 2, 20), LONGEST_WAIT_S)


def next_attempt(row: Mapping[str, Any]) -> str | None:
    """Return the moment (ISO 8601, UTC) from which a row's photo is tried again; None for one that is not."""
    if row["state"] != "failed" or not row["is_transient"]:
        return None
    failed_s = datetime.fromisoformat(row["failed_at"]).timestamp()
    return iso_time(int(failed_s) + wait_s(row["attempts"] or 1))
