"""`python -m curation.run`: judge everything the crawls have stored and publish a generation and its shards.

Examines originals that have no facts yet (on Dask), judges all photos together, publishes the generation and cuts
the shards of what is kept (on the same workers). Finished work is left as it is, so the command can be killed and
run again at any time. Fails on a store without records, on one that another run curates, and when no photo is kept or
wanted.

What a run learns of cameras may let photos pass that a crawl has refused at the door. It then says how many are wanted
and which crawl fetches them; a pipeline with `rounds: 2` does that by itself.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from corpus.command_line import command_parser, configuration_of, exit_with, progress
from corpus.configuration import Configuration
from corpus.errors import ConfigurationError, StageError
from corpus.leases import CURATION_UNIT, LEASE_S, LEASES, held, holders
from corpus.manifests.handed_on import handed_on
from corpus.metrics.family import Sample
from corpus.metrics.task_metrics import TaskMetrics
from corpus.receipts import last_receipt, publish_receipt
from corpus.storage import Store
from corpus.storage.kept import keeping
from corpus.storage.requests import counted, sentence, so_far
from corpus.text import escaped
from curation.cluster.alone import Alone
from curation.cluster.console import print_counts, wanted_photos, wanted_sentence
from curation.cluster.frames import Advance, Frames
from curation.cluster.workers import GAVE_UP, Workers, run_tasks
from curation.facts.examine import ORIGINAL_LOST, Original, Trouble, batches, examine_batch, kind_of
from curation.facts.second_look import check_lost, confirmed, examined_alone
from curation.generations import FOLDER, FUNNEL, Past, latest_generation
from curation.judging.given_splits import GivenSplits, read_given_splits
from curation.judging.inputs import Inputs, find_inputs
from curation.judging.refresh.base import Base, digest_of_inputs, is_unchanged, known_of_whole, refresh_base
from curation.judging.refresh.news import SHARE_UPLOADS
from curation.judging.refresh.refresh import refreshed
from curation.judging.whole_corpus import JudgeSettings, judge_all, silent
from curation.publishing.generation import Published, publish_generation
from curation.publishing.metrics import generation_samples
from curation.publishing.refreshed import publish_refreshed, unchanged
from curation.publishing.shards import publish_shards

IN_PROCESS_MAX = 2_000
"""Up to this many photos, judging in this process is faster than handing them to a cluster."""
_JUDGED_BY = {"cameras", "rules", "consensus", "curation"}
_OF_THE_MACHINE = {"workers", "batch_photos", "judge_photos", "worker_memory_mb"}
"""Keys of the section `curation` that change how fast a corpus is judged, not the verdicts."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stage and return the exit code 0; raises ShutterprintError for what the user can fix."""
    parser = command_parser("python -m curation.run", __doc__ or "")
    configuration = configuration_of(parser.parse_args(arguments))
    store, watched = configuration.store, configuration.metrics
    folder, port, address = configuration.metrics_folder, watched.curation_port, watched.address
    with counted():
        samples = newest_samples(store)
        with TaskMetrics("curation", lambda: samples, folder=folder, port=port, address=address):
            console = Console(highlight=False)
            curated = curate(configuration, console)
            samples = newest_samples(store)
        if not store.is_local:  # last, so that no request is left out
            console.print(sentence(so_far() + curated.requests, curated.photographs, curated.unit))
    return 0


def newest_samples(store: Store) -> list[Sample]:
    """Return the metrics of the newest generation, none before the first."""
    name = latest_generation(store)
    if name is None:
        return []
    return generation_samples(name, store.read_json(f"{FOLDER}/{name}/{FUNNEL}"), last_receipt(store, "curation"))


class Curated(NamedTuple):
    """What a run has done, for the count of its requests."""

    photographs: int
    unit: str
    """What is counted: all photographs of the generation, or of a refresh those that were examined."""
    requests: Counter[str]
    """Those of workers of a lasting cluster, which this process does not count."""


