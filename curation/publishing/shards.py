"""Shards: cuts the kept photos of a generation into `shards/<generation>/`, on the Dask workers.

The index is published last and marks a generation's shards as whole; whole ones are left alone. Photos that could not
be cut are printed and listed in the index.
"""

from functools import partial
from typing import Any

from distributed.scheduler import KilledWorker
from rich.console import Console

from corpus.configuration import Configuration
from corpus.errors import StageError
from corpus.text import escaped
from curation.cluster.console import progress
from curation.cluster.workers import Workers, run_tasks
from curation.generations import FOLDER as CURATED_FOLDER
from curation.generations import PHOTOS, batches_of
from shards.entries import POOL, ShardEntry
from shards.index import Folds, Index, previous_plans, publish_index, read_index
from shards.plan import photo_digest, plan_shards
from shards.write import write_shard

FOLDER = "shards"
_PLANNED = ["photo", "version", "kept", "camera", "group", "split", "original", "sha256", "quality_factor", "fold"]
"""Columns of a generation that a plan and the index need."""


def publish_shards(configuration: Configuration, workers: Workers, generation: str, console: Console) -> dict[str, Any]:
    """Cut and publish the shards of a generation; return counts for the receipt: shards, tiles, not_packed.

    Classes are the cameras with kept photos, ordered by key. Raises StageError where cutting one shard kills its worker
    repeatedly.
    """
    store = configuration.store
    for folder in (f"{FOLDER}/{generation}", POOL):  # left by killed writers; only one run packs at a time
        store.sweep_temporary(folder, 0)
    if store.done(f"{FOLDER}/{generation}") is not None:
        console.print("its shards are whole already")
        return _printed_summary(read_index(store, generation), console)
    batches = batches_of(store, f"{CURATED_FOLDER}/{generation}/{PHOTOS}", _PLANNED)
    kept = [row for batch in batches for row in batch.filter(batch["kept"]).to_pylist()]
    classes = tuple(sorted({row["camera"] for row in kept}))
    plans = plan_shards(kept, configuration.shards, classes, previous_plans(store))
    entries: dict[str, ShardEntry] = {}
    write = partial(write_shard, store, settings=configuration.shards)
    with progress(console, "cutting shards", len(kept), "photos") as advance:
        for plan, result in run_tasks(workers.client, write, plans, split=lambda _: ()):
            if isinstance(result, KilledWorker):
                raise StageError(
                    f"{FOLDER}/{generation}: packing {plan.name} ended the worker process again and again; the "
                    f"first of its {len(plan.photos)} originals is {plan.photos[0].original}"
                ) from result
            entries[plan.name] = result
            advance(len(plan.photos))
    of_photo = {photo_digest(row["photo"], row["version"]): row["fold"] for row in kept}
    folds = Folds(configuration.curation.folds, of_photo)
    index = publish_index(store, generation, classes, [entries[plan.name] for plan in plans], folds)
    return _printed_summary(index, console)


def _printed_summary(index: Index, console: Console) -> dict[str, Any]:
    for failure in index.failures:
        console.print(escaped(f"not packed: {failure.original}: {failure.reason}"), soft_wrap=True, markup=False)
    tiles = index.samples.num_rows
    console.print(f"{FOLDER}/{index.generation}: {len(index.tars)} shards of {tiles:,} tiles")
    return {"shards": len(index.tars), "tiles": tiles, "not_packed": len(index.failures)}
