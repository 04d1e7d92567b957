"""`python -m curation.run`: whole windows of crawls in, a generation of judged photos and its shards out.

Examines originals that have no facts yet (on Dask), judges all photos together, publishes the generation and cuts
the shards of what is kept (on the same workers). Everything whole is left as it is, so the command can be killed
and given again at any time. Refuses a store without records; ends with an error when no photo is kept.
"""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from distributed.scheduler import KilledWorker
from rich.console import Console

from corpus.command_line import command_parser, configuration_of, exit_with
from corpus.configuration import Configuration
from corpus.errors import StageError
from corpus.receipts import publish_receipt
from curation.cluster.console import print_counts, progress
from curation.cluster.frames import Advance, Frames
from curation.cluster.workers import Workers, run_tasks
from curation.facts.examine import Batch, Trouble, batches, examine_batch, kind_of
from curation.generations import FOLDER, Past, latest_generation
from curation.judging.inputs import Inputs, find_inputs
from curation.judging.whole_corpus import JudgeSettings, judge_all
from curation.publishing.generation import Published, publish_generation
from curation.publishing.shards import publish_shards
from curation.turn import Turn, turn

IN_PROCESS_MAX = 2_000
"""Photos that are judged faster in this process than a cluster takes to hand them around."""

_JUDGED_BY = {"cameras", "rules", "consensus", "curation"}
_OF_THE_MACHINE = {"workers", "batch_photos", "judge_photos", "worker_memory_mb"}
"""Keys that decide how fast a corpus is judged, not how."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stage and return the exit code 0; raises ShutterprintError for what a user can mend."""
    parser = command_parser("python -m curation.run", __doc__ or "")
    configuration = configuration_of(parser.parse_args(arguments))
    curate(configuration, Console(highlight=False))
    return 0


def curate(configuration: Configuration, console: Console) -> str:
    """Run the whole stage, saying on `console` what happens, and return the generation's name.

    Raises StageError where there are no records, where another run curates the store, or where no photo is kept.
    """
    store = configuration.store
    inputs = find_inputs(store, kind_of(configuration.curation))
    if not inputs.windows:
        raise StageError(f"{store.url}: no crawl has left a whole window here; run `scrapy crawl …` first")
    console.print(f"{len(inputs.uploads):,} photos in the records of {store.url}")
    with turn(store) as held, _workers(configuration) as workers:
        troubles = _examine_new(configuration, workers, inputs, console)
        del inputs  # facts have come since
        published = _judge_all(configuration, workers, troubles, held, console)
        counts = published.counts
        print_counts(console, counts)
        console.print(f"report: {store.url}/{FOLDER}/{published.name}/report.html", soft_wrap=True)
        if not counts["kept"]:
            raise StageError(
                f"{published.name}: no photo is kept, so there is nothing to train on; the table above says which "
                "rules refused them, photos.parquet beside the report has every photo's reasons"
            )
        packed = publish_shards(configuration, workers, published.name, console)
    publish_receipt(
        store, "curation", {"generation": published.name, "photos": counts["photos"], "kept": counts["kept"], **packed}
    )
    return published.name


def _workers(configuration: Configuration) -> Workers:
    curation = configuration.curation
    return Workers(configuration.clusters.dask_scheduler, curation.workers, curation.worker_memory_mb)


def _examine_new(configuration: Configuration, workers: Workers, inputs: Inputs, console: Console) -> list[Trouble]:
    """Examine every stored original that has no facts; return those that could not be examined."""
    store, settings = configuration.store, configuration.curation
    new = inputs.waiting()
    if not new:
        console.print("every original is examined already")
        return []
    began_at_s, troubles = time.monotonic(), []
    tasks = list(batches(new, batch_photos=settings.batch_photos, kind=kind_of(settings)))
    with progress(console, "examining", len(new), "photos") as advance:
        for batch, result in run_tasks(workers.client, partial(examine_batch, store), tasks, split=_halves):
            if isinstance(result, KilledWorker):
                text = "examining it ended the worker process again and again"
                result = [Trouble(one.key, "not_examined", text) for one in batch.originals]
            troubles += result
            advance(len(batch.originals))
    took_s = time.monotonic() - began_at_s
    console.print(f"examined {len(new):,} originals in {took_s:.1f} s, {len(new) / took_s:.0f} a second")
    for trouble in troubles:
        console.print(f"not examined: {trouble.key.photo}: {trouble.error}", soft_wrap=True, markup=False)
    return troubles


def _halves(batch: Batch) -> tuple[Batch, ...]:
    """Return a batch in two, so that the one original that ends its worker is found; a single one as nothing."""
    if len(batch.originals) == 1:
        return ()
    middle = len(batch.originals) // 2
    return (Batch(batch.originals[:middle], batch.kind), Batch(batch.originals[middle:], batch.kind))


def _judge_all(
    configuration: Configuration, workers: Workers, troubles: list[Trouble], held: Turn, console: Console
) -> Published:
    """Judge every photo over all facts there are and publish the generation."""
    store = configuration.store
    inputs = find_inputs(store, kind_of(configuration.curation))
    demand = JudgeSettings(
        configuration.whole_catalogue,
        configuration.cameras,
        configuration.rules,
        configuration.consensus,
        configuration.curation,
    )
    is_small = len(inputs.uploads) <= IN_PROCESS_MAX
    frames = Frames(None if is_small else workers.client)
    past = Past(store, latest_generation(store))

    def show(verb: str, parts: int) -> AbstractContextManager[Advance]:
        return nullcontext(_unseen) if is_small else progress(console, verb, parts, "parts")

    judged = judge_all(inputs, past, troubles, demand, frames, show)
    settings = configuration.model_dump(mode="json", include=_JUDGED_BY, exclude={"curation": _OF_THE_MACHINE})
    with show("writing", judged.number_of_parts) as advance:
        published = publish_generation(store, judged, settings, configuration.shards, advance, held.check)
    console.print(f"generation {published.name}" + ("" if published.is_new else ": nothing new since it was published"))
    return published


def _unseen(_number: int) -> None:
    """Progress of what takes no time."""


if __name__ == "__main__":
    exit_with(main)
