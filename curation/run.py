"""`python -m curation.run`: whole windows of crawls in, a generation of judged photos and its shards out.

Examines originals that have no facts yet (on Dask), judges all photos together, publishes the generation and cuts
the shards of what is kept (on the same workers). Everything whole is left as it is, so the command can be killed
and given again at any time. Refuses a store without records; ends with an error when no photo is kept.
"""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from distributed.scheduler import KilledWorker
from rich.console import Console

from corpus.command_line import command_parser, configuration_of, exit_with
from corpus.configuration import Configuration
from corpus.errors import StageError
from corpus.receipts import publish_receipt
from curation.cluster import Workers, run_tasks
from curation.console import print_counts, progress
from curation.examine import Batch, PhotoKey, Trouble, batches, examine_batch
from curation.generation import FOLDER, latest_generation, publish_generation, read_past
from curation.inputs import Row, read_examined, read_records, waiting
from curation.judge import Law, judge
from curation.pack import pack


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stage and return the exit code 0; raises ShutterprintError for what a user can mend."""
    parser = command_parser("python -m curation.run", __doc__ or "")
    configuration = configuration_of(parser.parse_args(arguments))
    curate(configuration, Console(highlight=False))
    return 0


def curate(configuration: Configuration, console: Console) -> str:
    """Run the whole stage, saying on `console` what happens, and return the generation's name.

    Raises StageError where there are no records, or where no photo is kept.
    """
    store = configuration.store
    records = read_records(store)
    if not records:
        raise StageError(f"{store.url}: no crawl has left a whole window here; run `scrapy crawl …` first")
    console.print(f"{len(records):,} photos in the records of {store.url}")
    with Workers(configuration.clusters.dask_scheduler, configuration.curation.workers) as workers:
        troubles = _examine_new(configuration, workers, records, console)
        generation, rows, counts = _judge_all(configuration, records, troubles, console)
        print_counts(console, counts)
        console.print(f"report: {store.url}/{FOLDER}/{generation}/report.html", soft_wrap=True)
        if not counts["kept"]:
            raise StageError(
                f"{generation}: no photo is kept, so there is nothing to train on; the table above says which rules "
                "refused them, photos.parquet beside the report has every photo's reasons"
            )
        packed = pack(configuration, workers, generation, rows, console)
    publish_receipt(
        store, "curation", {"generation": generation, "photos": counts["photos"], "kept": counts["kept"], **packed}
    )
    return generation


def _examine_new(
    configuration: Configuration, workers: Workers, records: dict[PhotoKey, Row], console: Console
) -> list[Trouble]:
    """Examine every stored original that has no facts; return those that could not be examined."""
    store, settings = configuration.store, configuration.curation
    new = waiting(records, read_examined(store, decode=settings.decode))
    if not new:
        console.print("every original is examined already")
        return []
    began_at_s, troubles = time.monotonic(), []
    tasks = list(batches(new, batch_photos=settings.batch_photos, decode=settings.decode))
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
    return (Batch(batch.originals[:middle], batch.decode), Batch(batch.originals[middle:], batch.decode))


def _judge_all(
    configuration: Configuration, records: dict[PhotoKey, Row], troubles: list[Trouble], console: Console
) -> tuple[str, list[Row], dict[str, Any]]:
    """Judge every photo over all facts there are and publish the generation."""
    store, settings = configuration.store, configuration.curation
    law = Law(configuration.whole_catalogue, configuration.chosen, configuration.rules, settings)
    past = read_past(store, latest_generation(store))
    rows, ledger = judge(records, read_examined(store, decode=settings.decode), troubles, law, past)
    generation, counts, is_new = publish_generation(store, rows, ledger, configuration.shards)
    console.print(f"generation {generation}" + ("" if is_new else ": nothing new since it was published"))
    return generation, rows, counts


if __name__ == "__main__":
    exit_with(main)
