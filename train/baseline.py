"""Baselines: what simpler methods reach on the photographs on which a network is judged.

`python -m train.baseline NAME [--folds]` fits a baseline to the training photographs of the newest generation, judges
it on the test photographs as a run is, and writes `baselines/<name>-<generation>-<digest>/` in the store. With
`--folds` each fold is held out in turn, and the answers of all are one result; NAME `network` does that for the network
itself. Cameras of `train.held_out_cameras` are no classes here either, so that the answers are comparable to a run's.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from corpus.command_line import command_parser, configuration_of, exit_with
from corpus.errors import ConfigurationError, StageError
from corpus.leases import Lease
from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index, latest_generation, read_index
from shards.remote.cache import open_cache
from train.baselines.constrained_cnn import ConstrainedNetwork
from train.baselines.frozen_features import frozen_features
from train.baselines.majority import Majority
from train.baselines.on_features import residual_statistics
from train.baselines.results import joined, judge_held_out, publish_baseline, score_line
from train.data.answers import Answers, read_answers
from train.data.samples import TrainingSamples
from train.fit.plain_training import train_plainly
from train.fit.training_run import carry_out, check_network, device_of, threads_of
from train.runs.one_trainer import train_alone
from train.runs.parent import parent_of, publish_parent
from train.runs.run import Run, RunConfig, begin_run, run_of

SAMPLES = 4000
BACKBONE = "resnet50"

_NAMES = {
    "majority": "always the camera with the most training photographs",
    "residual-statistics": "co-occurrences and grid statistics of residuals, and LightGBM",
    "frozen-features": "features of a network with published weights, principal components, a random forest",
    "constrained-cnn": "the constrained network of Bayar and Stamm, trained as the network is",
    "network": "the network of the configuration, once for each fold (needs --folds)",
}

_DESCRIPTION = (
    "Fit a baseline to the training photographs and judge it as a network is, on the same photographs.\n\n"
    + "\n".join(f"  {name:<20} {what}" for name, what in _NAMES.items())
    + "\n\nThe folder baselines/<name>-<generation>-<digest>/ has its answers, which `shutterprint compare` pairs\n"
    "with a run's; the digest is of the settings and of the options below.\n"
    "Exit codes: 0 done, 2 impossible (one sentence says why)."
)


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = command_parser("python -m train.baseline", _DESCRIPTION)
    parser.add_argument("name", metavar="NAME", choices=_NAMES, help=", ".join(_NAMES))
    parser.add_argument("--folds", action="store_true", help="hold each fold of the generation out in turn")
    parser.add_argument(
        "--samples", type=int, default=SAMPLES, metavar="N", help=f"training crops for features ({SAMPLES})"
    )
    parser.add_argument(
        "--backbone", default=BACKBONE, metavar="MODEL",
        help=f"timm model of frozen-features ({BACKBONE}); its weights come from train.weights, or from the Hub",
    )  # fmt: skip
    arguments = parser.parse_args()
    if arguments.samples < 1:
        raise ConfigurationError(f"--samples: {arguments.samples} is not at least 1")
    configuration = configuration_of(arguments)
    result = run_baseline(
        configuration.store, configuration.train, arguments.name,
        folds=arguments.folds, samples=arguments.samples, backbone=arguments.backbone,
    )  # fmt: skip
    print(f"{result.line}\n{configuration.store.url}: {result.folder}")
    return 0


class Result(NamedTuple):
    """What became of a baseline."""

    folder: str
    """Where it is in the store."""
    line: str
    """Its figures, for a person."""


def run_baseline(
    store: Store, settings: Training, name: str, *, folds: bool, samples: int = SAMPLES, backbone: str = BACKBONE
) -> Result:
    """Fit, judge and publish a baseline on the newest generation.

    Raises ConfigurationError or StageError where that is impossible.
    """
    generation = latest_generation(store)
    whole = read_index(store, generation, open_cache(settings.cache_folder, settings.cache_gb))
    whole = whole.leaving_out(settings.held_out_cameras)
    if name == "network" and not folds:
        raise ConfigurationError("baseline network: without --folds this is a training; use shutterprint train")
    if folds and whole.folds is None:
        raise StageError(f"--folds: generation {generation} has none; set curation.folds, then curate again")
    torch.set_num_threads(settings.threads or threads_of(settings.loaders, ranks=1))
    device = device_of(settings)
    held_out = _folds_with_photographs(whole) if folds else [settings.fold]
    parts = []
    for fold in held_out:
        of_fold = settings.model_copy(update={"fold": fold})
        index = whole if fold is None else whole.holding_out(fold)
        if folds:
            print(f"{name}: fold {fold} of {whole.folds} is held out", flush=True)
        if name == "network":
            parts.append(_network_answers(store, index, of_fold, device))
            continue
        fitted = _fitters(store, index, of_fold, device, samples, backbone)[name]()
        parts.append(judge_held_out(fitted, device, store, index, of_fold))
    fitted_to: dict[str, int | str] = {"samples": samples} if name in ("residual-statistics", "frozen-features") else {}
    fitted_to |= {"backbone": backbone} if name == "frozen-features" else {}
    number = len(held_out) if folds else None
    folder, told = publish_baseline(store, name, whole, settings, joined(parts), number, **fitted_to)
    return Result(folder, score_line(told))


def _folds_with_photographs(index: Index) -> list[int | None]:
    """Return the folds that hold anything to judge: of few devices, some folds stay empty."""
    return [fold for fold in range(index.folds or 0) if index.holding_out(fold).selection("test").photos]


def _fitters(
    store: Store, index: Index, settings: Training, device: torch.device, samples: int, backbone: str
) -> dict[str, Callable[[], nn.Module]]:
    def constrained() -> nn.Module:
        return train_plainly(
            lambda: ConstrainedNetwork(len(index.classes)),
            TrainingSamples(store, index, settings),
            device,
            lambda metrics: print(f"epoch {metrics['epoch']}: loss {metrics['loss']:.3f}", flush=True),
        )

    return {
        "majority": lambda: Majority(index),
        "residual-statistics": lambda: residual_statistics(store, index, settings, samples),
        "frozen-features": lambda: frozen_features(store, index, settings, samples, backbone, device),
        "constrained-cnn": constrained,
    }


def _network_answers(store: Store, index: Index, settings: Training, device: torch.device) -> Answers:
    """Return the answers of the run that holds this fold out, which is trained where it is not finished."""
    config = RunConfig(index.generation, index.classes, settings)
    run = run_of(store, config)
    parent = parent_of(run, config)
    check_network(settings, len(index.classes), run.begins_anew and (parent is None or parent.run is None))

    def work(run: Run, lease: Lease) -> None:
        publish_parent(run, parent_of(run, config))
        begin_run(run, config)
        carry_out(run, device, lease=lease)

    run = train_alone(lambda: run_of(store, config), work, lambda line: print(line, flush=True))
    return read_answers(store, run.directory)


if __name__ == "__main__":
    exit_with(main)
