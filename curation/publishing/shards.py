"""Shards: cuts the kept photos of a generation into `shards/<generation>/`, on the Dask workers.

The index is published last and marks a generation's shards as whole; whole ones are left alone. Where a file of them
was deleted, because it was damaged, it is made again from the originals, as it was. Photos that could not
be cut are printed and listed in the index, if this machine cannot cut them either: where a worker could not but this
machine can, the run ends with a sentence. A photo that ends its worker is tried alone, and left out if it does so
again.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple, cast

from rich.console import Console

from corpus.command_line import progress
from corpus.configuration import Configuration
from corpus.errors import StageError
from corpus.records import photo_digest
from corpus.storage import MARKER, Entry, Store
from corpus.text import count, escaped
from curation.cluster.alone import Alone, Ended
from curation.cluster.workers import GAVE_UP, Workers, run_tasks
from curation.facts.second_look import check_lost
from curation.generations import FOLDER as CURATED
from curation.generations import FUNNEL, batches_of
from curation.publishing.carried_shards import PLANNED, shard_changes
from curation.publishing.handed_on import known_classes, known_plans
from shards.entries import POOL, ShardEntry, files_of_tar, read_entry
from shards.index import Carried, Folds, Index, missing_files, publish_index, read_index
from shards.plan import ShardPlan, classes_after, plan_shards
from shards.write import cut_photo, write_shard

FOLDER = "shards"


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
    number, there = int((store.done(f"{CURATED}/{generation}") or {})["kept"]), store.entries(POOL)
    cameras = store.read_json(f"{CURATED}/{generation}/{FUNNEL}")["cameras"]
    classes = classes_after(known_classes(store), {key for key, camera in cameras.items() if camera["kept"]})
    wanted = _wanted(configuration, generation, kept_store, classes, there)
    whole = [plan for plan in wanted.new if all(path in there for path in files_of_tar(plan.name))]
    entries = {plan.name: read_entry(kept_store, plan.name) for plan in whole}
    tasks = [plan for plan in wanted.new if plan.name not in entries]
    lost = 0
    client, write = workers.client, workers.proved(partial(write_shard, kept_store, settings=configuration.shards))
    with progress(console, "cutting shards", number, "photos") as advance, Alone() as alone:
        advance(number - sum(len(plan.photos) for plan in tasks))
        for plan, result in run_tasks(client, write, tasks):
            if isinstance(result, GAVE_UP):
                result = _written_alone(configuration, plan, alone)
            else:
                _check_failures(store, plan, result, alone)
            for failure in result.failures:
                if not store.exists(failure.original):
                    lost += 1
                    check_lost(store, lost, number, failure.original)
            entries[plan.name] = result
            advance(len(plan.photos))
    folds = Folds(configuration.curation.folds, wanted.folds)
    new = [entries[plan.name] for plan in wanted.new]
    index = publish_index(store, generation, classes, new, folds, wanted.carried)
    return _printed_summary(index, console)


class _Wanted(NamedTuple):
    """The shards that a generation is to have."""

    carried: Carried | None
    """Those of the generation before that stay and are not among the following."""
    new: list[ShardPlan]
    folds: Mapping[str, int]
    """By photograph (digest); of carried ones only those that may have changed."""


def _wanted(
    configuration: Configuration, generation: str, store: Store, classes: tuple[str, ...], there: Mapping[str, Entry]
) -> _Wanted:
    """Return which shards a generation is to have, by what has changed where that tells."""
    settings = configuration.shards
    changes = shard_changes(store, generation, classes, settings, configuration.curation.folds, there)
    if changes is not None:
        return _Wanted(*changes)
    batches = batches_of(store, generation, PLANNED)
    kept = [row for batch in batches for row in batch.filter(batch["kept"]).to_pylist()]
    plans = plan_shards(kept, settings, classes, known_plans(store, settings, classes))
    return _Wanted(None, plans, {photo_digest(row["photo"], row["version"]): row["fold"] for row in kept})


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
