"""`python -m curation.run`: judge everything the crawls have stored and publish a generation and its shards.

Examines originals that have no facts yet (on Dask), judges all photos together, publishes the generation and cuts
the shards of what is kept (on the same workers). Finished work is left as it is, so the command can be killed and
run again at any time. Fails on a store without records, on one that another run curates, and when no photo is kept or
wanted.

What a run learns of cameras may let photos pass that a crawl has refused at the door. It then says how many are wanted
and which crawl fetches them; a pipeline with `rounds: 2` does that by itself.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console

from corpus.command_line import command_parser, configuration_of, exit_with, progress
from corpus.configuration import Configuration
from corpus.errors import ConfigurationError, StageError
from corpus.leases import LEASE_S, held, holders
from corpus.manifests.handed_on import handed_on
from corpus.metrics.family import Sample
from corpus.metrics.measured import Measured
from corpus.receipts import last_receipt, publish_receipt
from corpus.storage import Store
from corpus.storage.requests import counted, sentence
from corpus.text import escaped
from curation.cluster.alone import Alone
from curation.cluster.console import print_counts, wanted_photos, wanted_sentence
from curation.cluster.frames import Advance, Frames
from curation.cluster.workers import GAVE_UP, Workers, run_tasks
from curation.facts.examine import ORIGINAL_LOST, Trouble, batches, examine_batch, kind_of
from curation.facts.second_look import check_lost, confirmed, examined_alone
from curation.generations import FOLDER, FUNNEL, Past, latest_generation
from curation.judging.given_splits import GivenSplits, read_given_splits
from curation.judging.inputs import Inputs, find_inputs
from curation.judging.whole_corpus import JudgeSettings, judge_all
from curation.publishing.generation import Published, publish_generation
from curation.publishing.metrics import generation_samples
from curation.publishing.shards import publish_shards

IN_PROCESS_MAX = 2_000
"""Up to this many photos, judging in this process is faster than handing them to a cluster."""
LEASES, LEASE_UNIT = "leases", "curation"
"""The lease stands outside of what curation publishes."""

_JUDGED_BY = {"cameras", "rules", "consensus", "curation"}
_OF_THE_MACHINE = {"workers", "batch_photos", "judge_photos", "worker_memory_mb"}
"""Keys of the section `curation` that change how fast a corpus is judged, not the verdicts."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stage and return the exit code 0; raises ShutterprintError for what the user can fix."""
    parser = command_parser("python -m curation.run", __doc__ or "")
    configuration = configuration_of(parser.parse_args(arguments))
    store, watched = configuration.store, configuration.metrics
    samples = newest_samples(store)
    folder, port, address = configuration.metrics_folder, watched.curation_port, watched.address
    with counted(), Measured("curation", lambda: samples, folder=folder, port=port, address=address):
        curate(configuration, Console(highlight=False))
        samples = newest_samples(store)
    return 0


def newest_samples(store: Store) -> list[Sample]:
    """Return the metrics of the newest generation, none before the first."""
    name = latest_generation(store)
    if name is None:
        return []
    return generation_samples(name, store.read_json(f"{FOLDER}/{name}/{FUNNEL}"), last_receipt(store, "curation"))


def curate(configuration: Configuration, console: Console) -> str:
    """Run the whole stage, report progress on `console`, and return the generation's name.

    Raises StageError where there are no records, where another run curates the store, or where no photo is kept.
    """
    store = configuration.store
    given = _given_splits(configuration)
    inputs = find_inputs(store, kind_of(configuration.curation))
    if not inputs.windows:
        raise StageError(f"{store.url}: no crawl has left a whole window here; run `scrapy crawl …` first")
    console.print(f"{len(inputs.uploads):,} photos in the records of {store.url}")
    _check_given(configuration, given, inputs, console)
    curation = configuration.curation
    cluster = Workers(configuration.clusters.dask_scheduler, curation.workers, curation.worker_memory_mb, store)
    with sole_run(store) as check, cluster as workers:
        troubles = _examine_new(configuration, workers, inputs, console)
        del inputs  # outdated: there are new facts
        published = _judge_all(configuration, given, workers, troubles, check, console)
        counts = published.counts
        print_counts(console, counts)
        wanted = wanted_sentence(counts)
        if wanted:
            console.print(wanted, soft_wrap=True)
        console.print(f"report: {store.url}/{FOLDER}/{published.name}/report.html", soft_wrap=True)
        if not counts["kept"] and not wanted:
            raise StageError(
                f"{published.name}: no photo is kept, so there is nothing to train on; the table above says which "
                "rules refused them, photos.parquet beside the report has every photo's reasons"
            )
        packed = publish_shards(configuration, workers, published.name, console)
        if not store.is_local:
            console.print(sentence(workers.requests(), counts["photos"]))
    told = {"generation": published.name, "photos": counts["photos"], "kept": counts["kept"]}
    publish_receipt(store, "curation", told | {"wanted": wanted_photos(counts)} | packed)
    return published.name


