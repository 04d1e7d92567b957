"""Pack: the kept photos of a generation in, `shards/<generation>/` out, cut on the Dask workers.

The index, published last, makes a generation of shards whole; one that is whole is left alone. Photos that could
not be packed are printed and stand in the index.
"""

from functools import partial
from typing import Any

from distributed.scheduler import KilledWorker
from rich.console import Console

from corpus.configuration import Configuration
from corpus.errors import StageError
from corpus.storage import Store
from curation.cluster.console import progress
from curation.cluster.workers import Workers, run_tasks
from curation.generations import FOLDER as CURATED_FOLDER
from curation.generations import PHOTOS, batches_of
from shards.entries import POOL, ShardEntry
from shards.index import Index, previous_plans, publish_index, read_index
from shards.plan import ShardPlan, plan_shards
from shards.write import write_shard

FOLDER = "shards"
_PLANNED = ["photo", "version", "kept", "camera", "group", "split", "original", "sha256", "quality_factor"]
"""Columns of a generation that a plan is made of."""


def pack(configuration: Configuration, workers: Workers, generation: str, console: Console) -> dict[str, Any]:
    """Cut and publish the shards of a generation; return counts for the receipt: shards, tiles, failures.

    Classes are the cameras with kept photos, by key. Raises StageError where packing one shard ends its worker again
    and again.
    """
    store = configuration.store
    for folder in (f"{FOLDER}/{generation}", POOL):  # left by killed writers: nobody else packs here
        store.sweep_temporary(folder, 0)
    if store.done(f"{FOLDER}/{generation}") is not None:
        console.print("its shards are whole already")
        return _summary(read_index(store, generation), console)
    kept = _kept(store, generation)
    classes = tuple(sorted({row["camera"] for row in kept}))
    plans = plan_shards(kept, configuration.shards, classes, previous_plans(store))
    entries: dict[str, ShardEntry] = {}
    write = partial(write_shard, store, settings=configuration.shards)
    with progress(console, "cutting shards", len(kept), "photos") as advance:
        for plan, result in run_tasks(workers.client, write, plans, split=_not_at_all):
            if isinstance(result, KilledWorker):
                raise StageError(
                    f"{FOLDER}/{generation}: packing {plan.name} ended the worker process again and again; the "
                    f"first of its {len(plan.photos)} originals is {plan.photos[0].original}"
                ) from result
            entries[plan.name] = result
            advance(len(plan.photos))
    return _summary(publish_index(store, generation, classes, [entries[plan.name] for plan in plans]), console)


def _kept(store: Store, generation: str) -> list[dict[str, Any]]:
    """Return the kept photos of a generation, as far as a plan needs them."""
    batches = batches_of(store, f"{CURATED_FOLDER}/{generation}/{PHOTOS}", _PLANNED)
    return [row for batch in batches for row in batch.filter(batch["kept"]).to_pylist()]


def _not_at_all(plan: ShardPlan) -> tuple[ShardPlan, ...]:
    return ()


def _summary(index: Index, console: Console) -> dict[str, Any]:
    for failure in index.failures:
        console.print(f"not packed: {failure.original}: {failure.reason}", soft_wrap=True, markup=False)
    tiles = index.samples.num_rows
    console.print(f"{FOLDER}/{index.generation}: {len(index.tars)} shards of {tiles:,} tiles")
    return {"shards": len(index.tars), "tiles": tiles, "not_packed": len(index.failures)}
