"""Loading: finds a trained model by a run's name, a folder, the path of a file handed on, or an address.

A run's parts are read from its folder, with the cameras enrolled beside it. A file (`model.zip`) has all of them; an
address of one is followed by the file's SHA-256.
"""

from pathlib import Path

from corpus.cameras.catalogue import Catalogue
from corpus.errors import StorageError
from corpus.storage import Store
from train.archive.download import downloaded, is_address
from train.archive.parts import Parts, model_of
from train.archive.reading import read_archive
from train.estimation.calibration import CALIBRATION
from train.model.loaded import Model
from train.open_set.files import OPEN_SET, PROTOTYPES
from train.runs.run import Run, find_run

ENROLLED = "enrolled"
"""Folder of a run in which enrolled cameras are: what training published there stays as it is."""


def load_model(store: Store, where: str, catalogue: Catalogue | None = None) -> Model:
    """Return the model that `where` names, ready to answer.

    `where`: a finished run's name in the store, the path of its folder, or `latest`; the path of a `model.zip`; or
    `https://…#sha256=<64 hex digits>`. `catalogue`: names the cameras of a run; a file has their entries itself.
    Raises StorageError where there is no such model or it is damaged, StorageUnavailableError where an address does not
    answer.
    """
    return model_of(load_parts(store, where, catalogue))


def load_parts(store: Store, where: str, catalogue: Catalogue | None = None) -> Parts:
    """Return the parts of the model that `where` names; errors as `load_model` has them."""
    if is_address(where):
        return read_archive(downloaded(where), where.partition("#")[0])
    if is_archive(where):
        return read_archive(Path(where), where)
    return run_parts(find_run(store, where), catalogue)


def is_archive(where: str) -> bool:
    """Whether this is the path of a file handed on, not a run's."""
    path = Path(where)
    if "://" in where:
        return False
    if where.lower().endswith(".zip") and not path.is_dir():
        if not path.exists():
            raise StorageError(f"{where}: no such file")
        return True
    return path.is_file()


def run_parts(run: Run, catalogue: Catalogue | None = None) -> Parts:
    """Return the parts of a finished run; raises StorageError where its files are missing or damaged."""
    store, directory = run.store, run.directory
    config = run.config()
    entries = () if catalogue is None else (catalogue.get(key) for key in config.classes)
    folder = f"{directory}/{ENROLLED}"
    has = set(store.names(directory))
    return Parts(
        where=f"{store.url}: {directory}",
        name=run.name,
        config=config,
        weights=store.read(f"{directory}/weights.safetensors"),
        cameras=tuple(camera for camera in entries if camera is not None),
        calibration=store.read_json(f"{directory}/{CALIBRATION}") if CALIBRATION in has else {},
        open_set=store.read_json(f"{directory}/{OPEN_SET}") if OPEN_SET in has else None,
        prototypes=store.read(f"{directory}/{PROTOTYPES}") if {PROTOTYPES, OPEN_SET} <= has else None,
        enrolled=tuple(store.read(f"{folder}/{name}") for name in store.names(folder)),
        evaluation=store.read_json(f"{directory}/evaluation.json") if "evaluation.json" in has else {},
    )
