"""Duplicates: photos that are copies of each other in; what becomes of each out; pure.

Copies are looked for across sources, owners and cameras: the same file is found in many albums. Of a set of copies one
photo stays, in this order: one that no rule refuses; one an earlier generation kept, so that a picture once trained on
does not turn up under another owner on the other side of the split; one whose tables are proof of its camera; the
first uploaded (unknown times last); the smallest key. Near-same pictures are dropped only where they are copies of the
one that stays, not of one another's copies: frames of a burst would else drop each other in a chain.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from curation.judging.near_copies import NEAR

PLACEHOLDER, CLAIMED_TWICE, DUPLICATE = "placeholder", "claimed_by_two_cameras", "duplicate"


class Member(NamedTuple):
    """A photo that is a copy of another one."""

    id: int
    photo: str
    version: str
    camera: str | None
    group: str
    is_clean: bool
    """Whether no rule refuses it."""
    is_proved: bool
    """Whether its camera's own tables and order of segments are known, and its are among them."""
    kept_before: bool
    uploaded_at: str | None

    @property
    def rank(self) -> tuple[bool, bool, bool, bool, str, str, str]:
        """The smallest of a set of copies stays."""
        when = self.uploaded_at
        return (
            *(not self.is_clean, not self.kept_before, not self.is_proved, when is None),
            *(when or "", self.photo, self.version),
        )


class CopyVerdict(NamedTuple):
    """What becomes of a copy."""

    reason: str
    of: str | None
    """The photo it is a copy of."""
    group: str | None = None
    """That photo's."""


_Found = dict[int, tuple[str, Member | None]]
"""By id the reason against a copy, and what it is a copy of."""


def fates(
    members: Iterable[Member], pairs: Iterable[tuple[int, int, int]], placeholder_copies: int
) -> dict[int, CopyVerdict]:
    """Return the fate of every photo that does not stay, by id.

    `pairs`: (id, id, kind) as of `curation.judging.near_copies`, whose ids are all among `members`. Photos refused by a
    rule are told to be copies, too; a set without any clean photo keeps its first as what the others are copies of.
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
        else:  # a near copy of another one, and so are those refused that are equal to it; a clean one may have to stay
            refused = [member for member in copies if not member.is_clean and member.id not in found]
            found.update({member.id: (DUPLICATE, copies[0]) for member in refused})
    return {one: _fate(reason, of, found) for one, (reason, of) in found.items()}


def _fate(reason: str, of: Member | None, found: _Found) -> CopyVerdict:
    if of is None:
        return CopyVerdict(reason, None)
    stays = _in_the_end(of, found)
    return CopyVerdict(reason, stays.photo, stays.group)


def _in_the_end(of: Member, found: _Found) -> Member:
    """Return what copies of a photo are copies of: where that photo had to go later, what it is itself a copy of."""
    while (further := found.get(of.id, ("", None))[1]) is not None:
        of = further
    return of


def _settle(copies: list[Member], around: list[Member], found: _Found) -> None:
    """Put the fates of one class of equal photos and the near ones around it into `found`."""
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
    """Return the leader of each photo's class of equal ones, and the leaders near each leader."""
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
