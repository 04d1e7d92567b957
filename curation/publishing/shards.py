"""Shards: cuts the kept photos of a generation into `shards/<generation>/`, on the Dask workers.

The index is published last and marks a generation's shards as whole; whole ones are left alone. Where a file of them
was deleted, because it was damaged, it is made again from the originals, as it was. Photos that could not
be cut are printed and listed in the index, if this machine cannot cut them either: where a worker could not but this
machine can, the run ends with a sentence. A photo that ends its worker is tried alone, and left out if it does so
again.
"""

from functools import partial
from typing import Any, cast

from rich.console import Console

from corpus.command_line import progress
from corpus.configuration import Configuration
from corpus.errors import StageError
from corpus.records import photo_digest
from corpus.storage import MARKER, Store
from corpus.text import count, escaped
from curation.cluster.alone import Alone, Ended
from curation.cluster.workers import GAVE_UP, Workers, run_tasks
from curation.facts.second_look import check_lost
from curation.generations import batches_of
from curation.publishing.handed_on import known_classes, known_plans
from shards.entries import POOL, ShardEntry, files_of_tar, read_entry
from shards.index import Folds, Index, missing_files, publish_index, read_index
from shards.plan import ShardPlan, classes_after, plan_shards
from shards.write import cut_photo, write_shard

FOLDER = "shards"
_PLANNED = ["photo", "version", "kept", "camera", "group", "split", "original", "sha256", "quality_factor", "fold"]
"""Columns of a generation that a plan and the index need."""


def publish_shards(
    configuration: Configuration, workers: Workers, generation: str, console: Console, kept_store: Store
) -> dict[str, Any]:
    """Cut and publish the shards of a generation; return counts for the receipt: shards, tiles, not_packed.

    `kept_store`: the configured store, which may have kept the originals (`corpus.storage.kept`).

    Classes are those of the newest generation in its order, then new cameras with kept photos by key. Raises
    StageError where a worker could not cut what this machine can, and where too many originals are lost.
    """
    store = configuration.store
    # left by killed writers; only one run packs at a time. An object store sweeps all that is below with one request
    for folder in (FOLDER,) if store.is_s3 else (f"{FOLDER}/{generation}", POOL):
        store.sweep_temporary(folder, 0)
    if store.done(f"{FOLDER}/{generation}") is not None:
        if not (missing := missing_files(store, generation)):
            console.print("its shards are whole already")
            return _printed_summary(read_index(store, generation), console)
        more = f" and {count(len(missing) - 1, 'more file')} are" if len(missing) > 1 else " is"
        console.print(f"{missing[0]}{more} missing: packing them again", soft_wrap=True)
        store.remove(f"{FOLDER}/{generation}/{MARKER}")
    batches = batches_of(store, generation, _PLANNED)
    kept = [row for batch in batches for row in batch.filter(batch["kept"]).to_pylist()]
    classes = classes_after(known_classes(store), {row["camera"] for row in kept})
    plans = plan_shards(kept, configuration.shards, classes, known_plans(kept_store, configuration.shards, classes))
    there = store.entries(POOL)
    whole = [plan for plan in plans if all(path in there for path in files_of_tar(plan.name))]
    entries = {plan.name: read_entry(kept_store, plan.name) for plan in whole}
    tasks = [plan for plan in plans if plan.name not in entries]
    lost = 0
    client, write = workers.client, workers.proved(partial(write_shard, kept_store, settings=configuration.shards))
    with progress(console, "cutting shards", len(kept), "photos") as advance, Alone() as alone:
        advance(sum(len(plan.photos) for plan in whole))
        for plan, result in run_tasks(client, write, tasks):
            if isinstance(result, GAVE_UP):
                result = _written_alone(configuration, plan, alone)
            else:
                _check_failures(store, plan, result, alone)
            for failure in result.failures:
                if not store.exists(failure.original):
                    lost += 1
                    check_lost(store, lost, len(kept), failure.original)
            entries[plan.name] = result
            advance(len(plan.photos))
    of_photo = {photo_digest(row["photo"], row["version"]): row["fold"] for row in kept}
    folds = Folds(configuration.curation.folds, of_photo)
    index = publish_index(store, generation, classes, [entries[plan.name] for plan in plans], folds)
    return _printed_summary(index, console)


def _written_alone(configuration: Configuration, plan: ShardPlan, alone: Alone) -> ShardEntry:
    """Write a shard that ended its worker in another process, without the photographs that end that one by a fault."""
    store, left_out = configuration.store, dict[str, str]()
    for photo in plan.photos:
        cuts = alone.call(cut_photo, store, plan, photo)
        if isinstance(cuts, Ended):
            left_out[photo.photo] = f"SHA-256 {photo.sha256}: cut alone, it ended its process by {cuts.how}"
    entry = alone.call(write_shard, store, plan, configuration.shards, left_out, 1)
    if isinstance(entry, Ended):
        raise StageError(
            f"packing {plan.name} ended its process by {entry.how}, though each of its {len(plan.photos)} originals "
            "can be cut or was left out; set shards.shard_photos to less, then give the same command again"
        )
    return cast(ShardEntry, entry)


def _check_failures(store: Store, plan: ShardPlan, entry: ShardEntry, alone: Alone) -> None:
    """Raise StageError where this machine finds something else than the worker that could not cut a photograph."""
    planned = {photo.photo: photo for photo in plan.photos}
    for failure in entry.failures:
        here = alone.call(cut_photo, store, plan, planned[failure.photo])
        if here != failure.reason:
            seen = here if isinstance(here, str) else here.how if isinstance(here, Ended) else "it can be cut"
            raise StageError(
                f"a worker and this machine do not cut alike: the worker says of {failure.original}: "
                f"{failure.reason}; this machine: {seen}. That is the machines' trouble, so no shards are published: "
                "look at the worker's mount and packages, then give the same command again"
            )


def _printed_summary(index: Index, console: Console) -> dict[str, Any]:
    for failure in index.failures:
        console.print(escaped(f"not packed: {failure.original}: {failure.reason}"), soft_wrap=True, markup=False)
    tiles = len(index.tiles)
    console.print(f"{FOLDER}/{index.generation}: {len(index.tars)} shards of {tiles:,} tiles")
    return {"shards": len(index.tars), "tiles": tiles, "not_packed": len(index.failures)}
