"""Revision: the rows of a whole window in; which stay, which photos are to be fetched again, out. Pure.

Four things call for one: failed photos whose time has come, rules or a catalogue that are no longer those a window
was judged by, what was learned of cameras since, and a new listing of the window, which may show photos that are new,
replaced or gone.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crawlers.vetting.door import Refused
from crawlers.windows.records import ListedPhoto, found_of
from forensics.photo_facts import PhotoFacts, facts_of_row

Row = dict[str, Any]

CERTAIN_REASONS = frozenset({"forgotten", "not_a_photo", "no_original", "not_jpeg", "unreadable", "download_forbidden"})
"""Reasons that no rule, camera or limit of ours can change."""

SAID_BY_SITE = frozenset({"licence_not_allowed", "download_forbidden", "no_original", "not_a_photo"})
"""Reasons that the site alone gives, and may take back."""


@dataclass(frozen=True)
class Revision:
    """What becomes of a window."""

    kept: list[Row]
    again: list[ListedPhoto]
    """Photos to obtain now."""
    relist: bool = False
    """Whether some refusals can only be judged anew by asking the site for the listing."""


def revise(
    rows: Iterable[Row],
    due: Collection[str],
    judge: Callable[[PhotoFacts, str | None], Refused | None] | None,
    *,
    can_relist: bool,
    only_lifts: bool = False,
) -> Revision:
    """Revise a window without asking its site.

    `due`: failed photos to try again. `judge`: today's verdict on a header's facts and a labelled camera; None where
    the rules are those the window was judged by. A refusal that rests on no facts is judged anew by a new listing
    where the source `can_relist`, else by obtaining the photo again. `only_lifts`: no more than what was learned since
    has changed, so that refusals whose facts pass now are lifted, and all other rows stay as they are.
    """
    kept: list[Row] = []
    again: list[ListedPhoto] = []
    relist = False
    for row in rows:
        if row["state"] == "failed" and row["photo"] in due:
            again.append(found_of(row))
        elif row["state"] != "refused" or judge is None or CERTAIN_REASONS.issuperset(row["reasons"] or ()):
            kept.append(row)
        elif row["facts"] is not None:
            verdict = judge(facts_of_row(row["facts"]), row["labelled_camera"])
            if verdict is None:
                again.append(found_of(row))
            else:
                kept.append(row if only_lifts else {**row, "reasons": list(verdict.reasons)})
        elif only_lifts:
            kept.append(row)
        elif can_relist:
            relist = True
            kept.append(row)
        else:
            again.append(found_of(row))
    return Revision(kept, again, relist)


def relisted(
    rows: Iterable[Row], listed: Mapping[str, ListedPhoto], gone: Collection[str], *, is_judged_anew: bool
) -> Revision:
    """Revise a window by its new listing; `gone`: stored photos that it lacks and that the site confirms it lost.

    An upload that is known keeps its row, unless the site has taken back why it was refused, or its listing is judged
    anew by other rules. A photo whose upload was replaced gets a second row, and the old original stays.
    """
    kept: list[Row] = []
    known: set[tuple[str, str | None]] = set()
    again: list[ListedPhoto] = []
    for row in rows:
        found = listed.get(row["photo"])
        is_same = found is not None and found.version == row["version"]
        if found is not None and not is_same and row["state"] == "failed":
            if row["version"] is not None:  # else the site named no file then, and does now
                kept.append({**row, "is_transient": False})
        elif found is not None and is_same and _may_change(row, found, is_judged_anew):
            again.append(found)
        elif row["photo"] in gone and row["state"] == "stored":
            kept.append({**row, "state": "deleted"})
        else:
            kept.append(row)
        known.add((row["photo"], row["version"]))
    again += [found for found in listed.values() if (found.photo, found.version) not in known]
    return Revision(kept, again)


def _may_change(row: Row, found: ListedPhoto, is_judged_anew: bool) -> bool:
    """Whether a new listing of the same upload may change its row."""
    if row["state"] == "deleted":  # it is back
        return True
    reasons = frozenset(row["reasons"] or ())
    if row["state"] != "refused" or row["facts"] is not None or reasons == frozenset(found.reasons):
        return False
    return bool(reasons & SAID_BY_SITE) or (is_judged_anew and not reasons <= CERTAIN_REASONS)
