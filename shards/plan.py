"""Plan: divides the kept photographs among shards, reusing the previous shards; reads and writes nothing.

A shard whose photos are all still wanted, unchanged, stays as it is, so that its tar is reused. All other ("loose")
photos of a split are ordered by the hash of their key, which mixes the classes, and divided evenly. Labels stay what
they were, because a label is in the tar and in its name: new classes come after the previous ones.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

from corpus.errors import StageError
from corpus.records import SPLITS, photo_digest
from corpus.sections import Shards

FORMAT = 2
"""Part of every shard's digest; raise it when tiles come to be cut or packed in another way."""

SMALL_SHARDS_MAX = 16
"""Shards less than half full that a split may have before they are packed again as fewer. Joining them every night
would write the photographs of many nights each night; 16 small files more cost a reader nothing."""


@dataclass(frozen=True)
class PhotoPlan:
    """One photograph to cut, with what its tiles record of it."""

    photo: str
    """The photo's name in shards: 16 hex digits of a hash of its key and version."""
    original: str
    """Path of the original in the store."""
    sha256: str
    camera: str
    label: int
    group: str
    quality_factor: int | None


@dataclass(frozen=True)
class Cutting:
    """What is made of a photograph; the keys of the section `shards` that decide a tar's bytes."""

    content: str
    """`tiles` or `photos`."""
    tile_px: int
    """0 for photos, like the next: other tiles pack no photograph again."""
    tiles_per_photo: int
    restart_mcus: int


