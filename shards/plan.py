"""Plan: kept photos and the shards of last time in, the shards of this time out; nothing is read or written.

A shard whose photos are all still wanted, unchanged, stays as it is, so that its tar is used again. All other
photos ("loose" ones) of a split are laid out by the hash of their key, which mixes the classes, and divided evenly.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from corpus.errors import StageError
from corpus.records import SPLITS
from corpus.sections import Shards

FORMAT = 1
"""Part of every shard's digest; to be raised when the way tiles are cut or packed changes."""


@dataclass(frozen=True)
class PhotoPlan:
    """One photograph that is to be cut, and what its tiles will say of it."""

    photo: str
    """Hash of the photo's key and version, 16 hex digits: the name it bears in shards."""
    original: str
    """Path of the original in the store."""
    sha256: str
    camera: str
    label: int
    group: str
    quality_factor: int | None


@dataclass(frozen=True)
class ShardPlan:
    """One tar to be: its photographs, in the order they are packed, and how they are cut."""

    split: str
    tile_px: int
    tiles_per_photo: int
    photos: tuple[PhotoPlan, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that decides the tar's bytes, hex."""
        return hashlib.sha256(json.dumps([FORMAT, asdict(self)], sort_keys=True).encode()).hexdigest()

    @property
    def name(self) -> str:
        """File name of the tar: `<split>-<12 hex digits>.tar`."""
        return f"{self.split}-{self.digest[:12]}.tar"


def photo_digest(photo: str, version: str) -> str:
    """Return the name a photograph bears in shards: 16 hex digits of its key and version, hashed."""
    return hashlib.sha256(f"{photo}|{version}".encode()).hexdigest()[:16]


def plan_from_json(value: Mapping[str, Any]) -> ShardPlan:
    """Return the plan that `dataclasses.asdict` made `value` of."""
    photos = tuple(PhotoPlan(**photo) for photo in value["photos"])
    return ShardPlan(value["split"], value["tile_px"], value["tiles_per_photo"], photos)


def plan_shards(
    photos: Iterable[Mapping[str, Any]],
    settings: Shards,
    classes: tuple[str, ...],
    previous: Iterable[ShardPlan] = (),
) -> list[ShardPlan]:
    """Return the shards that hold `photos`, those of `previous` that still fit first among them.

    `photos`: rows of `corpus.records.CURATED`; those not kept are passed over. A camera's label is its place in
    `classes`. A previous shard that is less than half full is opened again when its split has loose photos, so
    that nightly refreshes do not leave a trail of small ones. Raises StageError for a kept photo that lacks
    a split, an original or a camera of `classes`, and for two rows of one version of a photo.
    """
    labels = {camera: label for label, camera in enumerate(classes)}
    wanted = _wanted(photos, labels)
    before = sorted(previous, key=lambda shard: shard.name)
    plans: list[ShardPlan] = []
    for split in SPLITS:
        loose = dict(wanted[split])
        kept: list[ShardPlan] = []
        for shard in before:
            fits = shard.split == split and _still_fits(shard, settings, wanted[split])
            if fits and all(photo.photo in loose for photo in shard.photos):  # no photo twice, whatever was before
                kept.append(shard)
                for photo in shard.photos:
                    del loose[photo.photo]
        if loose:
            small = [shard for shard in kept if 2 * len(shard.photos) < settings.shard_photos]
            kept = [shard for shard in kept if shard not in small]
            loose |= {photo.photo: photo for shard in small for photo in shard.photos}
        plans += kept + _divide(split, sorted(loose.values(), key=lambda photo: photo.photo), settings)
    return sorted(plans, key=lambda shard: (SPLITS.index(shard.split), shard.name))


def _wanted(photos: Iterable[Mapping[str, Any]], labels: Mapping[str, int]) -> dict[str, dict[str, PhotoPlan]]:
    wanted: dict[str, dict[str, PhotoPlan]] = {split: {} for split in SPLITS}
    for row in photos:
        if not row["kept"]:
            continue
        camera, split = row["camera"], row["split"]
        if camera not in labels or split not in wanted or not row["original"] or not row["sha256"]:
            raise StageError(
                f"photo {row['photo']} is kept, but its camera {camera!r}, split {split!r} or original "
                f"{row['original']!r} is not one shards can be made of; judge the photos again"
            )
        digest = photo_digest(row["photo"], row["version"])
        if any(digest in others for others in wanted.values()):
            raise StageError(f"photo {row['photo']}, version {row['version']}, is listed twice; judge the photos again")
        wanted[split][digest] = PhotoPlan(
            photo=digest,
            original=row["original"],
            sha256=row["sha256"],
            camera=camera,
            label=labels[camera],
            group=row["group"] or "",
            quality_factor=row["quality_factor"],
        )
    return wanted


def _still_fits(shard: ShardPlan, settings: Shards, wanted: Mapping[str, PhotoPlan]) -> bool:
    return (
        (shard.tile_px, shard.tiles_per_photo) == (settings.tile_px, settings.tiles_per_photo)
        and 0 < len(shard.photos) <= settings.shard_photos
        and all(wanted.get(photo.photo) == photo for photo in shard.photos)
    )


def _divide(split: str, photos: list[PhotoPlan], settings: Shards) -> list[ShardPlan]:
    """Return as few shards as hold `photos`, their sizes one apart at the most."""
    count = -(-len(photos) // settings.shard_photos)
    bounds = [len(photos) * number // count for number in range(count + 1)] if count else []
    return [
        ShardPlan(split, settings.tile_px, settings.tiles_per_photo, tuple(photos[start:end]))
        for start, end in pairwise(bounds)
    ]
