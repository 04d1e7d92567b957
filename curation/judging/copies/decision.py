"""Copies: decide which photo of each set of copies stays, and refuse the others; pure.

Copies are searched across sources, owners and cameras, since the same file is found in many albums. Evidence chooses
the photo that stays, in this order: no rule refuses it; its tables and segments prove its camera; it bears the fewest
signs of a program; its frame is the largest; its tables are the finest. Among equals, one that the generation before
kept stays, then the first uploaded (unknown times last), then the smallest key. What was kept before comes after the
evidence, because otherwise a copy that came first would keep out its original for ever. A copy takes the group of the
photo that stays, so both are on one side in this generation and later.

A near copy is refused only if it is near the photo that stays, not if it is near another copy: otherwise the frames of
a burst would refuse each other in a chain.

Refused photos that look alike are no copies to be told of, but they count as evidence: where one of them may well be
the original (`Member.is_explained_by`), a clean photo is not kept in its stead. A photo whose own form is that of the
refused one stays, as the next frame of a burst does, and so does one that is refused together with its edited copies:
an edit says nothing against what it was made from.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from curation.judging.copies.members import Member
from curation.judging.copies.pairs import HASH, NEAR, SHOT

PLACEHOLDER, CLAIMED_TWICE, DUPLICATE = "placeholder", "claimed_by_two_cameras", "duplicate"
COPY_OF_REFUSED = "copy_of_refused"


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

    `pairs`: (id, id, kind) as `curation.judging.copies.pairs.pairs_of` finds them; `members` has all their ids.
    `placeholder_copies`: a set of so many photos is a placeholder, and none of it stays. Photos that a rule refuses
    are marked as copies where their bytes or their scan are those of another; in a set without a clean photo the others
    are copies of the first by rank.
    """
    by_id = {member.id: member for member in members}
    sets = _sets(by_id, pairs)
    explained = _explained(sets)
    found: _Found = {}

    def place(member: Member) -> tuple[bool, bool, tuple[object, ...]]:
        return not member.is_clean, member.id in explained, member.rank

    for copies in sets.classes.values():
        copies.sort(key=place)
        if len({member.photo for member in copies}) >= placeholder_copies:
            found.update({member.id: (PLACEHOLDER, None) for member in copies})
    for copies in sorted(sets.classes.values(), key=lambda copies: place(copies[0])):
        if copies[0].id not in found:
            around = [each for other in sorted(sets.near[sets.leader[copies[0].id]]) for each in sets.classes[other]]
            _settle(copies, [member for member in around if member.id not in found], explained, found)
        else:  # its first is a near copy of another photo, as are the refused ones equal to it; a clean one may stay
            refused = [member for member in copies if not member.is_clean and member.id not in found]
            found.update({member.id: (DUPLICATE, copies[0]) for member in refused})
    return {one: _copy_verdict(reason, of, found) for one, (reason, of) in found.items()}


def _copy_verdict(reason: str, of: Member | None, found: _Found) -> CopyVerdict:
    if of is None:
        return CopyVerdict(reason, None)
    while reason != COPY_OF_REFUSED and (further := found.get(of.id, ("", None))[1]) is not None:
        of = further  # that photo was refused later: take what it copies
    stays = of.is_clean and of.id not in found
    return CopyVerdict(reason, of.photo, of.group if stays else None)  # what does not stay is in no split


def _settle(copies: list[Member], around: list[Member], explained: Mapping[int, Member], found: _Found) -> None:
    """Add to `found` the copies among one class of equal photos and the near ones around it.

    `explained`: clean photos that may be copies of refused ones, by id, and what of; none of them stays.
    """
    every = copies + [member for member in around if member.is_clean]
    clean = [member for member in every if member.is_clean and member.id not in explained]
    staying: list[Member] = clean or every
    if not clean and copies[0].is_clean:  # every clean one is explained
        refused = [member for member in copies if not member.is_clean]
        found.update({member.id: (COPY_OF_REFUSED, explained[member.id]) for member in copies if member.is_clean})
        found.update({member.id: (DUPLICATE, refused[0]) for member in refused[1:]})
        return
    if len({member.camera for member in clean}) > 1:
        proved = [member for member in clean if member.is_proved]
        if len({member.camera for member in proved}) != 1:
            found.update({member.id: (CLAIMED_TWICE, None) for member in clean})
            found.update({member.id: (DUPLICATE, copies[0]) for member in every if member not in clean})
            return
        staying = proved
    keeper = min(staying, key=lambda member: member.rank)
    found.update({member.id: (DUPLICATE, keeper) for member in every if member is not keeper})


