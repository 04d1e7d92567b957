"""Parent: the finished run whose weights a training starts from (`train.start_from`), and why there may be none.

The choice is made once, when a run is begun, and published as `parent.json` in its folder: the run, the SHA-256 of its
weights, the cameras that are new, or why the training starts anew. So a run that was stopped goes on from the same
weights, and the same command finds the same run, however many have finished since. A parent must have been trained
by this version, on some of these cameras and no others, with the same network and without the photographs that this run
is judged on: those of `train.fold`. Splits need no such test: a photograph never changes its side.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from corpus.errors import ConfigurationError, StageError, StorageError
from corpus.storage import Store
from corpus.text import age
from train.model.checkpoints import read_weights
from train.model.network import CameraNetwork, outline_network
from train.model.parent_weights import misfit, take_weights
from train.runs.run import FORMAT, ROOT, Run, RunConfig

FILE = "parent.json"
LAST = "last"
_SAME = ("network", "front", "pooling", "loss", "fold", "shuffle_labels")
"""Keys of `train` that a parent must have alike."""


@dataclass(frozen=True)
class Parent:
    """The run that a training starts from, or why it starts anew."""

    run: str | None
    """Its name; None: the training starts anew."""
    sha256: str
    """Of its weights."""
    new_cameras: tuple[str, ...]
    """Cameras that it did not know."""
    reason: str
    """Why it starts anew; empty where it does not."""

    def sentence(self) -> str:
        """Return what people are told."""
        if self.run is None:
            return f"starts anew, train.start_from: {self.reason}"
        new = f"new cameras: {', '.join(self.new_cameras)}" if self.new_cameras else "no camera is new"
        return f"starts from the weights of {self.run}; {new}"


def parent_of(run: Run, config: RunConfig) -> Parent | None:
    """Return the parent of a run, chosen now where the run is not begun yet.

    None where `train.start_from` is not set, and where a checkpoint is there to go on from. Raises ConfigurationError
    where the run that the key names cannot be started from.
    """
    if config.train.start_from is None or not run.begins_anew:
        return None
    return read_parent(run) or _chosen(run.store, config)


def read_parent(run: Run) -> Parent | None:
    """Return what was published when a run was begun; None where nothing was."""
    path = f"{run.directory}/{FILE}"
    if not run.store.exists(path):
        return None
    told = run.store.read_json(path)
    try:
        return Parent(told["run"], told["sha256"], tuple(told["new_cameras"]), told["reason"])
    except (KeyError, TypeError) as error:
        raise StorageError(f"{run.store.url}: {path} does not say which run this one starts from; delete it") from error


def publish_parent(run: Run, parent: Parent | None) -> None:
    """Publish the parent of a run, before it is begun; what was published before stays."""
    if parent is not None and read_parent(run) is None:
        run.store.publish_json(f"{run.directory}/{FILE}", asdict(parent))


def load_parent(network: CameraNetwork, run: Run, cameras: Sequence[str]) -> None:
    """Set a network's weights to those of its run's parent, where there are any; each worker does so alike.

    Raises StageError where they are gone or others than they were when the run was begun.
    """
    parent = read_parent(run)
    if parent is None or parent.run is None:
        return
    before = Run(run.store, f"{ROOT}/{parent.run}")
    path = f"{before.directory}/weights.safetensors"
    try:
        data, known = run.store.read(path), before.config().classes
    except StorageError as error:
        raise StageError(
            f"{run.name}: starts from {parent.run}, which is gone ({error}); choose another --run"
        ) from error
    if hashlib.sha256(data).hexdigest() != parent.sha256:
        raise StageError(f"{run.name}: {path} is another file than when the run was begun; choose another --run")
    take_weights(network, read_weights(data, path), known, cameras)


def _chosen(store: Store, config: RunConfig) -> Parent:
    """Return the run that `train.start_from` names, or the last finished one that fits."""
    wanted = config.train.start_from
    if wanted != LAST:
        run = Run(store, f"{ROOT}/{wanted}")
        if run.finished is None:
            raise ConfigurationError(
                f"train.start_from: {store.url} has no finished run {wanted}; name one, or `{LAST}`"
            )
        parent = _as_parent(run, config)
        if isinstance(parent, str):
            raise ConfigurationError(f"train.start_from: {wanted} {parent}")
        return parent
    names = sorted(store.done_names(ROOT), key=age, reverse=True)
    first = "no run is finished yet"
    for place, name in enumerate(names):
        parent = _as_parent(Run(store, f"{ROOT}/{name}"), config)
        if isinstance(parent, Parent):
            return parent
        first = f"{name} {parent}" if place == 0 else first
    return Parent(None, "", (), first)


def _as_parent(run: Run, config: RunConfig) -> Parent | str:
    """Return a finished run as parent, or why it cannot be one."""
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
    return Parent(run.name, hashlib.sha256(data).hexdigest(), new, "")