@contextmanager
def sole_run(store: Store) -> Iterator[Callable[[], None]]:
    """Hold the right to curate a store, and yield what checks that it still holds; call it before publishing.

    Two runs at once would spoil each other's generations: each removes what the other has not finished, taking it for
    the leftovers of a killed run. A dead run of this machine loses the right at once, one of another machine after
    LEASE_S. Raises StageError, naming the holder and since when, where another run curates the store; so does the
    check once another run has taken over.
    """
    with held(store, LEASES, LEASE_UNIT) as lease:
        if lease is None:
            raise StageError(f"{store.url}: {_who(store)}; run python -m curation.run again when that one has ended")

        def check() -> None:
            if not lease.is_ours():
                raise StageError(
                    f"{store.url}: another run has taken over, since this one was not heard of for "
                    f"{LEASE_S / 60:.0f} minutes; run python -m curation.run again when that one has ended"
                )

        yield check


def _who(store: Store) -> str:
    holder = holders(store, LEASES, time.time()).get(LEASE_UNIT)
    if holder is None:  # it has ended since, or two runs began at the same moment and both stepped back
        return "another run curates it or has just done so"
    since = datetime.fromtimestamp(holder.since_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"process {holder.pid} on {holder.host} curates it since {since}"


def _examine_new(configuration: Configuration, workers: Workers, inputs: Inputs, console: Console) -> list[Trouble]:
    """Examine every stored original that has no facts; return those that have none, as far as this machine agrees.

    Raises StageError where a worker's trouble is the machine's, and where more originals are lost than can be.
    """
    store, settings = configuration.store, configuration.curation
    new = inputs.waiting()
    if not new:
        console.print("every original is examined already")
        return []
    began_at_s, lost, troubles = time.monotonic(), 0, list[Trouble]()
    tasks = list(batches(new, batch_photos=settings.batch_photos, kind=kind_of(settings)))
    client, examination = workers.client, workers.proved(partial(examine_batch, store))
    with progress(console, "examining", len(new), "photos") as advance, Alone() as alone:
        for batch, result in run_tasks(client, examination, tasks):
            if isinstance(result, GAVE_UP):
                found = examined_alone(store, batch, alone)
            else:
                of = {original.key: original for original in batch.originals}
                looks = (confirmed(store, of[said.key], batch.kind, said, alone) for said in result)
                found = [trouble for trouble in looks if trouble is not None]
            for trouble in found:
                troubles.append(trouble)
                if trouble.reason == ORIGINAL_LOST:
                    lost += 1
                    check_lost(store, lost, inputs.stored, f"that of {trouble.key.photo}")
            advance(len(batch.originals))
    took_s = time.monotonic() - began_at_s
    console.print(f"examined {len(new):,} originals in {took_s:.1f} s, {len(new) / took_s:.0f} a second")
    for trouble in troubles:
        console.print(escaped(f"not examined: {trouble.key.photo}: {trouble.error}"), soft_wrap=True, markup=False)
    return troubles


def _given_splits(configuration: Configuration) -> GivenSplits:
    """Return the official splits; raises ConfigurationError where their file cannot be read or is no such list."""
    name, folds = configuration.curation.given_splits, configuration.curation.folds
    if name is None:
        return GivenSplits()
    path = configuration.file.parent / Path(name).expanduser()
    try:
        return read_given_splits(path.read_bytes(), f"curation.given_splits: {name}", folds)
    except OSError as error:
        raise ConfigurationError(f"curation.given_splits: {path} cannot be read: {error.strerror}") from error


def _check_given(configuration: Configuration, given: GivenSplits, inputs: Inputs, console: Console) -> None:
    """Say how many official answers name a photo of this store; raises ConfigurationError where none does."""
    found, number = given.number_found(inputs.uploads)
    name = f"curation.given_splits: {configuration.curation.given_splits}"
    if number and not found:
        raise ConfigurationError(
            f"{name}: none of its {number:,} lines names a photo of {configuration.store.url}; paths start below "
            "sources.folder.path"
        )
    if number:
        console.print(f"{name}: {found:,} of {number:,} lines name a photo of this store", soft_wrap=True)


def _judge_all(
    configuration: Configuration,
    given: GivenSplits,
    workers: Workers,
    troubles: list[Trouble],
    check: Callable[[], None],
    console: Console,
) -> Published:
    store = configuration.store
    inputs = find_inputs(store, kind_of(configuration.curation))
    settings = JudgeSettings(
        configuration.whole_catalogue,
        configuration.cameras,
        configuration.rules,
        configuration.consensus,
        configuration.curation,
        given,
    )
    is_small = len(inputs.uploads) <= IN_PROCESS_MAX
    frames = Frames(None) if is_small else Frames(workers.client, workers.proved)
    past = Past(store, latest_generation(store), handed_on(store))

    def show(verb: str, parts: int) -> AbstractContextManager[Advance]:
        return nullcontext(lambda _: None) if is_small else progress(console, verb, parts, "parts")

    judged = judge_all(inputs, past, troubles, settings, frames, show)
    judged_by = configuration.model_dump(mode="json", include=_JUDGED_BY, exclude={"curation": _OF_THE_MACHINE})
    with closing(judged), show("writing", judged.number_of_parts) as advance:
        published = publish_generation(store, judged, judged_by, configuration.shards, advance, check)
    console.print(f"generation {published.name}" + ("" if published.is_new else ": nothing new since it was published"))
    return published


if __name__ == "__main__":
    exit_with(main)
