"""The training stage: trains a network on the newest generation of shards and evaluates it.

Runs as `ray job submit --working-dir . -- python train/main.py`, or by hand as `python train/main.py`. The same
command continues an unfinished run and does not repeat a finished one. Where another process trains the run, this one
shows how far that is, and takes over where it dies. Exit codes: 0 done, 2 impossible (one sentence says why), 75
another process trains the run, or was stopped while this one waited for it, 130 interrupted.
"""

import signal
import sys
from pathlib import Path

from corpus.command_line import configuration_of, exit_with
from corpus.configuration import Configuration
from corpus.errors import ConfigurationError
from corpus.leases import Lease
from corpus.metrics.family import Sample
from corpus.metrics.task_metrics import TaskMetrics
from corpus.receipts import publish_receipt
from corpus.sections import Training
from corpus.storage.requests import counted, sentence
from train.data.batches import TrainingBatches
from train.evaluation.table import evaluation_table
from train.fit.ledger import JOB_FOLDER, ledger_folder
from train.fit.training_run import carry_out, check_network, device_of, score_sentence
from train.runs.metrics import training_samples
from train.runs.one_trainer import TrainedElsewhereError, train_alone
from train.runs.parent import parent_of, publish_parent, read_parent
from train.runs.progress import read_history
from train.runs.requested import requested_config, training_parser
from train.runs.run import Run, begin_run, begun_before, check_begun, run_of

ELSEWHERE = 75
"""Exit code where another process trains the run: EX_TEMPFAIL of BSD's sysexits.h, to be tried again later."""


def main() -> int:
    """Run the command line; returns the exit code."""
    arguments = training_parser().parse_args()
    # SIGTERM is handled like ctrl-C, so that a stopped training gives its lease back
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    configuration = configuration_of(arguments)
    try:
        with counted() as requests:
            train(configuration, arguments.run, arguments.without_ray, arguments.ledger, waits=not arguments.no_wait)
            if not configuration.store.is_local:
                print(sentence(requests(), samples_of(configuration.train), "a sample"), flush=True)
    except TrainedElsewhereError as error:
        print(error, file=sys.stderr)
        return ELSEWHERE
    return 0


def train(
    configuration: Configuration,
    name: str | None = None,
    without_ray: bool = False,
    ledger: str | None = None,
    *,
    waits: bool = True,
) -> None:
    """Train on the newest generation; raises ShutterprintError where that is impossible.

    `ledger`: a folder for what was used in each step (`train.fit.ledger`). `waits`: as of `train_alone`.
    """
    store, settings = configuration.store, configuration.train
    if without_ray and settings.workers > 1:
        raise ConfigurationError(f"train.workers: {settings.workers} need Ray; drop --without-ray or set workers to 1")
    device = device_of(settings) if without_ray else None
    _check_storage(configuration)
    ledger = None if ledger is None else ledger_folder(ledger)
    config = requested_config(configuration)
    index = config.index(store)
    for note in TrainingBatches(store, index, settings).check():
        print(f"note: {note}", flush=True)
    run = run_of(store, config, name)
    parent = parent_of(run, config)
    fetches = run.begins_anew and (parent is None or parent.run is None)
    # finds a wrong name, size or batch here, not in a worker minutes later
    check_network(settings, len(index.classes), fetches)
    for before in begun_before(store, config) if name is None else ():
        print(
            f"note: {before} is unfinished and stays so: a version with another order of samples has begun it",
            flush=True,
        )
    check_begun(run, config, name)
    if run.finished is not None:
        print(f"{run.name} is finished already; new shards or settings start a new run", flush=True)

    def find() -> Run:
        return run_of(store, config, name)

    def work(run: Run, lease: Lease) -> None:
        def samples() -> list[Sample]:
            return training_samples(read_history(run), settings.epochs, run.finished)

        publish_parent(run, parent_of(run, config))
        begin_run(run, config, name)
        if (parent := read_parent(run)) is not None and run.begins_anew:
            print(f"{run.name}: {parent.sentence()}", flush=True)
        print(f"{run.name}: {settings.network} on {len(index.classes)} cameras, {run.store.url}", flush=True)
        watched, folder = configuration.metrics, configuration.metrics_folder
        with TaskMetrics("train", samples, folder=folder, port=watched.train_port, address=watched.address):
            if device is not None:
                carry_out(run, device, ledger=ledger, lease=lease)
            else:
                from train.fit.cluster import carry_out_on_ray

                carry_out_on_ray(run, settings, ledger, lease)

    run = train_alone(find, work, lambda line: print(line, flush=True), waits=waits)
    score = run.finished
    if score is None:
        raise ConfigurationError(f"{run.name}: the workers ended without finishing the run; see their log")
    publish_receipt(store, "train", {"run": run.name, **score})
    evaluation = store.read_json(f"{run.directory}/evaluation.json")
    print(f"\n{evaluation_table(evaluation)}\n\n{score_sentence(run, score)}", flush=True)


def samples_of(settings: Training) -> int:
    """Return the samples that all epochs of a training consume."""
    return settings.epochs * settings.steps_per_epoch * settings.accumulate * settings.batch * settings.workers


def _check_storage(configuration: Configuration) -> None:
    """Refuse a relative storage folder inside the copy of the working directory that Ray makes for a job."""
    if configuration.store.is_local and JOB_FOLDER in Path(configuration.store.url).parts:
        raise ConfigurationError(
            f"storage: {configuration.storage} is relative, but this Ray job runs in a copy of the working directory; "
            "give a URL or an absolute path, or the real configuration: train/main.py --config /absolute/pipelines.yaml"
        )


if __name__ == "__main__":
    exit_with(main)