def curate(configuration: Configuration, console: Console) -> Curated:
    """Run the whole stage and report progress on `console`.

    Raises StageError where there are no records, where another run curates the store, or where no photo is kept.
    """
    store = configuration.store
    given = _given_splits(configuration)
    inputs = find_inputs(store, kind_of(configuration.curation))
    if not inputs.windows:
        raise StageError(f"{store.url}: no crawl has left a whole window here; run `scrapy crawl …` first")
    settings = _judge_settings(configuration, given)
    curation = configuration.curation
    cluster = Workers(configuration.clusters.dask_scheduler, curation.workers, curation.worker_memory_mb, store)
    # workers on other machines share no folder with this one
    processes = 0 if configuration.clusters.dask_scheduler else 1 + curation.workers
    with sole_run(store) as check, keeping(store, processes) as kept, cluster as workers:
        inputs = replace(inputs, store=kept)
        published, examined = _published(configuration, inputs, settings, workers, check, console)
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
        packed = publish_shards(configuration, workers, published.name, console, kept)
        of_workers = workers.requests() - so_far()
    told = {"generation": published.name, "photos": counts["photos"], "kept": counts["kept"]}
    publish_receipt(store, "curation", told | {"wanted": wanted_photos(counts)} | packed)
    if examined is None:
        return Curated(counts["photos"], "a photograph", of_workers)
    return Curated(examined, "a new photograph", of_workers)


@contextmanager
def sole_run(store: Store) -> Iterator[Callable[[], None]]:
    """Hold the right to curate a store, and yield what checks that it still holds; call it before publishing.

    Two runs at once would spoil each other's generations: each removes what the other has not finished, taking it for
    the leftovers of a killed run. A dead run of this machine loses the right at once, one of another machine after
    LEASE_S. Raises StageError, naming the holder and since when, where another run curates the store; so does the
    check once another run has taken over.
    """
    with held(store, LEASES, CURATION_UNIT) as lease:
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
    holder = holders(store, LEASES, time.time()).get(CURATION_UNIT)
    if holder is None:  # it has ended since, or two runs began at the same moment and both stepped back
        return "another run curates it or has just done so"
    return f"{holder.process} curates it since {holder.since}"


def _examine_new(
    configuration: Configuration, workers: Workers, inputs: Inputs, new: list[Original], console: Console
) -> list[Trouble]:
    """Examine these originals; return those that have no facts then, as far as this machine agrees.

    Raises StageError where a worker's trouble is the machine's, and where more originals are lost than can be.
    """
    store, settings = configuration.store, configuration.curation
    if not new:
        console.print("every original is examined already")
        return []
    began_at_s, lost, troubles = time.monotonic(), 0, list[Trouble]()
    tasks = list(batches(new, batch_photos=settings.batch_photos, kind=kind_of(settings)))
    client, examination = workers.client, workers.proved(partial(examine_batch, inputs.store))
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


def _judge_settings(configuration: Configuration, given: GivenSplits) -> JudgeSettings:
    return JudgeSettings(
        configuration.whole_catalogue,
        configuration.cameras,
        configuration.rules,
        configuration.consensus,
        configuration.curation,
        given,
    )


def _published(
    configuration: Configuration, inputs: Inputs, settings: JudgeSettings, workers: Workers, check: Callable[[], None],
    console: Console,
) -> tuple[Published, int | None]:  # fmt: skip
    """Judge what has to be judged; return the generation of it, new or not, and of a refresh how many were examined."""
    same = _unchanged(configuration, inputs, settings, console)
    if same is not None:
        return same, 0
    base = refresh_base(inputs.store, inputs, settings)
    if base is not None:
        return _refresh(configuration, settings, workers, base, check, console)
    console.print(f"{len(inputs.uploads):,} photos in the records of {configuration.store.url}")
    _check_given(configuration, settings.given, inputs, console)
    troubles = _examine_new(configuration, workers, inputs, inputs.waiting(), console)
    return _judge_all(configuration, inputs.store, settings, workers, troubles, check, console), None