@dataclass(frozen=True)
class ShardPlan:
    """One tar to write: its photographs, in the order of packing, and how they are cut."""

    split: str
    cutting: Cutting
    photos: tuple[PhotoPlan, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, of everything that decides the tar's bytes."""
        return hashlib.sha256(json.dumps([FORMAT, asdict(self)], sort_keys=True).encode()).hexdigest()

    @property
    def name(self) -> str:
        """File name of the tar: `<split>-<12 hex digits>.tar`."""
        return f"{self.split}-{self.digest[:12]}.tar"


class Packed(NamedTuple):
    """A shard that is packed already."""

    name: str
    split: str
    photos: int


def plan_from_json(value: Mapping[str, Any]) -> ShardPlan:
    """Return the plan of which `value` is the `dataclasses.asdict`."""
    photos = tuple(PhotoPlan(**photo) for photo in value["photos"])
    return ShardPlan(value["split"], Cutting(**value["cutting"]), photos)


def cutting_of(settings: Shards) -> Cutting:
    """Return how `settings` want photographs cut."""
    if settings.content == "photos":
        return Cutting("photos", 0, 0, settings.restart_mcus)
    return Cutting("tiles", settings.tile_px, settings.tiles_per_photo, settings.restart_mcus)


def classes_after(previous: Collection[str], cameras: Collection[str]) -> tuple[str, ...]:
    """Return the classes of a generation: those of the `previous` one, then the new cameras by key.

    A class that has no photograph any more keeps its label, without photographs: labels are in the tars, so to leave it
    out would pack every tar with a later label again, and give a model's answers other names.
    """
    return (*previous, *sorted(set(cameras) - set(previous)))


def plan_shards(
    photos: Iterable[Mapping[str, Any]], settings: Shards, classes: tuple[str, ...], previous: Iterable[ShardPlan] = ()
) -> list[ShardPlan]:
    """Return shards that hold `photos`, reusing the `previous` ones that still fit.

    `photos`: rows of `corpus.records.CURATED`; those not kept are ignored. A camera's label is its place in `classes`.
    When a split with loose photos would have more than SMALL_SHARDS_MAX shards that are less than half full, these are
    packed again with the loose photos, so that nightly refreshes do not accumulate small shards. Raises StageError for
    a kept photo without a split, an original or a camera of `classes`, and for two rows of one version of a photo.
    """
    wanted = planned_photos(photos, classes)
    before = {shard.name: shard for shard in sorted(previous, key=lambda shard: shard.name)}
    kept: list[Packed] = []
    loose = {split: dict(of) for split, of in wanted.items()}
    for shard in before.values():
        if not _still_fits(shard, settings, wanted.get(shard.split, {})):
            continue
        left = loose[shard.split]
        if all(photo.photo in left for photo in shard.photos):  # never a photo in two shards
            kept.append(Packed(shard.name, shard.split, len(shard.photos)))
            for photo in shard.photos:
                del left[photo.photo]
    stay, new = plan_loose({split: of.values() for split, of in loose.items()}, kept, settings, before.__getitem__)
    return sorted([*(before[name] for name in stay), *new], key=lambda shard: (SPLITS.index(shard.split), shard.name))


def plan_loose(
    loose: Mapping[str, Iterable[PhotoPlan]],
    kept: Collection[Packed],
    settings: Shards,
    plan_of: Callable[[str], ShardPlan],
) -> tuple[list[str], list[ShardPlan]]:
    """Return the names of the shards that stay, and new shards that hold the loose photos of each split.

    `kept`: the shards that still fit; `plan_of`: returns the plan of one of them by its name. Small ones are packed
    again as `plan_shards` says.
    """
    stay: list[str] = []
    plans: list[ShardPlan] = []
    for split in SPLITS:
        own = [shard for shard in kept if shard.split == split]
        photos = {photo.photo: photo for photo in loose[split]}
        small = {shard.name for shard in own if 2 * shard.photos < settings.shard_photos}
        if not photos or len(small) < SMALL_SHARDS_MAX:
            small = set()
        photos |= {photo.photo: photo for name in small for photo in plan_of(name).photos}
        stay += [shard.name for shard in own if shard.name not in small]
        plans += _divide(split, sorted(photos.values(), key=lambda photo: photo.photo), settings)
    return stay, plans


def planned_photos(photos: Iterable[Mapping[str, Any]], classes: tuple[str, ...]) -> dict[str, dict[str, PhotoPlan]]:
    """Return the kept ones among photos (rows of `corpus.records.CURATED`) by split and name; errors: `plan_shards`."""
    labels = {camera: label for label, camera in enumerate(classes)}
    wanted: dict[str, dict[str, PhotoPlan]] = {split: {} for split in SPLITS}
    for row in photos:
        if not row["kept"]:
            continue
        camera, split = row["camera"], row["split"]
        if camera not in labels or split not in wanted or not row["original"] or not row["sha256"]:
            raise StageError(
                f"photo {row['photo']} is kept, but its camera {camera!r}, split {split!r} or original "
                f"{row['original']!r} does not suffice to make shards; judge the photos again"
            )
        digest = photo_digest(row["photo"], row["version"])
        if any(digest in others for others in wanted.values()):
            raise StageError(f"photo {row['photo']}, version {row['version']}, is listed twice; judge the photos again")
        wanted[split][digest] = PhotoPlan(
            photo=digest, original=row["original"], sha256=row["sha256"], camera=camera, label=labels[camera],
            group=row["group"] or "", quality_factor=row["quality_factor"],
        )  # fmt: skip
    return wanted


def _still_fits(shard: ShardPlan, settings: Shards, wanted: Mapping[str, PhotoPlan]) -> bool:
    return (
        shard.cutting == cutting_of(settings)
        and 0 < len(shard.photos) <= settings.shard_photos
        and all(wanted.get(photo.photo) == photo for photo in shard.photos)
    )


def _divide(split: str, photos: list[PhotoPlan], settings: Shards) -> list[ShardPlan]:
    """Return the fewest shards that hold `photos`; their sizes differ by at most one."""
    count = -(-len(photos) // settings.shard_photos)
    bounds = [len(photos) * number // count for number in range(count + 1)] if count else []
    return [ShardPlan(split, cutting_of(settings), tuple(photos[start:end])) for start, end in pairwise(bounds)]