class _Sets(NamedTuple):
    """Photos by what pairs say of them."""

    classes: dict[int, list[Member]]
    """By leader: equal photos. By their look alone only clean photos are equal."""
    leader: dict[int, int]
    """The leader of each photo's class."""
    near: dict[int, set[int]]
    """By leader: the leaders of the classes with clean photos that are near."""
    witnesses: dict[int, list[Member]]
    """By leader: refused photos that look alike."""
    scan: dict[int, int]
    """By id: what stands for all photos of the same bytes or the same scan."""


def _sets(by_id: Mapping[int, Member], pairs: Iterable[tuple[int, int, int]]) -> _Sets:
    same, look, leader = _Joined(by_id), _Joined(by_id), _Joined(by_id)
    alike = []
    for first, second, kind in pairs:
        if kind == NEAR or (kind == SHOT and by_id[first].is_same_shot(by_id[second])):
            alike.append((first, second))
        elif kind != SHOT:
            look.join(first, second)
            if kind != HASH:
                same.join(first, second)
                leader.join(first, second)
    has_clean = {same.find(member.id) for member in by_id.values() if member.is_clean}
    of_look: dict[int, int] = {}
    refused: dict[int, list[Member]] = defaultdict(list)  # by look
    for member in by_id.values():
        if same.find(member.id) in has_clean:
            leader.join(of_look.setdefault(look.find(member.id), member.id), member.id)
        if not member.is_clean:
            refused[look.find(member.id)].append(member)
    classes: dict[int, list[Member]] = defaultdict(list)
    for member in by_id.values():
        classes[leader.find(member.id)].append(member)
    class_of_look = {one: leader.find(member) for one, member in of_look.items()}
    near: dict[int, set[int]] = defaultdict(set)
    witnesses = {of_class: list(refused[one]) for one, of_class in class_of_look.items()}
    for one, other in {tuple(sorted((look.find(first), look.find(second)))) for first, second in alike}:
        if one == other:
            continue
        for here, there in ((one, other), (other, one)):
            if here in class_of_look:
                witnesses[class_of_look[here]] += refused[there]
            if here in class_of_look and there in class_of_look:
                near[class_of_look[here]].add(class_of_look[there])
    scan = {one: same.find(one) for one in by_id}
    return _Sets(classes, {one: leader.find(one) for one in by_id}, near, witnesses, scan)


def _explained(sets: _Sets) -> dict[int, Member]:
    """Return by id the clean photos that may be copies of refused ones, and of which."""
    found = {}
    for of_class, refused in sets.witnesses.items():
        for member in sets.classes[of_class]:
            if member.is_clean:
                # of the same scan the pixels are the same camera's, whoever wrote the metadata
                originals = [
                    other
                    for other in refused
                    if member.is_explained_by(other)
                    and (sets.scan[member.id] != sets.scan[other.id] or other.is_named_otherwise(member))
                ]
                if originals:
                    found[member.id] = min(originals, key=lambda other: (other.standing, other.rank))
    return found


class _Joined:
    """Sets of ids that pairs join; the smallest id of a set stands for it."""

    def __init__(self, ids: Iterable[int]) -> None:
        self._above = {one: one for one in ids}

    def find(self, one: int) -> int:
        """Return the id that stands for the set of `one`."""
        above = self._above
        while above[one] != one:
            above[one] = above[above[one]]
            one = above[one]
        return one

    def join(self, first: int, second: int) -> None:
        """Make the sets of two ids one."""
        low, high = sorted((self.find(first), self.find(second)))
        self._above[high] = low
