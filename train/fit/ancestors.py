"""Ancestors: the finished run whose weights a training starts from (`train.start_from`), and why there may be none.

The choice is made once, when a run is begun, and published as `start.json` in its folder: the run, the SHA-256 of its
weights, the cameras that are new, or why the training starts anew. So a run that was stopped goes on from the same
weights, and the same command finds the same run, however many have finished since. An ancestor must have been trained
by this version, on some of these cameras and no others, with the same network and without the photographs that this run
is judged on: those of `train.fold`. Splits need no such test: a photograph never changes its side.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from corpus.errors import ConfigurationError, StageError, StorageError
from corpus.storage import Store
from corpus.text import leading_number
from train.fit.runs import FORMAT, ROOT, Run, RunConfig
from train.model.checkpoints import read_weights
from train.model.inherited import inherit, misfit
from train.model.network import CameraNetwork, outline_network

FILE = "start.json"
LAST = "last"
_SAME = ("network", "front", "pooling", "loss", "fold", "shuffle_labels")
"""Keys of `train` that an ancestor must have alike."""


@dataclass(frozen=True)
class Start:
    """What a training starts from."""

    ancestor: str | None
    """Name of the run; None: it starts anew."""
    sha256: str
    """Of the ancestor's weights."""
    new_cameras: tuple[str, ...]
    """Cameras that the ancestor did not know."""
    reason: str
    """Why it starts anew; empty where it does not."""

    def sentence(self) -> str:
        """Return what people are told."""
        if self.ancestor is None:
            return f"starts anew, train.start_from: {self.reason}"
        new = f"new cameras: {', '.join(self.new_cameras)}" if self.new_cameras else "no camera is new"
        return f"starts from the weights of {self.ancestor}; {new}"


def start_of(run: Run, config: RunConfig) -> Start | None:
    """Return what a training of a run starts from, chosen now where the run is not begun yet.

    None where `train.start_from` is not set, and where a checkpoint is there to go on from. Raises ConfigurationError
    where the run that the key names cannot be started from.
    """
    if config.train.start_from is None or not run.begins_anew:
        return None
    return read_start(run) or _chosen(run.store, config)


def read_start(run: Run) -> Start | None:
    """Return what was published when a run was begun; None where nothing was."""
    path = f"{run.directory}/{FILE}"
    if not run.store.exists(path):
        return None
    told = run.store.read_json(path)
    try:
        return Start(told["ancestor"], told["sha256"], tuple(told["new_cameras"]), told["reason"])
    except (KeyError, TypeError) as error:
        raise StorageError(f"{run.store.url}: {path} does not say what the run starts from; delete it") from error


def publish_start(run: Run, start: Start | None) -> None:
    """Publish what a run starts from, before it is begun; what was published before stays."""
    if start is not None and read_start(run) is None:
        run.store.publish_json(f"{run.directory}/{FILE}", asdict(start))


def load_start(network: CameraNetwork, run: Run, cameras: Sequence[str]) -> None:
    """Set a network's weights to those that a run starts from, where there are any; each worker does so alike.

    Raises StageError where they are gone or others than they were when the run was begun.
    """
    start = read_start(run)
    if start is None or start.ancestor is None:
        return
    ancestor = Run(run.store, f"{ROOT}/{start.ancestor}")
    path = f"{ancestor.directory}/weights.safetensors"
    try:
        data, known = run.store.read(path), ancestor.config().classes
    except StorageError as error:
        raise StageError(
            f"{run.name}: starts from {start.ancestor}, which is gone ({error}); choose another --run"
        ) from error
    if hashlib.sha256(data).hexdigest() != start.sha256:
        raise StageError(f"{run.name}: {path} is another file than when the run was begun; choose another --run")
    inherit(network, read_weights(data, path), known, cameras)


def _chosen(store: Store, config: RunConfig) -> Start:
    """Return the start from the run that `train.start_from` names, or from the last finished one that fits."""
    wanted = config.train.start_from
    if wanted != LAST:
        run = Run(store, f"{ROOT}/{wanted}")
        if run.finished is None:
            raise ConfigurationError(
                f"train.start_from: {store.url} has no finished run {wanted}; name one, or `{LAST}`"
            )
        start = _start_from(run, config)
        if isinstance(start, str):
            raise ConfigurationError(f"train.start_from: {wanted} {start}")
        return start
    names = sorted(store.done_names(ROOT), key=lambda name: (leading_number(name), name), reverse=True)
    first = "no run is finished yet"
    for place, name in enumerate(names):
        start = _start_from(Run(store, f"{ROOT}/{name}"), config)
        if isinstance(start, Start):
            return start
        first = f"{name} {start}" if place == 0 else first
    return Start(None, "", (), first)


def _start_from(run: Run, config: RunConfig) -> Start | str:
    """Return the start from a finished run, or why that is impossible."""
    try:
        before = run.config()
    except StorageError:
        return "is of a version that this one does not read"
    if before.format != FORMAT:
        return "was trained by another version"
    if differ := [key for key in _SAME if getattr(before.train, key) != getattr(config.train, key)]:
        return f"has another train.{differ[0]}"
    if config.train.shuffle_labels:
        return "was trained on shuffled labels, which only a training without a past can test"
    if gone := [camera for camera in before.classes if camera not in config.classes]:
        return f"knows cameras that are gone: {', '.join(gone)}"
    path = f"{run.directory}/weights.safetensors"
    try:
        data = run.store.read(path)
        weights = read_weights(data, path)
    except StorageError:
        return "has no weights that can be read"
    if fault := misfit(outline_network(config.train, len(config.classes)), weights, before.classes):
        return f"has another network: {fault}"
    new = tuple(camera for camera in config.classes if camera not in before.classes)
    return Start(run.name, hashlib.sha256(data).hexdigest(), new, "")
