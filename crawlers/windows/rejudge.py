"""Decide which rows of a whole window stay and which photos are fetched again. Pure.

There are four occasions: failed photos are due, the rules or the catalogue have changed since the window was judged,
more has been learned of cameras, or the window was listed anew and shows photos that are new, replaced or gone.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from crawlers.vetting.door import Refused
from crawlers.windows.records import ListedPhoto, Row, listed_photo_of
from forensics.photo_facts import PhotoFacts, facts_of_row

CERTAIN_REASONS = frozenset({"forgotten", "not_a_photo", "no_original", "not_jpeg", "unreadable", "download_forbidden"})
"""Reasons that no rule, camera or limit of ours can change."""

SAID_BY_SITE = frozenset({"licence_not_allowed", "download_forbidden", "no_original", "not_a_photo"})
"""Reasons that the site alone gives, and may take back."""


@dataclass(frozen=True)
class WindowUpdate:
    """How a whole window is to be updated."""

    kept: list[Row]  # rows that stay, some of them with other reasons or another state
    to_fetch: list[ListedPhoto]
    relist: bool = False  # whether some refusals can only be judged again by a new listing


def rejudge(
    rows: Iterable[Row],
    due: Collection[str],
    judge: Callable[[PhotoFacts, str | None], Refused | None] | None,
    *,
    can_relist: bool,
    only_lifts: bool = False,
) -> WindowUpdate:
    """Judge a window again without asking its site.

    `due`: failed photos to retry. `judge`: today's verdict on a header's facts and a labelled camera; None where the
    window was judged by today's rules. A refusal that rests on no facts is judged again by a new listing where the
    source `can_relist`, else by fetching the photo again. `only_lifts`: nothing has changed but what was learned of
    cameras, so refusals whose facts pass now are lifted, and all other rows stay as they are.
    """
    kept: list[Row] = []
    to_fetch: list[ListedPhoto] = []
    relist = False
    for row in rows:
        if row["state"] == "failed" and row["photo"] in due:
            to_fetch.append(listed_photo_of(row))
        elif row["state"] != "refused" or judge is None or CERTAIN_REASONS.issuperset(row["reasons"] or ()):
            kept.append(row)
        elif row["facts"] is not None:
            verdict = judge(facts_of_row(row["facts"]), row["labelled_camera"])
            if verdict is None:
                to_fetch.append(listed_photo_of(row))
            else:
                kept.append(row if only_lifts else {**row, "reasons": list(verdict.reasons)})
        elif only_lifts:
            kept.append(row)
        elif can_relist:
            relist = True
            kept.append(row)
        else:
            to_fetch.append(listed_photo_of(row))
    return WindowUpdate(kept, to_fetch, relist)


def apply_listing(
    rows: Iterable[Row], listing: Mapping[str, ListedPhoto], gone: Collection[str], *, are_rules_new: bool
) -> WindowUpdate:
    """Compare a window with its new listing.

    `listing`: the listed photos by key. `gone`: stored photos that it lacks and that the site confirms it lost.
    `are_rules_new`: whether refusals by the former listing rest on other rules than today's. A known upload keeps its
    row, unless the site has taken back why it was refused, or the rules are new. A photo whose upload was replaced
    gets a second row, and the old original stays.
    """
    kept: list[Row] = []
    known: set[tuple[str, str | None]] = set()
    to_fetch: list[ListedPhoto] = []
    for row in rows:
        listed = listing.get(row["photo"])
        is_same = listed is not None and listed.version == row["version"]
        if listed is not None and not is_same and row["state"] == "failed":
            if row["version"] is not None:  # else the site named no file then, and does now
                kept.append({**row, "is_transient": False})
        elif listed is not None and is_same and _may_change(row, listed, are_rules_new):
            to_fetch.append(listed)
        elif row["photo"] in gone and row["state"] == "stored":
            kept.append({**row, "state": "deleted"})
        else:
            kept.append(row)
        known.add((row["photo"], row["version"]))
    to_fetch += [listed for listed in listing.values() if (listed.photo, listed.version) not in known]
    return WindowUpdate(kept, to_fetch)


def _may_change(row: Row, listed: ListedPhoto, are_rules_new: bool) -> bool:
    if row["state"] == "deleted":  # it is back
        return True
    reasons = frozenset(row["reasons"] or ())
    if row["state"] != "refused" or row["facts"] is not None or reasons == frozenset(listed.reasons):
        return False
    return bool(reasons & SAID_BY_SITE) or (are_rules_new and not reasons <= CERTAIN_REASONS)