def _unchanged(
    configuration: Configuration, inputs: Inputs, settings: JudgeSettings, console: Console
) -> Published | None:
    """Return the newest generation where no table has changed since all were judged together for it."""
    if not is_unchanged(configuration.store, inputs, settings):
        return None
    published = unchanged(configuration.store, str(latest_generation(configuration.store)), configuration.shards)
    if published is not None:
        console.print("every original is examined already")
        _say_published(published, console)
    return published


def _refresh(
    configuration: Configuration, settings: JudgeSettings, workers: Workers, base: Base, check: Callable[[], None],
    console: Console,
) -> tuple[Published, int]:  # fmt: skip
    """Examine what is new, judge what it concerns, and publish a generation unless the newest one is the same.

    Returns it with the number of originals examined.
    """
    store, kind = base.news.inputs.store, kind_of(configuration.curation)
    waiting = base.waiting()
    troubles = _examine_new(configuration, workers, base.news.inputs, waiting, console)
    if waiting:
        base = base.again(find_inputs(store, kind))
    concerned = base.concerned(troubles)
    console.print(f"{len(concerned):,} uploads have other records or facts than when they were judged")
    published = (
        None if concerned or base.is_first else unchanged(store, base.last.known.generation, configuration.shards)
    )
    if published is None:
        if base.is_first:
            console.print(
                "the first refresh after all were judged together: each is judged once more, later only what is new"
            )

        def show(verb: str, number: int) -> AbstractContextManager[Advance]:
            unit = "rows" if verb == "deciding" else "parts"
            return silent(verb, number) if len(concerned) <= SHARE_UPLOADS else progress(console, verb, number, unit)

        found = refreshed(store, base.news, base.last, troubles, settings, concerned, show)
        console.print(f"judged {found.judged:,} uploads; {found.rows_changed:,} rows are new or changed")
        published = publish_refreshed(
            store, found, base.last.known, _judged_by(configuration), configuration.shards, check
        )
        if base.is_first and not published.is_new:
            whole = known_of_whole(published.name, settings, digest_of_inputs(base.news.inputs), troubles)
            whole.publish(store)
            whole.tidy(store)
    elif base.news.has_tables:
        base.remembered(store)
    _say_published(published, console)
    return published, len(waiting)


def _judged_by(configuration: Configuration) -> dict[str, Any]:
    return configuration.model_dump(mode="json", include=_JUDGED_BY, exclude={"curation": _OF_THE_MACHINE})


def _say_published(published: Published, console: Console) -> None:
    console.print(f"generation {published.name}" + ("" if published.is_new else ": nothing new since it was published"))


def _judge_all(
    configuration: Configuration, store: Store, settings: JudgeSettings, workers: Workers, troubles: list[Trouble],
    check: Callable[[], None], console: Console,
) -> Published:  # fmt: skip
    inputs = find_inputs(store, kind_of(configuration.curation))
    digest = digest_of_inputs(inputs)  # before they are read: what changes meanwhile is news
    is_small = len(inputs.uploads) <= IN_PROCESS_MAX
    frames = Frames(None) if is_small else Frames(workers.client, workers.proved)
    past = Past(store, latest_generation(store), handed_on(store))

    def show(verb: str, parts: int) -> AbstractContextManager[Advance]:
        return silent(verb, parts) if is_small else progress(console, verb, parts, "parts")

    judged = judge_all(inputs, past, troubles, settings, frames, show)
    with closing(judged), show("writing", judged.number_of_parts) as advance:
        published = publish_generation(store, judged, _judged_by(configuration), configuration.shards, advance, check)
    known = known_of_whole(published.name, settings, digest, troubles)
    known.publish(store)
    known.tidy(store)
    _say_published(published, console)
    return published


if __name__ == "__main__":
    exit_with(main)
