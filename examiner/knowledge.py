"""Knowledge: what a finding may use beside the file: a generation's consensus, a network, devices, who may see what."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from corpus.cameras.catalogue import BUILT_IN, Catalogue, read_catalogue
from corpus.errors import ConfigurationError
from corpus.storage import Store
from curation.consensus import LearnedRow, enriched
from curation.generations import generation_named, learned_in
from examiner.calibration.measured import Calibration, calibration_of
from examiner.detectors.prnu.fingerprint import Fingerprint

if TYPE_CHECKING:  # a network needs torch, and the other findings do not
    from examiner.detectors.splices.spread import Spread
    from train.model.loaded import Model

CALIBRATION = "examiner.json"
"""Name, in a run's folder, of what `examiner.calibrate` has measured with it."""


@cache
def built_in() -> Catalogue:
    """Return the catalogue of this version, for examinations without a data set."""
    return read_catalogue(BUILT_IN)


@dataclass(frozen=True, eq=False)
class Corpus:
    """What a generation's photographs show of each camera."""

    generation: str
    learned: Sequence[LearnedRow]
    """Value by value, with how many photographs and owners show it."""
    catalogue: Catalogue
    """The configured one, with what was learned."""


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """The network of a finished run."""

    name: str
    model: "Model"
    calibration: Calibration | None = None
    """What the scores of genuine photographs are with this run; None before `examiner.calibrate`."""
    spread: "Spread | None" = None
    """How windows of genuine photographs scatter in its embedding; None before `examiner.calibrate`."""


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What is known beside the file; without anything, the built-in catalogue."""

    corpus: Corpus | None = None
    run: TrainedRun | None = None
    catalogue: Catalogue = field(default_factory=built_in)
    private: bool = False
    """Whether places, serial numbers and names of people are shown."""
    trust: str | None = None
    """Certificates in PEM, whose content credentials are trusted; None: trust is not judged."""
    devices: Sequence[Fingerprint] = ()
    """Fingerprints of devices, of which each may have taken the photograph."""


def read_corpus(store: Store, generation: str, catalogue: Catalogue) -> Corpus:
    """Return what a generation learned, by its name or `latest`; raises StageError or StorageError where it is not."""
    name = generation_named(store, generation)
    learned = learned_in(store, name)
    return Corpus(name, learned, enriched(catalogue, learned))


def read_run(store: Store, run: str, catalogue: Catalogue) -> TrainedRun:
    """Return the network that `run` names (as `train.predict` takes it) with its calibration, where it has one."""
    from examiner.detectors.splices.spread_file import SPREAD, read_spread
    from train.archive.download import is_address
    from train.archive.loading import is_archive, load_model
    from train.runs.run import find_run

    model = load_model(store, run, catalogue)
    if is_address(run) or is_archive(run):
        return TrainedRun(run, model)
    found = find_run(store, run)
    path = f"{found.directory}/{CALIBRATION}"
    calibration = calibration_of(found.store.read(path), path) if found.store.exists(path) else None
    path = f"{found.directory}/{SPREAD}"
    spread = read_spread(found.store.read(path), model.network.features, path) if found.store.exists(path) else None
    return TrainedRun(found.name, model, calibration, spread)


def read_trust(path: str) -> str:
    """Return the certificates of a PEM file; raises ConfigurationError, which names the file, where it holds none."""
    try:
        text = Path(path).read_text("latin-1")
    except OSError as error:
        raise ConfigurationError(f"--trust {path}: cannot be read ({error.strerror})") from error
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise ConfigurationError(f"--trust {path}: holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")
    return text
