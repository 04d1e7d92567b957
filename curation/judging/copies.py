"""Copies: decide which photo of each set of copies stays, and refuse the others; pure.

Copies are searched across sources, owners and cameras, since the same file is found in many albums. The photo that
stays is chosen in this order: one that no rule refuses; one that the generation before kept, so that a picture once
trained on does not appear under another owner in another split; one whose tables prove its camera; the first uploaded
(unknown times last); the smallest key. A near copy is refused only if it is near the photo that stays, not if it is
near another copy: otherwise the frames of a burst would refuse each other in a chain.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from curation.judging.copy_pairs import NEAR

PLACEHOLDER, CLAIMED_TWICE, DUPLICATE = "placeholder", "claimed_by_two_cameras", "duplicate"


class Member(NamedTuple):
    """A photo of a set of copies."""

    id: int
    photo: str
    version: str
    camera: str | None
    group: str
    is_clean: bool
    """Whether no rule refuses it."""
    is_proved: bool
    """Whether the tables and orders of segments of its camera are known, and its own are among them."""
    kept_before: bool
    uploaded_at: str | None

    @property
    def rank(self) -> tuple[bool, bool, bool, bool, str, str, str]:
        """The member with the smallest rank of a set stays."""
        when = self.uploaded_at
        return (
            *(not self.is_clean, not self.kept_before, not self.is_proved, when is None),
            *(when or "", self.photo, self.version),
        )


class CopyVerdict(NamedTuple):
    """Why a photo is refused as a copy."""

    reason: str
    of: str | None
    """The photo it is a copy of, where one stays."""
    group: str | None = None
    """The group of that photo."""


_Found = dict[int, tuple[str, Member | None]]
"""By id: the reason against a copy, and what it is a copy of."""


def copy_verdicts(
    members: Iterable[Member], pairs: Iterable[tuple[int, int, int]], placeholder_copies: int
) -> dict[int, CopyVerdict]:
    """Return the verdict on every photo that does not stay, by id.

    `pairs`: (id, id, kind) as `curation.judging.copy_pairs.pairs_of` finds them; `members` has all their ids.
    `placeholder_copies`: a set of so many photos is a placeholder, and none of it stays. Photos that a rule refuses
    are marked as copies, too; in a set without a clean photo the others are copies of the first by rank.
    """
    by_id = {member.id: member for member in members}
    leader, near = _classes(by_id, pairs)
    classes: dict[int, list[Member]] = defaultdict(list)
    for member in by_id.values():
        classes[leader[member.id]].append(member)
    for copies in classes.values():
        copies.sort(key=lambda member: member.rank)
    found: _Found = {}
    for copies in classes.values():
        if len({member.photo for member in copies}) >= placeholder_copies:
            found.update({member.id: (PLACEHOLDER, None) for member in copies})
    for copies in sorted(classes.values(), key=lambda copies: copies[0].rank):
        if copies[0].id not in found:
            around = [each for other in sorted(near[leader[copies[0].id]]) for each in classes[other]]
            _settle(copies, [member for member in around if member.id not in found], found)
        else:  # its first is a near copy of another photo, as are the refused ones equal to it; a clean one may stay
            refused = [member for member in copies if not member.is_clean and member.id not in found]
            found.update({member.id: (DUPLICATE, copies[0]) for member in refused})
    return {one: _copy_verdict(reason, of, found) for one, (reason, of) in found.items()}


def _copy_verdict(reason: str, of: Member | None, found: _Found) -> CopyVerdict:
    if of is None:
        return CopyVerdict(reason, None)
    while (further := found.get(of.id, ("", None))[1]) is not None:  # that photo was refused later: take what it copies
        of = further
    return CopyVerdict(reason, of.photo, of.group)


def _settle(copies: list[Member], around: list[Member], found: _Found) -> None:
    """Add to `found` the copies among one class of equal photos and the near ones around it."""
    every = copies + [member for member in around if member.is_clean]
    clean = [member for member in every if member.is_clean]
    staying: list[Member] = clean or every
    if len({member.camera for member in clean}) > 1:
        proved = [member for member in clean if member.is_proved]
        if len({member.camera for member in proved}) != 1:
            found.update({member.id: (CLAIMED_TWICE, None) for member in clean})
            found.update({member.id: (DUPLICATE, copies[0]) for member in every if not member.is_clean})
            return
        staying = proved
    keeper = min(staying, key=lambda member: member.rank)
    found.update({member.id: (DUPLICATE, keeper) for member in every if member is not keeper})


def _classes(
    by_id: Mapping[int, Member], pairs: Iterable[tuple[int, int, int]]
) -> tuple[dict[int, int], dict[int, set[int]]]:
    """Return the leader of each photo's class of equal photos, and for each leader the leaders near it."""
    leader = {one: one for one in by_id}

    def find(one: int) -> int:
        while leader[one] != one:
            leader[one] = leader[leader[one]]
            one = leader[one]
        return one

    nearly = []
    for first, second, kind in pairs:
        if kind == NEAR:
            nearly.append((first, second))
        else:
            low, high = sorted((find(first), find(second)))
            leader[high] = low
    near: dict[int, set[int]] = defaultdict(set)
    for first, second in nearly:
        one, other = find(first), find(second)
        if one != other:
            near[one].add(other)
            near[other].add(one)
    return {one: find(one) for one in by_id}, near
