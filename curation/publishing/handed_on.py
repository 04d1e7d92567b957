"""Handed on: the labels and tars of a data set that came as a manifest, for the first shards of this store.

Labels are in tars, and which photographs a tar holds depends on all generations before. So both are handed on, and
where every photograph of a tar is here and judged alike, the tar is made again to the bit.
"""

from corpus.manifests.handed_on import handed_on
from corpus.records import SPLITS, original_path, photo_digest
from corpus.sections import Shards
from corpus.storage import Store
from shards.index import previous_classes, previous_plans
from shards.plan import PhotoPlan, ShardPlan, cutting_of


def known_classes(store: Store) -> tuple[str, ...]:
    """Return the classes that the next generation of shards goes on from: this store's own, else those handed on."""
    return previous_classes(store) or handed_on(store).classes()


def known_plans(store: Store, settings: Shards, classes: tuple[str, ...]) -> list[ShardPlan]:
    """Return the plans of the shards that the next generation goes on from; `classes` are in the order of labels.

    A plan that was handed on holds only while this store has no shards of its own. Whether each still fits is decided
    by `shards.plan.plan_shards`.
    """
    if plans := previous_plans(store):
        return plans
    labels = {camera: label for label, camera in enumerate(classes)}
    found = []
    for rows in handed_on(store).packed():
        if len({row["split"] for row in rows}) != 1 or rows[0]["split"] not in SPLITS:
            continue
        if any(row["camera"] not in labels for row in rows):
            continue
        photos = [
            PhotoPlan(
                photo=photo_digest(row["photo"], row["version"]),
                original=original_path(row["photo"], row["version"]),
                sha256=row["sha256"], camera=row["camera"], label=labels[row["camera"]],
                group=row["group"], quality_factor=row["quality_factor"],
            )
            for row in rows
        ]  # fmt: skip
        photos.sort(key=lambda photo: photo.photo)
        found.append(ShardPlan(rows[0]["split"], cutting_of(settings), tuple(photos)))
    return found
